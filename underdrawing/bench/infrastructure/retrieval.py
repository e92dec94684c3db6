"""Measure how often the embedding leads from an altered photograph back to the original; prints JSON.

python -m underdrawing.bench.infrastructure.retrieval --data DIR [--strangers DIR] [--step N]

Originals are the photographs of kodak24, clic2025_val and imagenet1k_one below DIR, and those in the tar
shards of --strangers beside them, which are never asked for. Each is altered, and looked for:

top1             its original comes first
top1_no_parts    the same, by the whole picture alone (no placements)
sure             it comes first with evidence of at least retrieval.SURE
wrongly_sure     with its own original taken out of the registry, some other one has that evidence
"""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from underdrawing.attacks.suites import PHOTO_BENIGN
from underdrawing.attacks.tamper import FILLS, blob, box, free_form, splice
from underdrawing.bench.harness.photographs import PhotoSets
from underdrawing.data.shards import load_photos
from underdrawing.registry.embedding import embed, pack, placements
from underdrawing.registry.retrieval import SURE
from underdrawing.registry.vectors import VectorIndex

SETS = ("kodak24", "clic2025_val", "imagenet1k_one")
SHAPES = (free_form, blob, box)
CHANNELS = {channel.name: channel for channel in PHOTO_BENIGN}
ALONE = ("jpeg30", "scale0.5", "gamma1.25", "noise10", "screenshot", "crop90%", "crop70%", "crop50%")


def queries(image, donor, number):
    """Name, picture and mask of what is untrusted (or None) of each alteration of one photograph."""
    rng = np.random.default_rng([20261, number])
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


def outcome(index, number, plain, parts):
    """What a search for one photograph gives: two neighbours are enough to leave its own out."""
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


def main() -> int:
    """Fill the index, ask, and print the shares in per cent."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--strangers", type=Path)
    parser.add_argument("--step", type=int, default=1, help="ask for every so manieth original")
    given = parser.parse_args()
    sets = PhotoSets(given.data)
    photos = [photo for name in SETS for photo in sets.photos(name)]
    index = VectorIndex()
    for number, photo in enumerate(photos, 1):
        index.add([number], [pack(embed(photo.load()))])
    for image in load_photos(given.strangers) if given.strangers else ():
        index.add([len(index) + 1], [pack(embed(image))])
    shares, strangers = defaultdict(lambda: defaultdict(list)), []
    for number in range(1, len(photos) + 1, given.step):
        image, donor = photos[number - 1].load(), photos[(7 * number + 13) % len(photos)].load()
        for name, received, mask in queries(image, donor, number):
            found, other = outcome(index, number, embed(received, mask), placements(received, mask))
            strangers.append(other)
            for key, value in found.items():
                shares[name][key].append(value)
    table = {name: {key: round(100 * float(np.mean(v)), 2) for key, v in row.items()}
             for name, row in shares.items()}  # fmt: skip
    quantiles = {str(q): round(float(np.quantile(strangers, q)), 2) for q in (0.5, 0.9, 0.99, 0.999, 1)}
    result = {"originals": len(index), "asked": len(range(0, len(photos), given.step)), "per_cent": table,
              "evidence_of_the_best_stranger": quantiles}  # fmt: skip
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
