"""Verifying: from a decoded mark to the verdict on the received picture."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np

from underdrawing.carriers.lattice.locator import absent_areas, drop_marked_regions
from underdrawing.carriers.lattice.soft_bits import clipped_share
from underdrawing.coding import payload
from underdrawing.coding.summary import recorded_facts, split_summary
from underdrawing.content.sketch.fusion import NO_SKETCH
from underdrawing.core.errors import CodeError
from underdrawing.core.types import (
    ALTERED_PROBABILITY,
    DECODED,
    FILLED,
    LOSSLESS,
    NATURAL,
    Assurance,
    Verdict,
    Witness,
)
from underdrawing.judging.assurance import (
    content_witness,
    earlier_protection,
    join_evidence,
    mark_witness,
    signed_identity,
    status,
    unvouched_blocks,
)
from underdrawing.judging.blending import recovery_region
from underdrawing.judging.lossless import refine
from underdrawing.judging.regions import (
    abs_error,
    drop_palette_regions,
    drop_unsupported_regions,
    extreme,
    has_palette,
)
from underdrawing.judging.signatures import Keys, public_key, read_signature
from underdrawing.judging.signed_content import LOCAL_BITS, add_contradictions, recover_region
from underdrawing.judging.witness.witness import Finding, SignedContent
from underdrawing.systems.photo.decoding import Marked
from underdrawing.systems.photo.parts import Parts, SketchCodec

_LEAST_BOUND = 0.1  # share of the picture that a private mark must cover to bind


def judge(
    received: np.ndarray, marked: Marked, parts: Parts, keys: Keys, secret: bytes | None = None
) -> Verdict:
    """The verdict on a received picture (H, W, 3) uint8 from its decoded mark; secret: of private mode."""
    alignment = marked.view.alignment
    image = _grid_image(received, marked)
    signed = _signed_content(marked, parts.sketch)
    content = None if signed is None else signed.sketch
    clipped = clipped_share(extreme(image))
    decoded = None if content is None else _part_in_view(content, marked, image)
    error = None if decoded is None else abs_error(image, decoded)
    pixels = _grid_image(received, marked, nearest=True)
    public = marked.binds is None  # a private mark is proof by itself, and a cleared area would be intact
    by_mark = parts.locator.locate(marked.view, marked.known, image)
    by_mark = _located(by_mark, marked, clipped, error, has_palette(pixels))
    if public:
        by_mark = drop_marked_regions(by_mark, marked.view, marked.known)
    finding = None if signed is None else parts.witness.compare(image, alignment.origin, signed)
    logits = finding.logits if public and finding is not None and signed.cells.size else None
    if decoded is not None and signed.least_sketch_bits >= LOCAL_BITS:
        by_mark = add_contradictions(image, decoded, by_mark, logits)
    if public:
        by_mark = drop_palette_regions(by_mark, pixels, logits)
    probability, rewritten = join_evidence(by_mark, finding)
    in_frame = np.clip(alignment.to_received(probability), 0, 1)
    altered = in_frame > ALTERED_PROBABILITY
    signature = read_signature(marked.base, marked.middle, marked.top, keys)
    by_content = content_witness(finding, signature, rewritten=rewritten)
    unvouched, in_view = _unvouched(image, clipped, marked, by_content)
    bound = 0.0 if marked.binds is None else round(in_view * float(marked.binds.mean()), 4)
    private = bound >= _LEAST_BOUND
    witnesses = (
        mark_witness(_fraction(by_mark, marked), bound if private else in_view, private=private),
        replace(by_content, share=in_view),
    )
    assurance = Assurance(witnesses, round(float(unvouched.mean()), 4))
    recovered, source, confidence = _recover(received, image, probability, signed, parts, marked)
    stated = None if marked.middle is None else marked.middle.previous
    verdict = Verdict(
        status=status(witnesses, assurance.unvouched_share),
        present=True,
        message="",
        identity=marked.base.identity.hex(),
        signature=signature,
        tampered_prob=in_frame,
        recovered=recovered,
        source_map=source,
        confidence=confidence,
        content=content,
        content_matches=_matches(finding, witnesses[1]),
        altered_fraction=float(altered.mean()),
        layers=marked.layers,
        assurance=assurance,
        unvouched=unvouched,
        previous=None if stated is None else stated.digits,
        recorded=None if marked.middle is None else recorded_facts(marked.middle.content),
        details=marked.numbers() | ({} if finding is None else {"content_witness": finding.numbers}),
    )
    public = public_key(marked.middle, marked.top, keys)[0] if signature.state == "valid" else None
    return _with_message(refine(verdict, received, marked.base.identity, public, secret), marked)


def _located(
    by_mark: np.ndarray, marked: Marked, clipped: np.ndarray, error: np.ndarray | None, palette: bool
) -> np.ndarray:
    """The locator's probability where anything supports it; absence shows nothing under a palette."""
    shown = np.zeros(by_mark.shape, bool) if palette else absent_areas(by_mark, marked.view, marked.known)
    return drop_unsupported_regions(by_mark, marked.evidence(), clipped, error, absent=shown)


def _fraction(probability: np.ndarray, marked: Marked) -> float:
    """Share of the received picture above the threshold of alteration."""
    in_frame = marked.view.alignment.to_received(probability)
    return float((in_frame > ALTERED_PROBABILITY).mean())


def _matches(finding: Finding | None, witness: Witness) -> bool | None:
    if finding is not None and finding.is_other:
        return False
    return None if witness.state == "silent" else True


def _unvouched(
    image: np.ndarray, clipped: np.ndarray, marked: Marked, by_content: Witness
) -> tuple[np.ndarray, float]:
    """(H, W) bool, areas of the received picture that show or carry nothing, or lie outside of the grid; and
    the share in view. Without the content's voice, also those where a private mark says nothing."""
    judged = ~unvouched_blocks(image, clipped)
    if marked.binds is not None and not by_content.binding:
        judged &= marked.binds
    alignment = marked.view.alignment
    on_grid = alignment.to_received(judged.repeat(8, 0).repeat(8, 1).astype(np.float32)) > 0.5
    in_view = alignment.to_received(np.ones(image.shape[:2], np.float32)) > 0.5
    return ~on_grid, round(float(in_view.mean()), 4)


def _grid_image(received: np.ndarray, marked: Marked, *, nearest: bool = False) -> np.ndarray:
    (rows, cols), alignment = marked.reading.altered.shape, marked.view.alignment
    sampled = alignment.nearest(received) if nearest else alignment.sample(received)
    return np.ascontiguousarray(sampled[: 8 * rows, : 8 * cols])


def _signed_content(marked: Marked, sketch: SketchCodec) -> SignedContent | None:
    """Hash and sketch of the whole picture, whether signed or not; None where neither was read."""
    first = [] if marked.middle is None else [split_summary(marked.middle.content)[0]]
    rest = [] if marked.top is None else [content for content in marked.top.content if len(content)]
    independent = marked.middle is not None and marked.middle.independent
    layers = rest if independent and rest else [content for content in (*first, *rest) if len(content)]
    rows, cols = marked.grid
    cells = np.zeros((0, *payload.cell_grid(rows, cols)), np.uint8)
    if marked.middle is not None and marked.middle.cells.size:
        cells = marked.middle.cells
    picture, density = None, np.zeros((rows, cols), np.float32)
    with suppress(CodeError):
        if layers:
            share = sketch.density(layers[0], rows, cols)
            picture = sketch.decode(layers, 8 * rows, 8 * cols)
            density = share * np.float32(sum(map(len, layers)) / (rows * cols))
    if picture is None and not cells.size:
        return None
    return SignedContent(rows, cols, cells, picture, density)


def _part_in_view(content: np.ndarray, marked: Marked, image: np.ndarray) -> np.ndarray:
    i, j = marked.view.alignment.origin
    return content[8 * i : 8 * i + image.shape[0], 8 * j : 8 * j + image.shape[1]]


def _recover(
    received: np.ndarray,
    image: np.ndarray,
    probability: np.ndarray,
    signed: SignedContent | None,
    parts: Parts,
    marked: Marked,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recovered picture, source map and confidence in the received frame."""
    alignment, content = marked.view.alignment, None if signed is None else signed.sketch
    hidden, decoded = recovery_region(probability), NATURAL if parts.natural else DECODED
    region = alignment.to_received(hidden.astype(np.float32)) > 0.5

    def complete() -> tuple[np.ndarray, np.ndarray | float]:
        (i, j), (rows, cols) = alignment.origin, (side // 8 for side in image.shape[:2])
        if content is None:
            nothing = np.full_like(image, NO_SKETCH), np.zeros((rows, cols), np.float32)
            guess, _ = parts.fuser.recover(image, hidden.astype(np.float32), *nothing)
            return alignment.to_received(guess.astype(np.float32)), 0.0
        view = np.ascontiguousarray(_part_in_view(content, marked, image))
        density = signed.density[i : i + rows, j : j + cols]
        grid, sure = (parts.natural or parts.fuser).recover(image, hidden.astype(np.float32), view, density)
        received_sure = np.clip(alignment.to_received(sure), 0, 1)
        return alignment.to_received(grid.astype(np.float32)), received_sure

    return recover_region(received, region, FILLED if content is None else decoded, complete)


def _with_message(verdict: Verdict, marked: Marked) -> Verdict:
    rows, cols = marked.reading.altered.shape
    share = rows * cols / (marked.base.rows * marked.base.cols)
    part = f" This is {share:.0%} of the protected frame." if share < 0.95 else ""
    part += earlier_protection(verdict)
    message = f"{signed_identity(verdict)}; {_finding(verdict)}{part}"
    return replace(verdict, message=message)


def _finding(verdict: Verdict) -> str:
    """The second half of the message: what the witnesses found."""
    if verdict.content_matches is False:
        return "the signed content differs from this picture: the mark was copied from another one."
    if verdict.status == "altered":
        how = "filled in by a guess, for its code was not readable"
        if (verdict.source_map == LOSSLESS).any():
            how = "shown from the lossless layer"
        elif (verdict.source_map == NATURAL).any():
            how = "drawn after the hidden code, with detail that is invented"
        elif verdict.content is not None:
            how = "shown from the hidden code"
        return (
            f"altered in {max(verdict.altered_fraction, 0.001):.1%} of the picture; what was there is {how}."
        )
    content = verdict.assurance.witness("signed content")
    if verdict.status == "unvouched":
        return f"the mark is whole, but nothing proves that this is its picture. {content.message}"
    dark = verdict.assurance.unvouched_share
    rest = (
        f" {dark:.0%} of it is black, clipped, flat or outside the frame and not vouched for."
        if dark >= 0.005
        else ""
    )
    return f"not altered.{rest}"
