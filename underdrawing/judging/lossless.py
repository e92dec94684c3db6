"""A verdict refined by the fragile layer of a lossless copy: alterations to the pixel, and what was there.

    block     exact       its tag fits: all of its bits are as they were written
              changed     the tag does not fit; the patch code of the other blocks shows what was there
    altered   a connected region of changed blocks, of which some differ from their patch by far more than its
              error, or are altered by other evidence; any, where at most .02 of all blocks are changed, as no
              codec leaves the rest exact

Changed regions that agree with their patches were re-encoded, and accuse nobody. Where tags and patches are
proven, by the owner's signature or by the secret, exact blocks are not altered whatever other evidence there
is; where they are not, the layer adds to that evidence and takes nothing away but the rim of what it finds
itself.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from underdrawing.carriers.fragile import layer
from underdrawing.carriers.fragile.blocks import BlockGrid
from underdrawing.carriers.fragile.erasures import LAYERS
from underdrawing.carriers.fragile.layer import FragileReading
from underdrawing.coding.keys import PublicKey
from underdrawing.core.types import ALTERED_PROBABILITY, LOSSLESS, Assurance, Verdict, Witness, WitnessState
from underdrawing.judging.assurance import status

NAME = "lossless layer"
_FEW = 0.02  # share of changed blocks up to which the others prove that no codec was at work
_SURE, _CLEAR = np.float32(0.99), np.float32(0.05)
_ERRORS, _LEVELS = 3.0, 2.0  # a block is altered from so many expected errors and levels on, root mean square
_CONFIRMED = 0.5  # of a changed block that other evidence shows as altered
_AROUND_PX = 1.0  # standard deviation of the window around a pixel
_SHARE_RIGHT, _SHARE_UNKNOWN = 0.31, 0.375  # wrong bits around a pixel whose own are right, or unknown
_BITS_WEIGHT, _PATCH_WEIGHT, _MOST_BY_PATCH = 12.0, 0.35, 3.5  # in nats, fitted by eye to edits of four kinds
_FAR = 4.0  # errors of the patch, by which a pixel differs that was changed
_RIM_PX = 8  # beyond a block, to which a mask of the mark reaches over the edit
_ERROR_SCALE = 24.0  # levels by which the confidence of a recovered pixel falls to 1/e


def refine(
    verdict: Verdict, received: np.ndarray, identity: bytes, public: PublicKey | None, secret: bytes | None
) -> Verdict:
    """The verdict on a received picture (H, W, 3) uint8, refined where the layer is left; its message
    is not.

    public: the key of the owner's signature, where that is valid. secret: of private mode.
    """
    reading = layer.read(received, identity, secret)
    if reading is None:
        return replace(verdict, details=verdict.details | {"lossless_layer": None})
    private = secret is not None
    exact = bool(reading.exact.all())
    signed = public is not None and reading.is_signed_exactly(public)
    if exact and (signed or private):
        return _proven(verdict, received, reading, signed)
    layers = 0 if public is None else reading.signed_layers(public)
    patched, error = _patched(received, reading)
    located = _located(verdict, received, patched, error, reading)
    # signed patches are coarser than pixels: they may narrow a mask, but not make a picture intact
    proven = private or (layers == len(LAYERS) and bool(located.any()))
    kept = _kept(verdict, reading, located, proven)
    verdict = _joined(verdict, received, (patched, reading.grid.to_pixels(error)), located, kept)
    witness = _witness(reading, located)
    return _with_witness(verdict, witness, reading, cleared=proven and not kept.any())


def _proven(verdict: Verdict, received: np.ndarray, reading: FragileReading, signed: bool) -> Verdict:
    """Of a picture whose very pixels were signed, or written under the secret."""
    nothing = np.zeros(received.shape[:2], np.float32)
    whole = "All its pixels are as they were signed" if signed else "All its blocks are as they were written"
    message = f"{whole}, but for the last bits. This excludes every edit, by whomever without the "
    message += "owner's key." if signed else "secret."
    share = reading.grid.count * reading.grid.side**2 / nothing.size
    witness = Witness(
        NAME, "agrees", True, round(1.0 if signed else share, 4), _block_share(reading), message
    )
    verdict = replace(
        verdict,
        tampered_prob=nothing,
        recovered=received.copy(),
        source_map=np.zeros(nothing.shape, np.uint8),
        confidence=np.ones_like(nothing),
        altered_fraction=0.0,
        unvouched=np.zeros(nothing.shape, bool) if signed else verdict.unvouched,
        content_matches=None if verdict.content_matches is False else verdict.content_matches,
    )
    return _with_witness(verdict, witness, reading, cleared=True)


def _block_share(reading: FragileReading) -> float:
    """Of the picture; one block is the least that the layer can name."""
    return round(1 / reading.grid.count, 6)


def _patched(received: np.ndarray, reading: FragileReading) -> tuple[np.ndarray, np.ndarray]:
    """The received picture (H, W, 3) float32 with patches in its changed blocks, and the error expected in
    each of those (count,); infinite without a patch."""
    blocks = reading.grid.split(received).astype(np.float32)
    error = np.where(reading.exact, np.float32(0), np.float32(np.inf))
    shown = ~reading.exact & (reading.known > 0)
    if shown.any():
        blocks[shown], error[shown] = reading.patches(shown)
    return np.clip(reading.grid.join(blocks, received.astype(np.float32)), 0, 255), error


def _located(
    verdict: Verdict, received: np.ndarray, patched: np.ndarray, error: np.ndarray, reading: FragileReading
) -> np.ndarray:
    """(H, W) bool: altered pixels."""
    grid, changed = reading.grid, ~reading.exact
    shape = (grid.rows, grid.cols)
    difference = np.abs(received - patched)
    squares = _block_means(grid, (difference**2).mean(2))
    strong = changed & (squares > (_ERRORS * error + _LEVELS) ** 2)
    if verdict.mask is not None:
        strong |= changed & (_block_means(grid, verdict.mask.astype(np.float32)) > _CONFIRMED)
    if changed.mean() <= _FEW:
        strong = changed
    _, labels = cv2.connectedComponents(changed.reshape(shape).astype(np.uint8), connectivity=8)
    region = np.isin(labels, np.unique(labels[strong.reshape(shape)])) & changed.reshape(shape)
    pixels = _changed_pixels(reading.checks, difference.max(2), grid.to_pixels(error))
    pixels |= grid.to_pixels(region.ravel() & ~np.isfinite(error))
    pixels &= grid.to_pixels(region.ravel())
    # where no bit is wrong: the pixels that are far from the patch, or else the whole block
    empty = region.ravel() & (_block_means(grid, pixels.astype(np.float32)) == 0) & ~_beside(pixels, grid)
    far = grid.to_pixels(empty) & (difference.max(2) > _FAR * (grid.to_pixels(error) + _LEVELS))
    return pixels | far | grid.to_pixels(empty & (_block_means(grid, far.astype(np.float32)) == 0))


def _changed_pixels(checks: np.ndarray, difference: np.ndarray, error: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels whose bits are wrong, and those in whose place the bits around and the patch speak
    for a change; a bit of a changed pixel is right by chance in one of four.

    checks: see FragileReading. difference: from the patch, largest channel; error: expected of the patch.
    """
    known = cv2.GaussianBlur((checks >= 0).astype(np.float32), (0, 0), _AROUND_PX)
    wrong = cv2.GaussianBlur((checks == 1).astype(np.float32), (0, 0), _AROUND_PX)
    share = wrong / np.maximum(known, 1e-3)
    bits = _BITS_WEIGHT * (share - np.where(checks == 0, _SHARE_RIGHT, _SHARE_UNKNOWN))
    relative = np.where(np.isfinite(error), difference / (error + _LEVELS), 0)
    return (checks == 1) | (bits + np.clip(_PATCH_WEIGHT * relative**2 - 1, -1, _MOST_BY_PATCH) > 0)


def _beside(pixels: np.ndarray, grid: BlockGrid) -> np.ndarray:
    """(count,) bool: blocks without altered pixels beside one that has some."""
    has = (_block_means(grid, pixels.astype(np.float32)) > 0).reshape(grid.rows, grid.cols)
    return cv2.dilate(has.astype(np.uint8), np.ones((3, 3), np.uint8)).ravel() > 0


def _block_means(grid: BlockGrid, values: np.ndarray) -> np.ndarray:
    """Means (count,) of a map (H, W) float32 in the blocks."""
    whole = values[: grid.rows * grid.side, : grid.cols * grid.side]
    return cv2.resize(whole, (grid.cols, grid.rows), interpolation=cv2.INTER_AREA).ravel()


def _kept(verdict: Verdict, reading: FragileReading, located: np.ndarray, proven: bool) -> np.ndarray:
    """(H, W) bool: what other evidence shows as altered, and the layer neither shows better nor disproves.

    Where nothing is proven, the layer replaces no more than the rim of its own mask: somebody may have
    written it over an edit.
    """
    other = np.zeros(located.shape, bool) if verdict.mask is None else verdict.mask
    if not proven:
        rim = 2 * (reading.grid.side + _RIM_PX) + 1
        return other & (cv2.dilate(located.astype(np.uint8), np.ones((rim, rim), np.uint8)) == 0)
    near = cv2.dilate(located.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    _, labels = cv2.connectedComponents(other.astype(np.uint8), connectivity=8)
    kept = other & ~np.isin(labels, np.unique(labels[near & other]))
    return kept & ~reading.grid.to_pixels(reading.exact)


def _joined(
    verdict: Verdict,
    received: np.ndarray,
    patches: tuple[np.ndarray, np.ndarray],
    located: np.ndarray,
    kept: np.ndarray,
) -> Verdict:
    """Mask, recovered picture and maps of both kinds of evidence. patches: picture and error (H, W)."""
    patched, error = patches
    before = np.zeros(located.shape, np.float32) if verdict.tampered_prob is None else verdict.tampered_prob
    probability = np.where(located, _SURE, np.where(kept, before, np.minimum(before, _CLEAR)))
    old_source = verdict.source_map if verdict.source_map is not None else np.zeros(located.shape, np.uint8)
    _, labels = cv2.connectedComponents((old_source > 0).astype(np.uint8), connectivity=8)
    old = (old_source > 0) & np.isin(labels, np.unique(labels[kept]))
    near = cv2.dilate(located.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    shown = near & np.isfinite(error) & (error > 0)
    old |= located & ~shown & (old_source > 0)
    source = np.where(shown, np.uint8(LOSSLESS), np.where(old, old_source, np.uint8(0)))
    recovered = received
    if verdict.recovered is not None:
        recovered = np.where(old[..., None], verdict.recovered, received)
    recovered = np.where(shown[..., None], np.rint(patched).astype(np.uint8), recovered)
    confidence = np.ones(located.shape, np.float32)
    if verdict.confidence is not None:
        confidence = np.where(old, verdict.confidence, confidence)
    confidence = np.where(shown, np.exp(-error / _ERROR_SCALE), confidence).astype(np.float32)
    return replace(
        verdict,
        tampered_prob=probability.astype(np.float32),
        recovered=recovered,
        source_map=source,
        confidence=confidence,
        altered_fraction=float((probability > ALTERED_PROBABILITY).mean()),
    )


def _witness(reading: FragileReading, located: np.ndarray) -> Witness:
    share, changed = round(float(reading.exact.mean()), 4), ~reading.exact
    state: WitnessState = "silent"
    if located.any():
        state = "contradicts"
        message = f"The lossless layer shows changes in {max(located.mean(), 0.0001):.2%} of the picture."
    elif not changed.any():
        state = "agrees"
        message = "The lossless layer is whole, but nothing proves who wrote it: anybody can by this program."
    else:
        message = (
            f"The lossless layer is left in {share:.0%} of the picture; the rest was re-encoded, and shows "
            "nothing that the layer contradicts."
        )
    return Witness(NAME, state, False, share, None, message)


def _with_witness(verdict: Verdict, witness: Witness, reading: FragileReading, *, cleared: bool) -> Verdict:
    """The verdict with the layer among its witnesses, and the status that follows.

    cleared: what contradicts the picture is disproved.
    """
    before = verdict.assurance or Assurance()
    others = before.witnesses
    if cleared:
        others = tuple(_silenced(w) if w.state == "contradicts" else w for w in others)
    witnesses = (*others, witness)
    unvouched = 0.0 if verdict.unvouched is None else round(float(verdict.unvouched.mean()), 4)
    details = {
        "exact_share": round(float(reading.exact.mean()), 6),
        "recoverable_layers": reading.layers,
        "signed": reading.header is not None and reading.header.signature is not None,
    }
    return replace(
        verdict,
        status=status(witnesses, unvouched),
        assurance=Assurance(witnesses, unvouched),
        details=verdict.details | {"lossless_layer": details},
    )


def _silenced(witness: Witness) -> Witness:
    message = f"Disproved by the lossless layer: {witness.message}"
    return replace(witness, state="silent", binding=False, least_area=None, message=message)
