"""Verifying: from a decoded mark to the verdict on the received picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from underdrawing.carriers.lattice.soft_bits import clipped_share
from underdrawing.coding import payload
from underdrawing.coding.keys import PublicKey
from underdrawing.core.errors import CodeError
from underdrawing.core.types import ALTERED_PROBABILITY, Signature, Verdict
from underdrawing.judging.blending import inpainted, recovery_region
from underdrawing.judging.regions import abs_error, drop_unsupported_regions, extreme
from underdrawing.judging.signed_content import (
    LOCAL_BITS,
    add_contradictions,
    matches_content,
    recover_region,
)
from underdrawing.systems.photo.decoding import Marked
from underdrawing.systems.photo.parts import BlockLocator, Fuser, SketchCodec

FindKey = Callable[[bytes], PublicKey | None]


def judge(
    received: np.ndarray,
    marked: Marked,
    sketch: SketchCodec,
    locator: BlockLocator,
    fuser: Fuser,
    find_key: FindKey,
) -> Verdict:
    """The verdict on a received picture (H, W, 3) uint8 from its decoded mark."""
    alignment = marked.view.alignment
    image = _grid_image(received, marked)
    probability = locator.locate(marked.view, marked.known, image)
    content = _content(marked, sketch)
    signature = read_signature(marked, find_key)
    decoded = None if content is None else _part_in_view(content, marked, image)
    error = None if decoded is None else abs_error(image, decoded)
    probability = drop_unsupported_regions(
        probability, marked.evidence(), clipped_share(extreme(image)), error
    )
    matches, bits = None, _content_bits(marked)
    if decoded is not None and bits >= LOCAL_BITS:
        again = partial(_encoded_again, image, bits, sketch)
        matches = matches_content(image, decoded, 1 - probability, again)
        probability = add_contradictions(image, decoded, probability)
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
    """Check the signature with the key from `find_key`, otherwise with the key in the picture."""
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
    """The whole picture decoded from its content code, (8 rows, 8 cols, 3) uint8."""
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


def _encoded_again(image: np.ndarray, bits: int, sketch: SketchCodec) -> np.ndarray:
    """The image decoded from a code of at most so many bits."""
    return sketch.decode(sketch.encode(image, [bits]), *image.shape[:2])


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
    hidden = recovery_region(probability)
    region = alignment.to_received(hidden.astype(np.float32)) > 0.5

    def complete() -> tuple[np.ndarray, np.ndarray | float]:
        if content is None:
            return alignment.to_received(inpainted(image, hidden).astype(np.float32)), 0.0
        view = np.ascontiguousarray(_part_in_view(content, marked, image))
        grid, sure = fuser.recover(image, hidden.astype(np.float32), view)
        received_sure = np.clip(alignment.to_received(sure), 0, 1)
        return alignment.to_received(grid.astype(np.float32)), received_sure

    return recover_region(received, region, content is not None, complete)


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
