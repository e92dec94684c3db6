"""What completes a hidden code best inside an edit: transformer or fusion, or inpainting without a code."""

from __future__ import annotations

import time
from collections.abc import Iterator

import cv2
import numpy as np

from underdrawing.attacks.tamper import free_form
from underdrawing.bench.harness.photographs import Photo
from underdrawing.bench.harness.run import Row, summarize
from underdrawing.judging.blending import inpainted, match_surroundings
from underdrawing.metrics.quality import masked_psnr_db
from underdrawing.systems.hidden_code.content import ContentCode
from underdrawing.systems.hidden_code.message import Message
from underdrawing.systems.hidden_code.model import HiddenCode

AREA = (0.05, 0.3)
SCALES = (3, 5, 7, 10)
SKETCHES = (256, 550, 1550, 5400)
RIM = np.ones((11, 11), np.uint8)


def measure_completion(photos: list[Photo], seed: int) -> dict:
    """PSNR inside free-form masks by code and completion, and the time of verifying with the transformer."""
    tokens, sketches = ContentCode(sketches=False, codes=False), ContentCode()
    rows: list[Row] = []
    for index, photo in enumerate(photos):
        mask = free_form(256, 256, np.random.default_rng([seed, index]), AREA)
        rows += _completed(photo.square(256)[0], mask, tokens, sketches)
    seconds = [_verify_seconds(photo.square(512)[0]) for photo in photos[:5]]
    return {"figures": summarize(rows), "verify_512_seconds": round(float(np.median(seconds)), 3)}


def _completed(
    image: np.ndarray, mask: np.ndarray, tokens: ContentCode, sketches: ContentCode
) -> Iterator[Row]:
    """PSNR inside the mask (H, W) bool of every code with every completion."""
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
        decoded = code.decode(Message(None, bits, kind), 256, 256)
        whole = code.complete(left, hidden, decoded)
        if decoded.grids:
            whole = _toned(left, whole, hidden)
        pictures = {
            "told": decoded.picture,
            "toned": _toned(left, decoded.picture, hidden),
            "completed": _levels(whole),
        }
        for way, picture in pictures.items():
            yield f"{name}/{way}", {"psnr_db": masked_psnr_db(image, picture, mask)}


def _verify_seconds(image: np.ndarray) -> float:
    """Seconds of verifying an edited photograph whose tokens the transformer completes."""
    system = HiddenCode(sketches=False)
    marked = system.protect(image, identity=bytes(8)).apply(image)
    marked[100:250, 150:300] = marked[300:450, 10:160]
    started = time.perf_counter()
    system.verify(marked)
    return time.perf_counter() - started


def _toned(left: np.ndarray, decoded: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    return _levels(match_surroundings(left, decoded.astype(np.float32), hidden))


def _levels(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
