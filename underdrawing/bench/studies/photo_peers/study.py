"""photo-peers: ours and the peers that install, on the same photographs through the same channels."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from underdrawing.attacks.suites import by_name
from underdrawing.bench.harness.photographs import Photo, hash_photos
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Table
from underdrawing.bench.harness.run import Row, Run, Study, summarize
from underdrawing.bench.harness.subjects import Subject
from underdrawing.core.errors import MissingExtraError, UsageError
from underdrawing.metrics.quality import psnr_db
from underdrawing.metrics.ssimulacra2 import ssimulacra2

PROTOCOL = Protocol("photo-peers", sizes=(512,))
PART = "peers"
PEERS = {"dwtDct": 32, "dwtDctSvd": 32, "rivaGan": 32, "blind-watermark": 32}
"""Peers and the bits that they embed."""
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


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    peers_python: str = ""
    """Interpreter of the environment that requirements.txt describes."""


def run(run: Run, protocol: Protocol = PROTOCOL) -> None:
    """Measure the main system and the peers."""
    python = Path(run.read_settings(Settings).peers_python)
    if python == Path():
        raise UsageError("photo-peers needs --peers-python, see its requirements.txt")
    subject, photos = run.load("photo"), run.sets.photos(*protocol.quality_sets)

    def values() -> dict[str, object]:
        rows: list[Row] = []
        with tempfile.TemporaryDirectory() as folder, PeerWorker(python) as worker:
            for index, photo in enumerate(photos):
                rows += _measure_photo(subject, worker, Path(folder), photo, index, protocol)
                run.progress(PART, index + 1, len(photos))
        known = {"photos": len(photos), "data_hash": hash_photos(photos), "channels": list(CHANNELS)}
        return known | {"bits": {subject.name: 64} | PEERS, "figures": summarize(rows)}

    run.write_once(STUDY, protocol, (subject.name, PART), values, peers=_peer_versions(python))


def _measure_photo(
    subject: Subject,
    worker: PeerWorker,
    folder: Path,
    photo: Photo,
    index: int,
    protocol: Protocol,
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
        survived = subject.matches(subject.identify(picture))
        rows.append((f"{subject.name}/{channel.name}", {"survived": survived}))
        rows.append((f"{subject.name}/read", {"seconds": time.perf_counter() - start}))
    for system in PEERS:
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
    """Whole message or not, and the share of right bits; an error of the reader counts as chance."""
    if len(read) != len(sent):
        return {"survived": False, "bit_accuracy": 0.5}
    right = sum(a == b for a, b in zip(sent, read, strict=True))
    return {"survived": right == len(sent), "bit_accuracy": right / len(sent)}


def _peer_versions(python: Path) -> list[str]:
    listed = subprocess.run(
        [str(python), "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=False
    ).stdout
    return [line for line in listed.splitlines() if "watermark" in line or line.startswith("opencv")]


def table(store: Store) -> Sequence[Block] | None:
    """The main system beside the peers: container, bits, survival of whole messages, milliseconds."""
    if PART not in store.parts:
        return None
    part = store.parts[PART]
    rows = []
    for system, bits in part["bits"].items():
        quality = [store.cell(f"{system}/{metric}", 1) for metric in ("psnr_db", "ssimulacra2")]
        survived = [store.cell(f"{system}/{channel}/survived", 0, scale=100) for channel in part["channels"]]
        times = [store.cell(f"{system}/{step}/seconds", 0, "median", 1000) for step in ("embed", "read")]
        # the versions recorded are those of the main system: peers do not change with it
        own = system == next(iter(part["bits"]))
        cells = [*quality, *survived, *times]
        rows.append([system, str(bits), *(cells if own else (cell.text for cell in cells))])
    side = part["protocol"]["sizes"][0]
    head = ("system", "bits", "PSNR dB", "SSIMULACRA2", *part["channels"], "embed ms", "read ms")
    about = f"{part['photos']} photos at {side}x{side}, {store.measured_at(PART)}."
    return [
        Table(head, rows),
        f"Per cent of photos whose whole message was read. {about}",
        store.stale_note(),
    ]


STUDY = Study(
    "photo-peers",
    "the main system and other watermarks that install, on the same photographs and channels",
    run,
    {"photo-peers": table},
    Settings,
)
