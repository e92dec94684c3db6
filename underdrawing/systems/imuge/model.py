"""Imuge: protect an image, later locate and recover altered areas.

Ying et al., "From Image to Imuge: Immunized Image Generation", ACM MM 2021.

    I --> encoder --> I_M = I + r --> edit + channel --> I_A
    I_A --> verifying network --> M        I_A (1 - M) --> decoder --> I_R

Networks work at 256x256; the residual and the recovered content are resized to the sides of the picture.
Their architecture, network_published.py or network_lean.py, is stated in the weight file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from underdrawing.coding.keys import Owner
from underdrawing.core.errors import CapacityError, ShapeError, WeightsError
from underdrawing.core.types import DECODED, UNTOUCHED, Assurance, Verdict
from underdrawing.judging.assurance import mark_witness, status
from underdrawing.nets.loading import load_network
from underdrawing.nets.weights import read_metadata
from underdrawing.nets.working_size import resized, to_array, to_tensor
from underdrawing.ops.binary_mask import binary_mask, widened
from underdrawing.ops.protection import Protection
from underdrawing.systems.imuge.network_lean import LeanConfig, LeanNetworks
from underdrawing.systems.imuge.network_published import PublishedConfig, PublishedNetworks

WEIGHTS = Path(__file__).parent / "weights" / "imuge.safetensors"
WORKING_PX = 256
LEAST_SIDE_PX = 128
"""Smaller pictures lose too much of the residual: at 64 px a sixth of an unaltered picture is flagged."""
_LEAST_FRACTION = 0.002  # marked share of the picture below which the marks are noise of the prediction

Networks = PublishedNetworks | LeanNetworks
FAMILIES = {"published": (PublishedConfig, PublishedNetworks), "lean": (LeanConfig, LeanNetworks)}
"""By the metadata "family" of a weight file."""


class Imuge:
    """Protect and verify with given networks, those of a weight file, or the released ones."""

    def __init__(self, weights: Path | Networks | None = None) -> None:
        if isinstance(weights, torch.nn.Module):
            self.networks: Any = weights.eval()
            return
        if weights is None and not WEIGHTS.is_file():
            raise WeightsError(
                "imuge has no released weights yet; train them with `underdrawing train imuge` and put "
                f"imuge.safetensors into {WEIGHTS.parent}"
            )
        self.networks = load_networks(weights or WEIGHTS)

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
        """The residual r for a photograph (H, W, 3) uint8, times `strength`.

        ShapeError for a side under 128 px. CapacityError for a secret or an owner: Imuge embeds no message;
        an identity is ignored.
        """
        if owner is not None or secret is not None:
            raise CapacityError("imuge carries no signature and no secret; leave them out, or use photo")
        height, width = _sides(image)
        small = to_tensor(resized(image, WORKING_PX, WORKING_PX))
        residual = to_array(self.networks.immunize(small) - small)
        return Protection(resized(255 * strength * residual, height, width))

    @torch.inference_mode()
    def verify(self, image: np.ndarray, *, secret: bytes | None = None, find_key: Any = None) -> Verdict:
        """Altered areas and recovered content of a received picture (H, W, 3) uint8.

        The picture must be a protected one: Imuge cannot distinguish one that was never protected from one
        that is altered all over.
        """
        height, width = _sides(image)
        small = to_tensor(resized(image, WORKING_PX, WORKING_PX))
        if self.networks.verifier is None:
            return self._recover_only(image, small)
        prob = torch.sigmoid(self.networks.locate(small))[0, 0].float().numpy()
        mask = binary_mask(prob)
        full_mask = resized(mask.astype(np.float32), height, width) > 0.5
        fraction = float(full_mask.mean())
        altered = fraction > _LEAST_FRACTION
        recovered = self._recover(image, small, widened(mask)) if altered else image.copy()
        message = (
            f"{100 * fraction:.1f} % of the picture was altered; what was there is shown from hidden content."
            if altered
            else "No alteration was found. That holds for pictures protected by Imuge; whether this one was, "
            "nothing proves."
        )
        witnesses = (mark_witness(fraction if altered else 0.0),)
        return Verdict(
            status(witnesses),
            present=True,
            message=message,
            tampered_prob=_consistent(resized(prob, height, width), full_mask),
            recovered=recovered,
            source_map=np.where((recovered != image).any(2), DECODED, UNTOUCHED).astype(np.uint8),
            altered_fraction=fraction,
            assurance=Assurance(witnesses),
        )

    def _recover_only(self, image: np.ndarray, small: torch.Tensor) -> Verdict:
        """Without a verifying network (table 3, first row): the decoder's picture, and no localization."""
        height, width = image.shape[:2]
        content = to_array(self.networks.recover(small, torch.zeros_like(small[:, :1])))
        return Verdict(
            "unknown",
            present=True,
            message="These weights have no verifying network: whether the picture was altered is unknown.",
            recovered=np.clip(np.rint(255 * resized(content, height, width)), 0, 255).astype(np.uint8),
            source_map=np.full((height, width), DECODED, np.uint8),
        )

    def _recover(self, image: np.ndarray, small: torch.Tensor, mask: np.ndarray) -> np.ndarray:
        """I_R inside the mask, the received picture outside, blended over the resized mask's soft border."""
        removed = torch.from_numpy(mask.astype(np.float32))[None, None]
        content = to_array(self.networks.recover(small, removed))
        height, width = image.shape[:2]
        content = 255 * resized(content, height, width)
        weight = np.clip(resized(mask.astype(np.float32), height, width), 0, 1)[..., None]
        return np.clip(np.rint(image + weight * (content - image)), 0, 255).astype(np.uint8)


def load_networks(path: Path) -> Networks:
    """Networks of either family from a weight file. WeightsError where it cannot be read or does not fit."""
    family = read_metadata(path).get("family")
    if family not in FAMILIES:
        raise WeightsError(f"{path}: family {family!r}; there are: {', '.join(FAMILIES)}")
    return load_network(path, *FAMILIES[family])


def _consistent(prob: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Probabilities above .5 exactly inside the binary mask: a fixed threshold gives the mask of sec. 3.5."""
    prob = np.clip(prob, 0, 1)
    return np.where(mask, np.maximum(prob, 0.501), np.minimum(prob, 0.499)).astype(np.float32)


def _sides(image: np.ndarray) -> tuple[int, int]:
    height, width = image.shape[:2]
    if min(height, width) < LEAST_SIDE_PX:
        raise ShapeError(
            f"expected sides of at least {LEAST_SIDE_PX} px, got {width}x{height}; too small for imuge"
        )
    return height, width
