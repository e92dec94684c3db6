"""From what a carrier read to the verdict: where the picture was altered, and what was there.

All of it in the frame of the whole marked picture; what a cropped one does not show counts as hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from underdrawing.carriers.carrier import Frame, Reading
from underdrawing.carriers.lattice.soft_bits import clipped_share
from underdrawing.coding.keys import PublicKey
from underdrawing.core.types import DECODED, FILLED, UNTOUCHED, Signature, Verdict
from underdrawing.judging.agreement import correlation
from underdrawing.judging.blending import blend, recovery_region, spread
from underdrawing.judging.contradiction import contradicted
from underdrawing.judging.regions import abs_error, drop_unsupported_regions, extreme, gradients
from underdrawing.systems.hidden_code.content import ContentCode, Told
from underdrawing.systems.hidden_code.message import Message

FindKey = Callable[[bytes], PublicKey | None]

_ALTERED = 0.5  # probability from which a pixel counts as altered
_TOLD = np.float32(0.9)  # probability of what only the code tells
_UNKNOWN = 0.2  # probability below which a place shows how well the code describes this picture
_LEAST_LIKENESS = 0.5  # below it the code is that of another picture
_NEAR_LEVELS = 16.0  # confidence is the probability of an error below so many 8-bit levels
_LEAST_PIXELS = 256  # untouched, to learn that probability from


class _Scene(NamedTuple):
    """The received picture in the frame of the whole."""

    image: np.ndarray
    seen: np.ndarray
    """(h, w) bool: what the received picture shows."""
    probability: np.ndarray
    frame: Frame | None

    def received(self, whole: np.ndarray) -> np.ndarray:
        """A map or picture of the whole as the received one shows it, float32."""
        return whole.astype(np.float32) if self.frame is None else self.frame.to_received(whole)


@dataclass(frozen=True)
class Judge:
    """The verdict on received pictures."""

    code: ContentCode

    def __call__(
        self, received: np.ndarray, reading: Reading, message: Message, find_key: FindKey
    ) -> Verdict:
        """The verdict on (H, W, 3) uint8 of which the carrier read so much."""
        if not reading.present and (reading.present is False or not len(message.code)):
            return Verdict(
                "unprotected",
                present=False,
                message="No mark found. That does not say that the picture is genuine, nor that it is not.",
            )
        scene = _scene(received, reading)
        height, width = scene.image.shape[:2]
        told = self.code.read(message, height, width)
        scene, matches = _compared(scene, told.picture if told.telling else None)
        in_frame = np.clip(scene.received(scene.probability), 0, 1)
        fraction = float((in_frame > _ALTERED).mean())
        recovered, source, confidence = self._recover(received, scene, told)
        if fraction > 0 and told.telling and reading.change_back is not None and matches is not False:
            recovered = _without_mark(recovered, source, reading.change_back(told.picture))
        signature = _signature(message, find_key)
        return Verdict(
            status="altered" if fraction > 0 or matches is False else "intact",
            present=True,
            message=_words(message, told, signature, fraction, matches),
            identity=None if message.identity is None else message.identity.hex(),
            signature=signature,
            tampered_prob=in_frame,
            recovered=recovered,
            source_map=source,
            confidence=confidence,
            content=told.picture,
            content_matches=matches,
            altered_fraction=fraction,
            details={
                "code_bits": len(message.code),
                "code": message.kind.name.lower(),
                "scales": len(told.grids),
            },
        )

    def _recover(
        self, received: np.ndarray, scene: _Scene, told: Told
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Recovered picture, source map and confidence in the received frame."""
        anew = recovery_region(scene.probability) > 0
        region = scene.received((anew & scene.seen).astype(np.float32)) > 0.5
        source = np.where(region, DECODED if told.telling else FILLED, UNTOUCHED).astype(np.uint8)
        confidence = np.ones(region.shape, np.float32)
        if not region.any():
            return received.copy(), source, confidence
        hidden = anew | ~scene.seen
        whole = self.code.whole(scene.image, hidden, told)
        if told.grids:
            whole = joined(scene.image, whole, hidden)
        written = np.clip(scene.received(whole), 0, 255)
        confidence[region] = _sureness(scene, told.picture) if told.telling else 0.0
        return blend(received, written, region), source, confidence


def _without_mark(recovered: np.ndarray, source: np.ndarray, change: np.ndarray) -> np.ndarray:
    """The recovered picture (H, W, 3) uint8, where it is the received one, with the mark taken out."""
    received = (source == UNTOUCHED).astype(np.float32)
    share = cv2.GaussianBlur(received, (0, 0), 1.0) * received
    return np.clip(np.rint(recovered + share[..., None] * change), 0, 255).astype(np.uint8)


def joined(image: np.ndarray, whole: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """What the tokens tell (h, w, 3), in the tone of what is left of the image: a membrane stretched over the
    hidden places (h, w) bool carries the difference at their rim inward."""
    left = (~hidden).astype(np.float32)
    difference = (image.astype(np.float32) - whole) * left[..., None]
    return whole + spread(difference, left)


def _scene(received: np.ndarray, reading: Reading) -> _Scene:
    frame, everything = reading.frame, np.ones(received.shape[:2], np.float32)
    if reading.evidence is None:
        probability = np.zeros(received.shape[:2], np.float32)
    else:
        probability = (1 / (1 + np.exp(np.clip(reading.evidence, -30, 30)))).astype(np.float32)
    if frame is None:
        return _Scene(received, everything > 0, probability, None)
    seen = frame.whole(everything) > 0.5
    probability = np.where(seen, frame.whole(probability), 1).astype(np.float32)
    return _Scene(frame.whole(received), seen, probability, frame)


def _compared(scene: _Scene, told: np.ndarray | None) -> tuple[_Scene, bool | None]:
    """The scene with the probability that its own code leaves, and whether that is this picture's code."""
    if told is None:
        return scene, None
    blocks = cv2.resize(scene.probability, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    clipped = clipped_share(extreme(scene.image))[: blocks.shape[0], : blocks.shape[1]]
    probability = scene.probability
    if blocks.shape == clipped.shape and not (np.array(scene.image.shape[:2]) % 8).any():
        gap = abs_error(scene.image, told)
        probability = drop_unsupported_regions(
            probability, np.zeros_like(blocks), clipped, gap, gradients(scene.image, told)
        )
        probability = np.where(contradicted(scene.image, told, probability), _TOLD, probability)
    alike = correlation(scene.image, told, (1 - probability) * scene.seen)
    matches = None if alike is None else alike > _LEAST_LIKENESS
    if matches is False:
        probability = np.ones_like(probability)
    return scene._replace(probability=probability), matches


def _sureness(scene: _Scene, told: np.ndarray) -> float:
    """Part of the untouched pixels that the code describes within 16 levels; 0 where too few are left."""
    known = (scene.probability < _UNKNOWN) & scene.seen
    if known.sum() < _LEAST_PIXELS:
        return 0.0
    return float((abs_error(scene.image, told)[known] < _NEAR_LEVELS).mean())


def _signature(message: Message, find_key: FindKey) -> Signature:
    if not message.fingerprint:
        return Signature("absent")
    public = find_key(message.fingerprint)
    if public is None or message.signature is None:
        return Signature("unknown", message.fingerprint.hex())
    state = "valid" if message.signed_by(public) else "invalid"
    return Signature(state, public.fingerprint, trusted=True)


def _words(message: Message, told: Told, signature: Signature, fraction: float, matches: bool | None) -> str:
    who = "Protected" if message.identity is None else f"Protected as {message.identity.hex()}"
    signer = {
        "valid": f", signed by key {signature.key}",
        "invalid": ", but the signature does not hold",
        "unknown": f", signed by key {signature.key}..., which cannot be checked",
        "absent": "",
    }[signature.state]
    if matches is False:
        return f"{who}{signer}; the hidden code is that of another picture: the mark was copied."
    if not fraction:
        return f"{who}{signer}; not altered."
    share = f"altered in {max(fraction, 0.001):.1%} of the picture"
    if told.telling:
        return f"{who}{signer}; {share}; what was there is shown from the hidden code."
    if told.picture is not None:
        return f"{who}{signer}; {share}; the code tells only the gist of it, the rest is a guess."
    return f"{who}{signer}; {share}; no code of it was read, what is shown is a guess."
