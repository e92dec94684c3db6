"""Imuge: protect an image, later find and undo what was altered.

Ying et al., "From Image to Imuge: Immunized Image Generation", ACM MM 2021.

    I --> encoder --> I_M = I + r --> tamper + channel --> I_A
    I_A --> verifying network --> M        I_A (1 - M) --> decoder --> I_R

Pictures of any size go through a working size of 256x256; residual and recovered content are brought back to
the full size. The networks: published.py or lean.py, whichever the weights are of.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from underdrawing.coding.keys import Owner
from underdrawing.core.errors import CapacityError, ShapeError, WeightsError
from underdrawing.core.types import DECODED, UNTOUCHED, Verdict
from underdrawing.ops.protection import Protection
from underdrawing.systems.imuge.inference import (
    WORKING_PX,
    binary_mask,
    resized,
    to_array,
    to_tensor,
    widened,
)
from underdrawing.systems.imuge.weights import Networks, load_weights

WEIGHTS = Path(__file__).parent / "weights" / "imuge.safetensors"
LEAST_SIDE_PX = 128
"""Smaller pictures keep too little of the residual: of an untouched one of 64 px a sixth is flagged."""
_ALTERED = 0.002  # part of the frame below which marked pixels count as noise of the prediction


class Imuge:
    """Protect and verify with trained networks: those given, those in a file, or the released ones."""

    def __init__(self, weights: Path | Networks | None = None) -> None:
        if isinstance(weights, torch.nn.Module):
            self.networks: Any = weights.eval()
            return
        if weights is None and not WEIGHTS.is_file():
            raise WeightsError(
                "imuge has no released weights yet; train them with `underdrawing train imuge` and put "
                f"imuge.safetensors into {WEIGHTS.parent}"
            )
        self.networks = load_weights(weights or WEIGHTS)

    @torch.inference_mode()
    def protect(
        self,
        image: np.ndarray,
        *,
        owner: Owner | None = None,
        identity: bytes | None = None,
        secret: bytes | None = None,
        strength: float = 1.0,
    ) -> Protection:
        """The residual for a photograph (H, W, 3) uint8. strength: multiplies it.

        ShapeError where a side is under 128 px. CapacityError for a secret or an owner: Imuge writes no
        message; an identity is passed over.
        """
        if owner is not None or secret is not None:
            raise CapacityError("imuge carries no signature and no secret; leave them out, or use photo")
        height, width = _sides(image)
        small = to_tensor(resized(image, WORKING_PX, WORKING_PX))
        residual = to_array(self.networks.immunize(small) - small)
        return Protection(resized(255 * strength * residual, height, width))

    @torch.inference_mode()
    def verify(self, image: np.ndarray, *, secret: bytes | None = None, find_key: Any = None) -> Verdict:
        """Where a received picture (H, W, 3) uint8 was altered and what was there.

        It has to be a protected one: Imuge cannot tell one that never was from one that is altered all over.
        """
        height, width = _sides(image)
        small = to_tensor(resized(image, WORKING_PX, WORKING_PX))
        if self.networks.verifier is None:
            return self._verify_blindly(image, small)
        prob = torch.sigmoid(self.networks.locate(small))[0, 0].float().numpy()
        mask = binary_mask(prob)
        whole = resized(mask.astype(np.float32), height, width) > 0.5
        share = float(whole.mean())
        altered = share > _ALTERED
        recovered = self._recover(image, small, widened(mask)) if altered else image.copy()
        message = (
            f"{100 * share:.1f} % of the picture was altered; what was there is shown from hidden content."
            if altered
            else "No alteration was found, provided that this picture was protected by Imuge."
        )
        return Verdict(
            "altered" if altered else "intact",
            present=True,
            message=message,
            # above .5 is what the binary mask marks: a reader with a fixed threshold sees sec. 3.5's mask
            tampered_prob=_agreeing(resized(prob, height, width), whole),
            recovered=recovered,
            source_map=np.where((recovered != image).any(2), DECODED, UNTOUCHED).astype(np.uint8),
            altered_fraction=share,
        )

    def _verify_blindly(self, image: np.ndarray, small: torch.Tensor) -> Verdict:
        """Without a verifying network (first row of table 3): the decoder's picture, and no word of where."""
        height, width = image.shape[:2]
        content = to_array(self.networks.recover(small, torch.zeros_like(small[:, :1])))
        return Verdict(
            "error",
            present=True,
            message="These weights have no verifying network: what was altered is not told.",
            tampered_prob=np.zeros((height, width), np.float32),
            recovered=np.clip(np.rint(255 * resized(content, height, width)), 0, 255).astype(np.uint8),
            source_map=np.full((height, width), DECODED, np.uint8),
            altered_fraction=0.0,
        )

    def _recover(self, image: np.ndarray, small: torch.Tensor, mask: np.ndarray) -> np.ndarray:
        """I_R inside the mask, the received picture outside, mixed over the mask's soft rim at full size."""
        removed = torch.from_numpy(mask.astype(np.float32))[None, None]
        content = to_array(self.networks.recover(small, removed))
        height, width = image.shape[:2]
        content = 255 * resized(content, height, width)
        weight = np.clip(resized(mask.astype(np.float32), height, width), 0, 1)[..., None]
        return np.clip(np.rint(image + weight * (content - image)), 0, 255).astype(np.uint8)


def _agreeing(prob: np.ndarray, mask: np.ndarray) -> np.ndarray:
    prob = np.clip(prob, 0, 1)
    return np.where(mask, np.maximum(prob, 0.501), np.minimum(prob, 0.499)).astype(np.float32)


def _sides(image: np.ndarray) -> tuple[int, int]:
    height, width = image.shape[:2]
    if min(height, width) < LEAST_SIDE_PX:
        raise ShapeError(
            f"expected sides of at least {LEAST_SIDE_PX} px, got {width}x{height}; too small for imuge"
        )
    return height, width
