"""archive: the lossless codec against PNG and lossless WebP, and its curve of rate against T and time.

Bits per sub-pixel of photographs as they are; the file with header, checksums and fitted weights. Seconds are
those of the processor, of all threads together. JPEG XL, where Python has its plugin of Pillow.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from underdrawing.bench.harness import measures
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Table
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.harness.timing import Stopwatch
from underdrawing.core.errors import UnderdrawingError

PROTOCOL = Protocol("archive", sizes=(0,))
PEERS = {
    "png": ("PNG", {"compress_level": 9, "optimize": True}),
    "webp": ("WEBP", {"lossless": True, "method": 6, "quality": 100}),
    "jxl7": ("JXL", {"lossless": True, "effort": 7}),
    "jxl9": ("JXL", {"lossless": True, "effort": 9}),
}
"""Pillow's name and options of each peer."""
_NAMES = {
    "png": "PNG, zlib 9", "webp": "WebP lossless, m6 q100", "jxl7": "JPEG XL, effort 7",
    "jxl9": "JPEG XL, effort 9",
}  # fmt: skip
_SETS = {"kodak24": "Kodak 24", "clic2025_val": "CLIC 2025"}


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    rounds: str = "1,2,4,8,16"
    """Values of T, separated by commas."""
    peers: str = "png,webp,jxl7,jxl9"
    """Of PEERS, separated by commas."""


def run(run: Run) -> None:
    """Measure both sets."""
    settings = run.read_settings(Settings)
    counts = tuple(int(text) for text in settings.rounds.split(","))
    peers = tuple(name for name in settings.peers.split(",") if name)
    subject = run.load("masked-lossless")

    def measure(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
        return measure_photo(subject, case, counts, peers)

    parts = [
        (subject, Part(name, measures.cases_of((name,), 0), measure)) for name in PROTOCOL.quality_sets
    ]  # fmt: skip
    run_parts(replace(run, workers=1), STUDY.store(run.results), PROTOCOL, parts)


def measure_photo(subject: Subject, case: Case, counts: tuple[int, ...], peers: tuple[str, ...]) -> list[Row]:
    """One photograph by the peers and at each T. UnderdrawingError where a pixel does not come back."""
    image = case.photo.load()
    place = next(name for name in _SETS if name in case.photo.path.parts or name in str(case.photo.path))
    rows: list[Row] = []
    for name in peers:
        kind, options = PEERS[name]
        if kind != "JXL" or ".jxl" in Image.registered_extensions():
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, kind, **options)
            rows.append((f"{place}/{name}", {"bpsp": 8 * buffer.tell() / image.size}))
    pixels = image.shape[0] * image.shape[1] / 1e6
    for count in counts:
        with Stopwatch() as encoding:
            data = subject.model.pack(image, rounds=count)
        with Stopwatch() as decoding:
            decoded = subject.model.decode(data)
        if not np.array_equal(decoded, image):
            raise UnderdrawingError(f"{case.photo.name}: the decoded pixels differ from the original's")
        values = {"bpsp": 8 * len(data) / image.size, "encode_s_mp": encoding.processor / pixels}
        rows.append((f"{place}/T{count}", values | {"decode_s_mp": decoding.processor / pixels}))
    return rows


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
    return [Table(head, rows), store.conditions_table(), store.stale_note()]


STUDY = Study(
    "archive", "the lossless codec against PNG and WebP; rate against T and time", run,
    {"archive": rate_table}, Settings,
)  # fmt: skip
