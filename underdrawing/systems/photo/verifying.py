"""Verifying: from a found mark to the verdict on the received picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from underdrawing.carriers.lattice.soft_bits import clipped_share
from underdrawing.coding import payload
from underdrawing.coding.keys import PublicKey
from underdrawing.core.errors import CodeError
from underdrawing.core.types import ALTERED_PROBABILITY, DECODED, FILLED, UNTOUCHED, Signature, Verdict
from underdrawing.judging.agreement import correlation
from underdrawing.judging.blending import blend, inpainted, recovery_region
from underdrawing.judging.contradiction import contradicted
from underdrawing.judging.regions import abs_error, drop_unsupported_regions, extreme
from underdrawing.systems.photo.decoding import Marked
from underdrawing.systems.photo.parts import BlockLocator, Fuser, SketchCodec

FindKey = Callable[[bytes], PublicKey | None]

_TOLD = np.float32(0.9)  # probability of what only the signed content tells
_LEAST_CONTENT_BITS = (
    250  # a shorter code tells the gist: it says neither what a place showed nor that this is another picture
)
_CLEAR_CORRELATION = 0.85  # of untouched surroundings with the signed content: nothing more to ask
_LEAST_CORRELATION = 0.5  # below it the signed content is that of another picture: a claim not made lightly


def judge(
    received: np.ndarray,
    marked: Marked,
    sketch: SketchCodec,
    reader: BlockLocator,
    fuser: Fuser,
    find_key: FindKey,
) -> Verdict:
    """The verdict on a received picture (H, W, 3) uint8 whose mark was found and decoded."""
    alignment = marked.view.alignment
    image = _grid_image(received, marked)
    probability = reader.locate(marked.view, marked.known, image)
    content = _content(marked, sketch)
    signature = read_signature(marked, find_key)
    told = None if content is None else _part_in_view(content, marked, image)
    gap = None if told is None else abs_error(image, told)
    probability = drop_unsupported_regions(probability, marked.evidence(), clipped_share(extreme(image)), gap)
    matches = None
    if told is not None:
        matches = _content_matches(image, told, probability, _content_bits(marked), sketch)
        if _content_bits(marked) >= _LEAST_CONTENT_BITS:
            probability = np.where(contradicted(image, told, probability), _TOLD, probability)
    if matches is False:
        probability = np.ones_like(probability)
    in_frame = np.clip(alignment.to_received(probability), 0, 1)
    altered = in_frame > ALTERED_PROBABILITY
    fraction = float(altered.mean())
    recovered, source, confidence = _recover(received, image, probability, content, fuser, marked)
    verdict = Verdict(
        status="altered" if fraction > 0 or matches is False else "intact",
        present=True,
        message="",
        identity=marked.base.identity.hex(),
        signature=signature,
        tampered_prob=in_frame,
        recovered=recovered,
        source_map=source,
        confidence=confidence,
        content=content,
        content_matches=matches,
        altered_fraction=fraction,
        layers=marked.layers,
        details=details(marked),
    )
    return _with_message(verdict, marked)


def details(marked: Marked) -> dict:
    """The numbers behind a verdict."""
    alignment, equalizer = marked.view.alignment, marked.view.equalizer
    rows, cols = marked.reading.altered.shape
    return {
        "scale": round(alignment.scaled[0] / alignment.height, 5),
        "offset_px": alignment.offset,
        "origin_blocks": alignment.origin,
        "angle_degrees": alignment.angle,
        "mirrored": alignment.mirrored,
        "upside_down": alignment.upside_down,
        "strength": alignment.level.strength,
        "lift": alignment.level.texture_gain,
        "grid_blocks": (marked.base.rows, marked.base.cols),
        "share_of_frame": round(rows * cols / (marked.base.rows * marked.base.cols), 4),
        "equalizer": {
            "blur_px": equalizer.blur,
            "gain": round(equalizer.gain, 3),
            "gamma": equalizer.gamma,
        },
        "false_accept_probability": marked.tried * 2 * 2.0**-32,
    }


def read_signature(marked: Marked, find_key: FindKey) -> Signature:
    """The state of the signature: with the key at hand, else with the one that the picture carries."""
    middle = marked.middle
    if middle is None or middle.fingerprint is None:
        return Signature("absent")
    known = find_key(middle.fingerprint)
    public = known
    if (
        public is None
        and marked.top is not None
        and marked.top.public is not None
        and marked.top.public.short == middle.fingerprint
    ):
        public = marked.top.public
    if public is None:
        return Signature("unknown", middle.fingerprint.hex())
    valid = payload.check_signature(marked.base, middle, public)
    return Signature("valid" if valid else "invalid", public.fingerprint, trusted=known is not None)


def _grid_image(received: np.ndarray, marked: Marked) -> np.ndarray:
    rows, cols = marked.reading.altered.shape
    return np.ascontiguousarray(marked.view.alignment.sample(received)[: 8 * rows, : 8 * cols])


def _content(marked: Marked, sketch: SketchCodec) -> np.ndarray | None:
    """The whole picture as its hidden code describes it, (8 rows, 8 cols, 3) uint8."""
    parts = [part.content for part in (marked.middle, marked.top) if part is not None]
    layers = [content for content in parts if len(content)]
    if not layers:
        return None
    try:
        return sketch.decode(layers, 8 * marked.base.rows, 8 * marked.base.cols)
    except CodeError:
        return None


def _content_bits(marked: Marked) -> int:
    return sum(len(part.content) for part in (marked.middle, marked.top) if part is not None)


def _part_in_view(content: np.ndarray, marked: Marked, image: np.ndarray) -> np.ndarray:
    i, j = marked.view.alignment.origin
    return content[8 * i : 8 * i + image.shape[0], 8 * j : 8 * j + image.shape[1]]


def _content_matches(
    image: np.ndarray, told: np.ndarray, probability: np.ndarray, bits: int, sketch: SketchCodec
) -> bool | None:
    """Whether the picture where it seems untouched is the signed one; None where nothing can be said.

    A code of few bits describes its own picture badly too. So before a copy is claimed, the received picture
    is put through a code of as many bits, and the two descriptions are compared.
    """
    if bits < _LEAST_CONTENT_BITS:
        return None
    alike = correlation(image, told, 1 - probability)
    if alike is not None and alike <= _CLEAR_CORRELATION:
        own = sketch.decode(sketch.encode(image, [bits]), *image.shape[:2])
        again = correlation(own, told, 1 - probability)
        alike = alike if again is None else max(alike, again)
    return None if alike is None else alike > _LEAST_CORRELATION


def _recover(
    received: np.ndarray,
    image: np.ndarray,
    probability: np.ndarray,
    content: np.ndarray | None,
    fuser: Fuser,
    marked: Marked,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recovered picture, source map and confidence in the received frame."""
    alignment = marked.view.alignment
    anew = recovery_region(probability)
    region = alignment.to_received(anew.astype(np.float32)) > 0.5
    source = np.where(region, DECODED if content is not None else FILLED, UNTOUCHED).astype(np.uint8)
    if not region.any():
        return received.copy(), source, np.ones(region.shape, np.float32)
    if content is None:
        grid, sure = inpainted(image, anew), np.zeros(anew.shape, np.float32)
    else:
        told = np.ascontiguousarray(_part_in_view(content, marked, image))
        grid, sure = fuser.recover(image, anew.astype(np.float32), told)
    written = np.clip(alignment.to_received(grid.astype(np.float32)), 0, 255)
    confidence = np.where(region, np.clip(alignment.to_received(sure), 0, 1), 1).astype(np.float32)
    return blend(received, written, region), source, confidence


def _with_message(verdict: Verdict, marked: Marked) -> Verdict:
    who = f"Protected as {verdict.identity}"
    signer = {
        "valid": f", signed by key {verdict.signature.key}",
        "invalid": ", but the signature does not hold",
        "unknown": f", signed by key {verdict.signature.key}..., which is not at hand",
        "absent": ", no signature read",
    }[verdict.signature.state]
    rows, cols = marked.reading.altered.shape
    share = rows * cols / (marked.base.rows * marked.base.cols)
    part = f" This is {share:.0%} of the protected frame." if share < 0.95 else ""
    if verdict.content_matches is False:
        what = "the signed content differs from this picture: the mark was copied from another one."
    elif verdict.status == "altered":
        if verdict.content is None:
            how = "filled in by a guess, for its code was not readable"
        else:
            how = "shown from the hidden code"
        what = (
            f"altered in {max(verdict.altered_fraction, 0.001):.1%} of the picture; what was there is {how}."
        )
    else:
        what = "not altered."
    return replace(verdict, message=f"{who}{signer}; {what}{part}")
