"""From a carrier's reading to the verdict: altered areas and recovered content.

All maps are in the coordinates of the whole marked picture; what a cropped picture does not show is hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from underdrawing.carriers.lattice.soft_bits import clipped_share
from underdrawing.coding.keys import PublicKey
from underdrawing.core.interfaces import Frame, Reading
from underdrawing.core.types import (
    ALTERED_PROBABILITY,
    DECODED,
    FILLED,
    UNTOUCHED,
    Assurance,
    Signature,
    Verdict,
)
from underdrawing.judging.assurance import coarse_content_witness, mark_witness, status
from underdrawing.judging.blending import match_surroundings, recovery_region
from underdrawing.judging.regions import abs_error, drop_unsupported_regions, extreme, gradients
from underdrawing.judging.signed_content import add_contradictions, matches_content, recover_region
from underdrawing.systems.hidden_code.content import ContentCode, Decoded
from underdrawing.systems.hidden_code.message import Message

FindKey = Callable[[bytes], PublicKey | None]

_UNALTERED = 0.2  # probability below which a pixel measures the accuracy of the content
_CLOSE_LEVELS = 16.0  # confidence: probability of an error below so many 8-bit levels
_LEAST_PIXELS = 256  # unaltered, to estimate that probability


class _Scene(NamedTuple):
    """The received picture in the coordinates of the whole marked picture."""

    image: np.ndarray
    visible: np.ndarray
    """(h, w) bool: inside the received picture."""
    probability: np.ndarray
    frame: Frame | None

    def received(self, whole: np.ndarray) -> np.ndarray:
        """A map or picture of the whole in received coordinates, float32."""
        return whole.astype(np.float32) if self.frame is None else self.frame.to_received(whole)


@dataclass(frozen=True)
class Judge:
    """Verdicts on received pictures."""

    code: ContentCode

    def __call__(
        self, received: np.ndarray, reading: Reading, message: Message, find_key: FindKey
    ) -> Verdict:
        """The verdict on (H, W, 3) uint8 with this reading and message."""
        if not reading.present and (reading.present is False or not len(message.code)):
            return Verdict(
                "unprotected",
                present=False,
                message="No mark found. That does not say that the picture is genuine, nor that it is not.",
            )
        scene = _scene(received, reading)
        content = self.code.decode(message, *scene.image.shape[:2])
        scene, matches = _compare(scene, content.picture if content.local else None)
        probability = np.clip(scene.received(scene.probability), 0, 1)
        fraction = float((probability > ALTERED_PROBABILITY).mean())
        recovered, source, confidence = self._recover(received, scene, content)
        if fraction > 0 and content.local and reading.change_back is not None and matches is not False:
            recovered = _remove_mark(recovered, source, reading.change_back(content.picture))
        signature = _signature(message, find_key)
        witnesses = mark_witness(fraction), coarse_content_witness(matches)
        return Verdict(
            status=status(witnesses),
            present=True,
            message=_sentence(message, content, signature, fraction, matches),
            identity=None if message.identity is None else message.identity.hex(),
            signature=signature,
            tampered_prob=probability,
            recovered=recovered,
            source_map=source,
            confidence=confidence,
            content=content.picture,
            content_matches=matches,
            altered_fraction=fraction,
            assurance=Assurance(witnesses),
            details={
                "code_bits": len(message.code),
                "code": message.kind.name.lower(),
                "scales": len(content.grids),
            },
        )

    def _recover(
        self, received: np.ndarray, scene: _Scene, content: Decoded
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Recovered picture, source map and confidence in received coordinates."""
        altered = recovery_region(scene.probability) > 0
        region = scene.received((altered & scene.visible).astype(np.float32)) > 0.5

        def complete() -> tuple[np.ndarray, float]:
            hidden = altered | ~scene.visible
            whole = self.code.complete(scene.image, hidden, content)
            if content.grids:
                whole = match_surroundings(scene.image, whole, hidden)
            return scene.received(whole), _accuracy(scene, content.picture) if content.local else 0.0

        return recover_region(received, region, DECODED if content.local else FILLED, complete)


def _remove_mark(recovered: np.ndarray, source: np.ndarray, change: np.ndarray) -> np.ndarray:
    """The recovered picture (H, W, 3) uint8 with the mark removed from its received part."""
    received = (source == UNTOUCHED).astype(np.float32)
    weight = cv2.GaussianBlur(received, (0, 0), 1.0) * received
    return np.clip(np.rint(recovered + weight[..., None] * change), 0, 255).astype(np.uint8)


def _scene(received: np.ndarray, reading: Reading) -> _Scene:
    frame, everything = reading.frame, np.ones(received.shape[:2], np.float32)
    if reading.evidence is None:
        probability = np.zeros(received.shape[:2], np.float32)
    else:
        probability = (1 / (1 + np.exp(np.clip(reading.evidence, -30, 30)))).astype(np.float32)
    if frame is None:
        return _Scene(received, everything > 0, probability, None)
    visible = frame.whole(everything) > 0.5
    probability = np.where(visible, frame.whole(probability), 1).astype(np.float32)
    return _Scene(frame.whole(received), visible, probability, frame)


def _compare(scene: _Scene, content: np.ndarray | None) -> tuple[_Scene, bool | None]:
    """The scene with probabilities corrected by the content, and whether the content matches."""
    if content is None:
        return scene, None
    blocks = cv2.resize(scene.probability, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    clipped = clipped_share(extreme(scene.image))[: blocks.shape[0], : blocks.shape[1]]
    probability = scene.probability
    if blocks.shape == clipped.shape and not (np.array(scene.image.shape[:2]) % 8).any():
        error, slopes = abs_error(scene.image, content), gradients(scene.image, content)
        probability = drop_unsupported_regions(probability, np.zeros_like(blocks), clipped, error, slopes)
        probability = add_contradictions(scene.image, content, probability)
    matches = matches_content(scene.image, content, (1 - probability) * scene.visible)
    if matches is False:
        probability = np.ones_like(probability)
    return scene._replace(probability=probability), matches


def _accuracy(scene: _Scene, content: np.ndarray) -> float:
    """Share of the unaltered pixels with an error below 16 levels in the content; 0 if there are too few."""
    known = (scene.probability < _UNALTERED) & scene.visible
    if known.sum() < _LEAST_PIXELS:
        return 0.0
    return float((abs_error(scene.image, content)[known] < _CLOSE_LEVELS).mean())


def _signature(message: Message, find_key: FindKey) -> Signature:
    if not message.fingerprint:
        return Signature("absent")
    public = find_key(message.fingerprint)
    if public is None or message.signature is None:
        return Signature("unknown", message.fingerprint.hex())
    state = "valid" if message.signed_by(public) else "invalid"
    return Signature(state, public.fingerprint, trusted=True)


def _sentence(
    message: Message, content: Decoded, signature: Signature, fraction: float, matches: bool | None
) -> str:
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
        return f"{who}{signer}; the mark is whole, but nothing binding proves that this is its picture."
    share = f"altered in {max(fraction, 0.001):.1%} of the picture"
    if content.local:
        return f"{who}{signer}; {share}; what was there is shown from the hidden code."
    if content.picture is not None:
        return f"{who}{signer}; {share}; the code tells only the gist of it, the rest is a guess."
    return f"{who}{signer}; {share}; no code of it was read, what is shown is a guess."
