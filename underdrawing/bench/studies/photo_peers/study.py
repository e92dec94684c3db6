"""photo-peers: ours and the peers that install, on the same photographs through the same channels."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from underdrawing.attacks.suites import by_name
from underdrawing.bench.harness.photographs import Photo, PhotoSets, hash_photos
from underdrawing.bench.harness.protocol import PHOTO_PEERS, Protocol
from underdrawing.bench.harness.run import Progress, conditions, write_table
from underdrawing.bench.harness.stats import Row, summarize
from underdrawing.bench.harness.subjects import Subject
from underdrawing.core.errors import MissingExtraError
from underdrawing.metrics.quality import psnr_db
from underdrawing.metrics.ssimulacra2 import ssimulacra2

PEERS = {"dwtDct": 32, "dwtDctSvd": 32, "rivaGan": 32, "blind-watermark": 32}
"""Peers and the bits that they hide."""
CHANNELS = (
    "none",
    "jpeg90",
    "jpeg70",
    "jpeg50",
    "webp50",
    "scale0.5",
    "crop90%",
    "crop50%",
    "noise10",
    "screenshot",
)


class PeerWorker:
    """The process in the peers' environment; closes with the context."""

    def __init__(self, python: Path) -> None:
        command = [str(python), str(Path(__file__).parent / "worker.py")]
        try:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        except OSError as error:
            raise MissingExtraError(
                f"{python}: no Python of the peers' environment; see its requirements.txt"
            ) from error

    def ask(self, **request: object) -> dict:
        """One request, one answer. MissingExtraError where the process has died."""
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise MissingExtraError("the peers' process died: are its requirements installed?")
        return json.loads(line)

    def __enter__(self) -> PeerWorker:
        return self

    def __exit__(self, *raised: object) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=30)


def run_peers(
    subject: Subject,
    data: Path,
    results: Path,
    python: Path,
    *,
    photos: int | None = None,
    systems: Sequence[str] = tuple(PEERS),
    progress: Progress | None = None,
) -> dict:
    """Measure peers and `subject`; writes results/photo-peers.json and returns it.

    python: the interpreter of the environment that bench/studies/photo_peers/requirements.txt describes.
    """
    protocol, sets = PHOTO_PEERS, PhotoSets(data, photos)
    chosen = [photo for name in protocol.quality_sets for photo in sets.photos(name)]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, PeerWorker(python) as worker:
        for index, photo in enumerate(chosen):
            rows += _measure_photo(subject, worker, Path(folder), photo, index, protocol, systems)
            if progress:
                progress(protocol.name, index + 1, len(chosen))
    versions = _peer_versions(python)
    table = {
        "name": protocol.name,
        "conditions": conditions(protocol) | {"peers": versions},
        "subject": subject.name,
        "photos": len(chosen),
        "size": protocol.sizes[0],
        "data_hash": hash_photos(chosen),
        "channels": list(CHANNELS),
        "systems": {subject.name: {"bits": 64}} | {name: {"bits": PEERS[name]} for name in systems},
        "figures": summarize(rows),
    }
    results.mkdir(parents=True, exist_ok=True)
    write_table(results / f"{protocol.name}.json", table)
    return table


def _measure_photo(
    subject: Subject,
    worker: PeerWorker,
    folder: Path,
    photo: Photo,
    index: int,
    protocol: Protocol,
    systems: Sequence[str],
) -> list[Row]:
    image, _ = photo.square(protocol.sizes[0])
    original, marked, received = (folder / f"{name}.png" for name in ("original", "marked", "received"))
    Image.fromarray(image).save(original)
    rng = np.random.default_rng([protocol.seed, index])
    start = time.perf_counter()
    protected = subject.protect(image, protocol.strength)
    rows = _container(subject.name, image, protected, time.perf_counter() - start)
    for channel in by_name(protocol.suite, *CHANNELS):
        picture = channel(protected, np.random.default_rng([protocol.seed, index, 1]))
        start = time.perf_counter()
        survived = subject.names(subject.identify(picture))
        rows.append((f"{subject.name}/{channel.name}", {"survived": survived}))
        rows.append((f"{subject.name}/read", {"seconds": time.perf_counter() - start}))
    for system in systems:
        bits = "".join(map(str, rng.integers(0, 2, PEERS[system])))
        found = worker.ask(system=system, do="embed", image=str(original), output=str(marked), bits=bits)
        if "error" in found:
            continue
        protected = np.asarray(Image.open(marked).convert("RGB"))
        rows += _container(system, image, protected, found["seconds"])
        for channel in by_name(protocol.suite, *CHANNELS):
            picture = channel(protected, np.random.default_rng([protocol.seed, index, 1]))
            Image.fromarray(picture).save(received)
            found = worker.ask(system=system, do="read", image=str(received), length=len(bits))
            rows.append((f"{system}/{channel.name}", _survival(bits, found.get("bits", ""))))
            if "seconds" in found:
                rows.append((f"{system}/read", {"seconds": found["seconds"]}))
    return rows


def _container(system: str, image: np.ndarray, protected: np.ndarray, seconds: float) -> list[Row]:
    values = {"psnr_db": psnr_db(image, protected), "ssimulacra2": ssimulacra2(image, protected)}
    return [(system, values), (f"{system}/embed", {"seconds": seconds})]


def _survival(sent: str, read: str) -> dict[str, float | bool]:
    """Whole message or not, and the share of right bits; what raised instead of reading counts as chance."""
    if len(read) != len(sent):
        return {"survived": False, "bit_accuracy": 0.5}
    right = sum(a == b for a, b in zip(sent, read, strict=True))
    return {"survived": right == len(sent), "bit_accuracy": right / len(sent)}


def _peer_versions(python: Path) -> list[str]:
    listed = subprocess.run(
        [str(python), "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=False
    ).stdout
    return [line for line in listed.splitlines() if "watermark" in line or line.startswith("opencv")]
