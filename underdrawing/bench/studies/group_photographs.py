"""group-photographs: which face was replaced, and who it was, in whole photographs of several people.

Every face gets an identity of its own, every second one is forged, then the picture passes a channel. Means
over photographs: who (identity read, of forged and of authentic faces), wrong (another identity read), region
F1 of the map at 1/2 against the pixels that the forgeries changed, found and false (faces called forged).
"""

from __future__ import annotations

import time

import numpy as np

from underdrawing import zoo
from underdrawing.attacks.channel import Channel, Jpeg, Nothing, Webp
from underdrawing.attacks.face_forgery import KINDS, Face
from underdrawing.bench.harness import measures
from underdrawing.bench.harness.record import Protocol, Store, versions_of
from underdrawing.bench.harness.render import Block, Cell, Table
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts
from underdrawing.bench.harness.subjects import Subject
from underdrawing.core.errors import ShapeError
from underdrawing.faces import CONTEXT, DetectedFace, crop
from underdrawing.faces.regions import Square
from underdrawing.metrics.quality import psnr_db
from underdrawing.systems.dawf.model import Dawf, FaceReading, localization
from underdrawing.train.face_groups import GroupFace, forge

PROTOCOL = Protocol("group-photographs", sizes=(0,), quality_sets=("wild",))
FORGERIES = ("swap", "reenact", "autoencoder", "resynthesis")
CHANNELS: tuple[Channel, ...] = (Nothing(), Jpeg(50), Webp(50))
_ROOM = 24
"""Bits of an identity."""


def run(run: Run) -> None:
    """Measure the marks of many faces."""
    subject = Subject("dawf", zoo.load("dawf"), None, versions=versions_of("dawf"))
    cases = measures.cases_of(PROTOCOL.quality_sets, 0)
    run_parts(run, STUDY.store(run.results), PROTOCOL, [(subject, Part("dawf", cases, measure))])


def measure(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    """One photograph with two faces or more."""
    image, model = case.photo.load(), subject.model
    faces, rng = model.faces(image), np.random.default_rng([protocol.seed, case.index])
    if len(faces) < 2:
        return []
    identities = [int(number) for number in rng.integers(0, 1 << _ROOM, len(faces))]
    start = time.process_time()
    marked = model.mark_faces(image, faces, identities).apply(image)
    embed_s = time.process_time() - start
    unmarked = [reading.identity is not None for reading in model.read_faces(image)]
    quality = {"psnr_db": psnr_db(image, marked), "faces": len(faces), "embed_s": embed_s}
    rows: list[Row] = [("marked", quality | {"false_accept": float(np.mean(unmarked))})]
    for kind in FORGERIES:
        picture, masks = _forged(marked, faces, kind, rng)
        for channel in CHANNELS:
            received = channel(picture, rng)
            rows.append((f"{kind}/{channel.name}", values(model, faces, identities, received, masks)))
    return rows


def _forged(
    marked: np.ndarray, faces: list[DetectedFace], kind: str, rng: np.random.Generator
) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """Every second face forged, the next one of the photograph being the donor; masks (H, W) or None."""
    picture, masks = marked, []
    for number, face in enumerate(faces):
        donor, made = faces[(number + 1) % len(faces)], None
        if number % 2 == 0:
            part = crop(marked, donor, 256, CONTEXT)
            try:
                giver = Face(part.image, part.landmarks)
                group_face = GroupFace(Square.around(face), face.landmarks, giver)
                made = forge(picture, group_face, KINDS[kind], rng)
            except ShapeError:
                made = None
        picture, mask = (picture, None) if made is None else made
        masks.append(mask)
    return picture, masks


def values(
    model: Dawf,
    faces: list[DetectedFace],
    identities: list[int],
    received: np.ndarray,
    masks: list[np.ndarray | None],
) -> dict[str, float | None]:
    """Of one received photograph."""
    start = time.process_time()
    readings = model.read_faces(received)
    seconds = time.process_time() - start
    who: dict[bool, list[float]] = {True: [], False: []}
    called: dict[bool, list[float]] = {True: [], False: []}
    wrong = []
    for face, identity, mask in zip(faces, identities, masks, strict=True):
        reading, forged = _nearest(face, readings), mask is not None
        read = None if reading is None else reading.identity
        who[forged].append(read == identity)
        wrong.append(read not in (None, identity))
        if reading is not None and reading.forged is not None:
            called[forged].append(reading.forged)
    return {
        "who_forged": _mean(who[True]),
        "who_authentic": _mean(who[False]),
        "wrong": _mean(wrong),
        "found": _mean(called[True]),
        "false": _mean(called[False]),
        "region_f1": region_f1(readings, [mask for mask in masks if mask is not None], received.shape[:2]),
        "read_s": seconds,
    }


def region_f1(readings: list[FaceReading], masks: list[np.ndarray], size: tuple[int, int]) -> float | None:
    """Of the map at 1/2 against all changed pixels of the picture; None without any."""
    if not masks:
        return None
    truth = np.max(masks, axis=0) > 0.5
    found = localization(readings, size).tampered_prob > 0.5
    return float(2 * (found & truth).sum() / max(1, found.sum() + truth.sum()))


def _nearest(face: DetectedFace, readings: list[FaceReading]) -> FaceReading | None:
    """The reading whose box has its middle in the middle of the face's box; None where there is none."""
    x, y, width, height = face.box
    for reading in readings:
        left, top, w, h = reading.box
        if abs(left + w / 2 - x - width / 2) < width / 3 and abs(top + h / 2 - y - height / 2) < height / 3:
            return reading
    return None


def _mean(found: list[float]) -> float | None:
    return float(np.mean(found)) if found else None


def table(store: Store) -> list[Block] | None:
    """Quality, then a row for each forgery and channel."""
    if "dawf" not in store.parts:
        return None
    head = ["forgery, channel", "who, forged, %", "who, authentic, %", "wrong name, %", "region F1",
            "forged faces found, %", "authentic called forged, %"]  # fmt: skip
    rows: list[list[Cell | str]] = []
    for kind in FORGERIES:
        for channel in CHANNELS:
            place = f"{kind}/{channel.name}"
            shown = [
                _cell(store, f"{place}/{name}", 100, 1) for name in ("who_forged", "who_authentic", "wrong")
            ]
            shown += [_cell(store, f"{place}/region_f1", 1, 3)]
            shown += [_cell(store, f"{place}/{name}", 100, 1) for name in ("found", "false")]
            rows.append([f"{kind}, {channel.name}", *shown])
    head2 = ["faces", "PSNR of the picture, dB", "embedding, s", "reading, s", "false accepts, %"]
    names = (("marked/faces", 1), ("marked/psnr_db", 1), ("marked/embed_s", 2), ("swap/none/read_s", 2))
    second = [
        *(_cell(store, key, 1, digits) for key, digits in names),
        _cell(store, "marked/false_accept", 100, 1),
    ]
    parts = ["dawf"]
    return [
        Table(head, rows), Table(head2, [second]), store.conditions_table(parts), store.stale_note(parts),
    ]  # fmt: skip


def _cell(store: Store, key: str, factor: float, digits: int) -> Cell:
    found = store.figures.get(key)
    return Cell("-") if found is None else Cell(f"{factor * found['mean']:.{digits}f}", store.stale([key]))


STUDY = Study(
    "group-photographs",
    "marks of many faces: which face was replaced, and who it was",
    run,
    {"group-photographs": table},
)
