"""retrieval: how often the embedding leads from an altered photograph back to its original.

Originals are the photographs of kodak24, clic2025_val and imagenet1k_one, and those in the tar shards of
`strangers` beside them, which are never queried. Each is altered, and searched for:

    top1             its original comes first
    top1_no_parts    the same, by the whole picture alone (no placements)
    sure             it comes first with evidence of at least retrieval.SURE
    wrongly_sure     with its own original removed from the registry, another one has that evidence
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from underdrawing.attacks.suites import PHOTO_BENIGN
from underdrawing.attacks.tamper import FILLS, blob, box, free_form, splice
from underdrawing.bench.harness.photographs import Photo, hash_photos
from underdrawing.bench.harness.record import Protocol, conditions, part_of
from underdrawing.bench.harness.run import Run, Study
from underdrawing.data.shards import load_photos
from underdrawing.registry.embedding import View, embed, pack, placements
from underdrawing.registry.retrieval import SURE
from underdrawing.registry.vectors import VectorIndex

PROTOCOL = Protocol("retrieval")
SETS = ("kodak24", "clic2025_val", "imagenet1k_one")
SHAPES = (free_form, blob, box)
CHANNELS = {channel.name: channel for channel in PHOTO_BENIGN}
ALONE = ("jpeg30", "scale0.5", "gamma1.25", "noise10", "screenshot", "crop90%", "crop70%", "crop50%")


def queries(
    image: np.ndarray, donor: np.ndarray, number: int
) -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
    """Name, picture and mask of the altered area (or None) of each alteration of one photograph."""
    rng = np.random.default_rng([PROTOCOL.seed, number])
    shape, fill = SHAPES[number % 3], FILLS[number // 3 % len(FILLS)]
    for name, area, content in (("edit 5-30 %", (0.05, 0.3), fill), ("edit 40-60 %", (0.4, 0.6), splice)):
        mask = shape(*image.shape[:2], rng, area)
        edited = content(image, mask, donor, rng)
        received = CHANNELS["jpeg70"](edited, rng)
        yield f"{name}, jpeg70", received, None
        yield f"{name}, jpeg70, mask known", received, mask
        for crop in ("crop90%", "crop70%") if area[1] < 0.4 else ():
            yield f"{name}, {crop}, jpeg70", CHANNELS["jpeg70"](CHANNELS[crop](edited, rng), rng), None
    for name in ALONE:
        yield name, CHANNELS[name](image, rng), None
    yield "mirrored", np.ascontiguousarray(image[:, ::-1]), None


def outcome(index: VectorIndex, number: int, plain: View, parts: list[View]) -> tuple[dict[str, bool], float]:
    """Result of the search for one photograph, and the evidence of the best other one."""
    alone, both = index.search([plain], 2), index.search([plain, *parts], 2)
    others = [found for found in both if found.number != number]
    best = alone[0] if alone[0].evidence >= SURE else both[0]
    first = best.number == number
    return {
        "top1": first,
        "top1_no_parts": alone[0].number == number,
        "sure": first and best.evidence >= SURE,
        "wrongly_sure": others[0].evidence >= SURE,
    }, others[0].evidence


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    strangers: str = ""
    """Folder of tar shards with more photographs."""
    step: int = 1
    """Every so manieth original is queried."""


def run(run: Run) -> None:
    """Fill the index, search, and write the shares in per cent."""
    settings, store, at = run.read_settings(Settings), STUDY.store(run.results), conditions(PROTOCOL)
    photos = run.sets.photos(*SETS)
    index = VectorIndex()
    for number, photo in enumerate(photos, 1):
        index.add([number], [pack(embed(photo.load()))])
    for image in load_photos(Path(settings.strangers)) if settings.strangers else ():
        index.add([len(index) + 1], [pack(embed(image))])
    facts = measure(index, photos, settings.step) | {"data_hash": hash_photos(photos)}
    store.write("embedding", "retrieval", part_of(PROTOCOL, at, {}, originals=len(index), **facts))


def measure(index: VectorIndex, photos: list[Photo], step: int) -> dict:
    """Shares in per cent by alteration, and quantiles of the evidence of the best other photograph."""
    shares: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    others = []
    for number in range(1, len(photos) + 1, step):
        image, donor = photos[number - 1].load(), photos[(7 * number + 13) % len(photos)].load()
        for name, received, mask in queries(image, donor, number):
            found, other = outcome(index, number, embed(received, mask), placements(received, mask))
            others.append(other)
            for key, value in found.items():
                shares[name][key].append(value)
    per_cent = {
        name: {key: round(100 * float(np.mean(values)), 2) for key, values in row.items()}
        for name, row in shares.items()
    }
    quantiles = {str(q): round(float(np.quantile(others, q)), 2) for q in (0.5, 0.9, 0.99, 0.999, 1)}
    asked = len(range(0, len(photos), step))
    return {"asked": asked, "per_cent": per_cent, "evidence_of_the_best_stranger": quantiles}


STUDY = Study(
    "retrieval", "how often the embedding finds the original of an altered photograph", run, settings=Settings
)
