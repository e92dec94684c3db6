"""archive: the lossless codec against others, its curve of rate against T and time, and what comes back.

kodak24, clic2025_val  bits per sub-pixel of photographs as they are; the file with header and checksums
fullsize               photographs of cameras at T = 4: rate, time by the clock, peak memory
pngsuite               pictures of PngSuite that `pack` and `unpack` give back, pixel for pixel

Seconds are those of the processor, of all threads together, where nothing else is said. JPEG XL, where Python
has its plugin of Pillow.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from underdrawing import api
from underdrawing.bench.harness import measures
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Table
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts, summarize
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.harness.timing import Stopwatch, timed
from underdrawing.core.errors import PictureError, UnderdrawingError
from underdrawing.data.pictures import load_picture

PROTOCOL = Protocol("archive", sizes=(0,))
PEERS = {
    "png": ("PNG", {"compress_level": 9, "optimize": True}),
    "jpeg2000": ("JPEG2000", {"irreversible": False}),
    "webp": ("WEBP", {"lossless": True, "method": 6, "quality": 100}),
    "jxl7": ("JXL", {"lossless": True, "effort": 7}),
    "jxl9": ("JXL", {"lossless": True, "effort": 9}),
}
"""Pillow's name and options of each peer."""
_NAMES = {
    "png": "PNG, zlib 9", "jpeg2000": "JPEG 2000, no colour transform", "webp": "WebP lossless, m6 q100",
    "jxl7": "JPEG XL, effort 7", "jxl9": "JPEG XL, effort 9",
}  # fmt: skip
_SETS = {"kodak24": "Kodak 24", "clic2025_val": "CLIC 2025"}
_FULL_ROUNDS = 4


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    rounds: str = "1,2,4,8,16"
    """Values of T, separated by commas."""
    peers: str = "png,jpeg2000,webp,jxl7,jxl9"
    """Of PEERS, separated by commas."""


def run(run: Run) -> None:
    """Measure both sets, the photographs at full size, and PngSuite."""
    settings = run.read_settings(Settings)
    counts = tuple(int(text) for text in settings.rounds.split(","))
    peers = tuple(name for name in settings.peers.split(",") if name)
    subject = run.load("masked-lossless")

    def measure(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
        return measure_photo(subject, case, counts, peers)

    parts = [
        (subject, Part(name, measures.cases_of((name,), 0), measure)) for name in PROTOCOL.quality_sets
    ]  # fmt: skip
    full = measures.cases_of((PROTOCOL.full_set,), 0)
    parts.append((subject, Part(PROTOCOL.full_set, full, measure_full)))
    if any(run.selects(part.name) for _, part in parts):
        run_parts(replace(run, workers=1), STUDY.store(run.results), PROTOCOL, parts)
    run.write_once(STUDY, PROTOCOL, ("masked-lossless", "pngsuite"), lambda: measure_pngsuite(run.sets.root))


def measure_photo(subject: Subject, case: Case, counts: tuple[int, ...], peers: tuple[str, ...]) -> list[Row]:
    """One photograph by the peers and at each T. UnderdrawingError where a pixel does not come back."""
    image = case.photo.load()
    place = next(name for name in _SETS if name in case.photo.path.parts or name in str(case.photo.path))
    rows: list[Row] = [(f"{place}/{name}", {"bpsp": size}) for name, size in _peer_rates(image, peers)]
    for count in counts:
        rows.append((f"{place}/T{count}", _coded(subject, case, image, count)))
    return rows


def measure_full(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    """One large photograph at T = 4: also its peak memory, and megapixels a second by the clock."""
    image = case.photo.load()
    packed = subject.model.pack(image, rounds=_FULL_ROUNDS)
    pixels = image.shape[0] * image.shape[1] / 1e6
    values = _coded(subject, case, image, _FULL_ROUNDS) | {"megapixels": pixels}
    for side, step in (
        ("encode", lambda: subject.model.pack(image, rounds=_FULL_ROUNDS)),
        ("decode", lambda: subject.model.decode(packed)),
    ):
        seconds, peak = timed(step, 1)
        values[f"{side}_mp_s"] = pixels / seconds
        values |= {} if peak is None else {f"{side}_peak_mib": peak}
    return [(f"fullsize/T{_FULL_ROUNDS}", values)]


def measure_pngsuite(root: Path) -> dict:
    """How many pictures of the pngsuite.tar below a folder come back; unreadable ones are counted too."""
    archives = sorted(root.rglob("pngsuite.tar"))
    if not archives:
        raise PictureError(f"{root}: no pngsuite.tar below it")
    rows: list[Row] = []
    digest = hashlib.sha256(archives[0].read_bytes()).hexdigest()[:12]
    start = time.time()
    with tarfile.open(archives[0]) as archive:
        members = [member for member in archive if member.name.endswith(".png")]
        for member in members:
            data = archive.extractfile(member).read()
            try:
                before = load_picture(data)
            except UnderdrawingError:
                rows.append(("pngsuite", {"readable": False}))
                continue
            kept = api.unpack(api.pack(data, keep="pixels").data)
            same = kept.picture is not None and _same(kept.picture, before)
            whole = api.unpack(api.pack(data).data)
            same = same and (whole.data == data if whole.data is not None else _same(whole.picture, before))
            rows.append(("pngsuite", {"readable": True, "returned": same}))
    facts = {"photos": len(members), "strength": 1.0, "data_hash": digest}
    return facts | {"seconds": round(time.time() - start, 1), "figures": summarize(rows)}


def _same(found: object, wanted: object) -> bool:
    return all(
        np.array_equal(getattr(found, name), getattr(wanted, name), equal_nan=False)
        for name in ("pixels", "alpha")
        if getattr(wanted, name) is not None
    )


def _peer_rates(image: np.ndarray, peers: tuple[str, ...]) -> list[tuple[str, float]]:
    """Bits per sub-pixel by the peers that Pillow has."""
    found = []
    for name in peers:
        kind, options = PEERS[name]
        if kind != "JXL" or ".jxl" in Image.registered_extensions():
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, kind, **options)
            found.append((name, 8 * buffer.tell() / image.size))
    return found


def _coded(subject: Subject, case: Case, image: np.ndarray, count: int) -> dict[str, float]:
    """Rate and processor seconds at T = count."""
    with Stopwatch() as encoding:
        data = subject.model.pack(image, rounds=count)
    with Stopwatch() as decoding:
        decoded = subject.model.decode(data)
    if not np.array_equal(decoded, image):
        raise UnderdrawingError(f"{case.photo.name}: the decoded pixels differ from the original's")
    pixels = image.shape[0] * image.shape[1] / 1e6
    seconds = {"encode_s_mp": encoding.processor / pixels, "decode_s_mp": decoding.processor / pixels}
    return {"bpsp": 8 * len(data) / image.size} | seconds


def rate_table(store: Store) -> list[Block] | None:
    """Bits per sub-pixel of all codecs, and what each T costs."""
    if not store.parts:
        return None
    found = {key.split("/")[1] for key in store.figures}
    counts = sorted((int(name[1:]) for name in found if name[:1] == "T"), key=int)
    rows = [
        (_NAMES[name], *(store.cell(f"{place}/{name}/bpsp", 3) for place in _SETS), "-", "-")
        for name in PEERS if name in found
    ]  # fmt: skip
    for count in counts:
        rates = [store.cell(f"{place}/T{count}/bpsp", 3) for place in _SETS]
        seconds = [store.cell(f"kodak24/T{count}/{side}_s_mp", 2) for side in ("encode", "decode")]
        rows.append((f"masked-lossless, T = {count}", *rates, *seconds))
    head = (
        "codec",
        *(f"{name}, bits per sub-pixel" for name in _SETS.values()),
        "encode, s/MP",
        "decode, s/MP",
    )
    return [Table(head, rows), *_large(store), store.conditions_table(), store.stale_note()]


def _large(store: Store) -> list[Block]:
    """What large photographs and PngSuite gave."""
    place = f"fullsize/T{_FULL_ROUNDS}"
    cell = store.cell
    if f"{place}/bpsp" not in store.figures and "pngsuite/returned" not in store.figures:
        return []
    row = (
        cell(f"{place}/megapixels", 1), cell(f"{place}/bpsp", 3),
        *(cell(f"{place}/{side}_mp_s", 2) for side in ("encode", "decode")),
        *(cell(f"{place}/{side}_peak_mib", 0) for side in ("encode", "decode")),
        cell("pngsuite/returned", 0, scale=100),
    )  # fmt: skip
    head = (
        f"large photographs, T = {_FULL_ROUNDS}: MP", "bits per sub-pixel", "encode, MP/s by the clock",
        "decode, MP/s", "encode, peak MiB", "decode, peak MiB", "PngSuite: % of readable files returned",
    )  # fmt: skip
    return [Table(head, [row])]


STUDY = Study(
    "archive", "the lossless codec against others; rate against T and time, memory, PngSuite", run,
    {"archive": rate_table}, Settings,
)  # fmt: skip
