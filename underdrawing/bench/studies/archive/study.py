"""archive: the lossless codec against others, its curve of rate against T and time, and what comes back.

kodak24, clic2025_val  bits per sub-pixel of photographs as they are; the file with header and checksums
peers-kodak24, ...     the same by the other codecs that are installed; slow-peers-kodak24, ...: by those of
                       them that take 5 to 20 s a megapixel
orders                 kodak24 at T = 4 and 16 in every order of the pixels within a mask
fullsize               photographs of cameras at T = 4: rate, time by the clock, peak memory
pngsuite               pictures of PngSuite that `pack` and `unpack` give back, pixel for pixel

Seconds are those of the processor, of all threads together, where nothing else is said.
"""

from __future__ import annotations

import hashlib
import tarfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from underdrawing import api
from underdrawing.bench.harness import measures
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Table
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts, summarize
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.harness.timing import Stopwatch, observed
from underdrawing.bench.studies.archive.peers import PEERS
from underdrawing.core.errors import PictureError, UnderdrawingError
from underdrawing.data.pictures import load_picture
from underdrawing.nets.masked_order import ORDERS

PROTOCOL = Protocol("archive", sizes=(0,))
_SETS = {"kodak24": "Kodak 24", "clic2025_val": "CLIC 2025"}
_FULL_ROUNDS = 4
_ORDER_ROUNDS = (4, 16)
_ORDER_LABELS = {
    "whole": "each mask at once", "halves": "two halves, as on a chessboard (default)",
    "entropy": "four parts, lowest predicted entropy first",
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    rounds: str = "1,2,4,8,16"
    """Values of T, separated by commas."""
    peers: str = ",".join(PEERS)
    """Of PEERS, separated by commas."""


def run(run: Run) -> None:
    """Measure both sets by the codec and by its peers, the photographs at full size, and PngSuite."""
    settings = run.read_settings(Settings)
    counts = tuple(int(text) for text in settings.rounds.split(","))
    peers = tuple(name for name in settings.peers.split(",") if name)
    subject, others = run.load("masked-lossless"), Subject("peers", None, None)

    def measure(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
        return measure_photo(subject, case, counts)

    def measure_others(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
        return measure_peers(case, tuple(name for name in peers if not PEERS[name].slow))

    def measure_slow(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
        return measure_peers(case, tuple(name for name in peers if PEERS[name].slow))

    parts = []
    for name in PROTOCOL.quality_sets:
        cases = measures.cases_of((name,), 0)
        parts += [
            (subject, Part(name, cases, measure)),
            (others, Part(f"peers-{name}", cases, measure_others)),
            (others, Part(f"slow-peers-{name}", cases, measure_slow)),
        ]
    parts.append((subject, Part("orders", measures.cases_of(("kodak24",), 0), measure_orders)))
    full = measures.cases_of((PROTOCOL.full_set,), 0)
    parts.append((subject, Part(PROTOCOL.full_set, full, measure_full)))
    if any(run.selects(part.name) for _, part in parts):
        run_parts(replace(run, workers=1), STUDY.store(run.results), PROTOCOL, parts)
    run.write_once(STUDY, PROTOCOL, ("masked-lossless", "pngsuite"), lambda: measure_pngsuite(run.sets.root))


def measure_photo(subject: Subject, case: Case, counts: tuple[int, ...]) -> list[Row]:
    """One photograph at each T. UnderdrawingError where a pixel does not come back."""
    image, place = case.photo.load(), _set_of(case)
    return [(f"{place}/T{count}", _coded(*_functions(subject, count), case, image)) for count in counts]


def measure_peers(case: Case, names: tuple[str, ...]) -> list[Row]:
    """One photograph by those of PEERS that are installed; errors as measure_photo."""
    image, rows = case.photo.load(), []
    for name in names:
        with suppress(ImportError):
            rows.append(
                (f"{_set_of(case)}/{name}", _coded(PEERS[name].encode, PEERS[name].decode, case, image))
            )
    return rows


def _set_of(case: Case) -> str:
    return next(name for name in _SETS if name in case.photo.path.parts or name in str(case.photo.path))


def measure_orders(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    """One photograph in every order of the pixels within a mask; errors as measure_photo."""
    image, model = case.photo.load(), subject.model
    return [
        (
            f"orders/{order}/T{count}",
            _coded(partial(model.pack, rounds=count, order=order), model.decode, case, image),
        )
        for order in ORDERS
        for count in _ORDER_ROUNDS
    ]


def measure_full(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    """One large photograph at T = 4: also its peak memory, and megapixels a second by the clock."""
    image = case.photo.load()
    encode, decode = _functions(subject, _FULL_ROUNDS)
    data, encoding, encode_peak = observed(partial(encode, image))
    decoded, decoding, decode_peak = observed(partial(decode, data))
    values = _figures(case, image, data, decoded) | {"megapixels": _megapixels(image)}
    for side, spent, peak in (("encode", encoding, encode_peak), ("decode", decoding, decode_peak)):
        values |= {f"{side}_mp_s": values["megapixels"] / spent.clock}
        values |= {f"{side}_s_mp": spent.processor / values["megapixels"]}
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


def _functions(subject: Subject, count: int) -> tuple[Callable, Callable]:
    """Encoder at T = count, and decoder."""
    return partial(subject.model.pack, rounds=count), subject.model.decode


def _coded(encode: Callable, decode: Callable, case: Case, image: np.ndarray) -> dict[str, float]:
    """Rate and processor seconds of one codec."""
    with Stopwatch() as encoding:
        data = encode(image)
    with Stopwatch() as decoding:
        decoded = decode(data)
    pixels = _megapixels(image)
    seconds = {"encode_s_mp": encoding.processor / pixels, "decode_s_mp": decoding.processor / pixels}
    return _figures(case, image, data, decoded) | seconds


def _figures(case: Case, image: np.ndarray, data: bytes, decoded: np.ndarray) -> dict[str, float]:
    """Bits per sub-pixel. UnderdrawingError where the pixels differ."""
    if not np.array_equal(decoded, image):
        raise UnderdrawingError(f"{case.photo.name}: the decoded pixels differ from the original's")
    return {"bpsp": 8 * len(data) / image.size}


def _megapixels(image: np.ndarray) -> float:
    return image.shape[0] * image.shape[1] / 1e6


def rate_table(store: Store) -> list[Block] | None:
    """Bits per sub-pixel of all codecs, and what each T costs."""
    if not store.parts:
        return None
    found = {key.split("/")[1] for key in store.figures}
    counts = sorted((int(name[1:]) for name in found if name[:1] == "T"), key=int)
    labels = [(name, PEERS[name].label) for name in PEERS if name in found]
    rows = []
    for name, label in labels + [(f"T{count}", f"masked-lossless, T = {count}") for count in counts]:
        rates = [store.cell(f"{place}/{name}/bpsp", 3) for place in _SETS]
        seconds = [store.cell(f"kodak24/{name}/{side}_s_mp", 2) for side in ("encode", "decode")]
        rows.append((label, *rates, *seconds))
    head = (
        "codec",
        *(f"{name}, bits per sub-pixel" for name in _SETS.values()),
        "encode, s/MP",
        "decode, s/MP",
    )
    names = [name for name in store.parts if name != "orders"]
    return [Table(head, rows), *_large(store), store.conditions_table(names), store.stale_note(names)]


def orders_table(store: Store) -> list[Block] | None:
    """Rate and time in every order of the pixels within a mask."""
    if "orders" not in store.parts:
        return None
    keys = [
        f"T{count}/{metric}" for count in _ORDER_ROUNDS for metric in ("bpsp", "encode_s_mp", "decode_s_mp")
    ]
    head = [
        f"T = {count}: {text}" for count in _ORDER_ROUNDS
        for text in ("bits per sub-pixel", "encode, s/MP", "decode, s/MP")
    ]  # fmt: skip
    rows = [
        (label, *(store.cell(f"orders/{order}/{key}", 3 if "bpsp" in key else 2) for key in keys))
        for order, label in _ORDER_LABELS.items()
    ]
    names = ("orders",)
    return [Table(("Kodak 24", *head), rows), store.conditions_table(names), store.stale_note(names)]


def _large(store: Store) -> list[Block]:
    """What large photographs and PngSuite gave."""
    place = f"fullsize/T{_FULL_ROUNDS}"
    cell = store.cell
    if f"{place}/bpsp" not in store.figures and "pngsuite/returned" not in store.figures:
        return []
    row = (
        cell(f"{place}/megapixels", 1), cell(f"{place}/bpsp", 3),
        *(cell(f"{place}/{side}_mp_s", 2) for side in ("encode", "decode")),
        *(cell(f"{place}/{side}_s_mp", 2) for side in ("encode", "decode")),
        *(cell(f"{place}/{side}_peak_mib", 0) for side in ("encode", "decode")),
        cell("pngsuite/returned", 0, scale=100),
    )  # fmt: skip
    head = (
        f"large photographs, T = {_FULL_ROUNDS}: MP", "bits per sub-pixel", "encode, MP/s by the clock",
        "decode, MP/s", "encode, s/MP of processor", "decode, s/MP", "encode, peak MiB", "decode, peak MiB",
        "PngSuite: % of readable files returned",
    )  # fmt: skip
    return [Table(head, [row])]


STUDY = Study(
    "archive", "the lossless codec against others; rate against T and time, memory, PngSuite", run,
    {"archive": rate_table, "archive-orders": orders_table}, Settings,
)  # fmt: skip
