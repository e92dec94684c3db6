"""Measure what completes a hidden code best inside an edit: transformer or fusion, or inpainting without one.

python -m underdrawing.bench.studies.completion --data DIR [--photos N]

DIR holds coco_val at any depth. Writes results/hidden-code-completion.json for `make tables`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from underdrawing.attacks.tamper import free_form
from underdrawing.bench.harness.photographs import PhotoSets, hash_photos
from underdrawing.bench.harness.protocol import Protocol
from underdrawing.bench.harness.run import conditions, write_table
from underdrawing.bench.harness.stats import Row, summarize
from underdrawing.judging.blending import inpainted
from underdrawing.metrics.quality import masked_psnr_db
from underdrawing.systems.hidden_code.content import ContentCode
from underdrawing.systems.hidden_code.message import Message
from underdrawing.systems.hidden_code.model import HiddenCode
from underdrawing.systems.hidden_code.verifying import joined

RESULTS = Path("results")
PROTOCOL = Protocol("hidden-code-completion", sizes=(256, 512), quality_sets=("coco_val",))
AREA = (0.05, 0.3)
SCALES = (3, 5, 7, 10)
SKETCHES = (256, 550, 1550, 5400)
RIM = np.ones((11, 11), np.uint8)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photos", type=int, help="at most so many")
    given = parser.parse_args()
    at = conditions(PROTOCOL)
    photos = PhotoSets(given.data, given.photos).photos("coco_val")
    tokens, sketches = ContentCode(sketches=False, codes=False), ContentCode()
    rows: list[Row] = []
    for index, photo in enumerate(photos):
        image, rng = photo.square(256)[0], np.random.default_rng([PROTOCOL.seed, index])
        mask = free_form(256, 256, rng, AREA)
        rows += completed(image, mask, tokens, sketches)
    seconds = [seconds_of_verifying(photo.square(512)[0]) for photo in photos[:5]]
    found = {
        "conditions": at,
        "data_hash": hash_photos(photos),
        "photos": len(photos),
        "size": 256,
        "figures": summarize(rows),
        "verify_512_seconds": round(float(np.median(seconds)), 3),
    }
    write_table(RESULTS / f"{PROTOCOL.name}.json", found)


def completed(
    image: np.ndarray, mask: np.ndarray, tokens: ContentCode, sketches: ContentCode
) -> Iterator[Row]:
    """PSNR inside the mask (h, w) bool of every code and everything that may complete it."""
    hidden = cv2.dilate(mask.astype(np.uint8), RIM) > 0
    left = np.where(hidden[..., None], 128, image).astype(np.uint8)
    codes = {
        f"tokens-{scales}": (tokens, tokens.tokenizer.lengths_bits(256, 256)[scales - 1]) for scales in SCALES
    }
    codes |= {f"sketch-{bits}": (sketches, bits) for bits in SKETCHES}
    yield "none/inpainting", {"psnr_db": masked_psnr_db(image, inpainted(left, hidden), mask)}
    guess = tokens.recovery(left, hidden).astype(np.float32)
    yield "none/completed", {"psnr_db": masked_psnr_db(image, _toned(left, guess, hidden), mask)}
    for name, (code, room) in codes.items():
        bits, kind = code.encode(image, room)
        told = code.read(Message(None, bits, kind), 256, 256)
        whole = code.whole(left, hidden, told)
        if told.grids:
            whole = _toned(left, whole, hidden)
        pictures = {
            "told": told.picture,
            "toned": _toned(left, told.picture, hidden),
            "completed": _levels(whole),
        }
        for how, picture in pictures.items():
            yield f"{name}/{how}", {"psnr_db": masked_psnr_db(image, picture, mask)}


def seconds_of_verifying(image: np.ndarray) -> float:
    """Seconds of verifying an edited photograph whose tokens the transformer completes."""
    system = HiddenCode(sketches=False)
    marked = system.protect(image, identity=bytes(8)).apply(image)
    marked[100:250, 150:300] = marked[300:450, 10:160]
    started = time.perf_counter()
    system.verify(marked)
    return time.perf_counter() - started


def _toned(left: np.ndarray, told: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    return _levels(joined(left, told.astype(np.float32), hidden))


def _levels(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
