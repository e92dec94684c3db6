"""Recovery of a picture from its received part, its mask and its tokens, by the recovery transformer.

I', M, h' --> visible part of the latent, tokens of the code --> latent, scale after scale --> I_R
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.nets.loading import load_network
from underdrawing.nets.token_choice import Choice
from underdrawing.nets.token_net import BLOCK
from underdrawing.systems.hidden_code.recovery_net import Given, RecoveryConfig, RecoveryNet
from underdrawing.systems.hidden_code.tokens import Tokenizer, working_sides

WEIGHTS = Path(__file__).parent / "weights" / "recovery.safetensors"
_OVERLAP_PX = BLOCK // 2  # of a lapped block into its neighbours


class Recovery:
    """Completes masked pictures; weights are loaded at the first use."""

    def __init__(self, tokenizer: Tokenizer, weights: Path | RecoveryNet = WEIGHTS) -> None:
        self.tokenizer, self._from = tokenizer, weights

    @cached_property
    def net(self) -> RecoveryNet:
        """The transformer in evaluation mode."""
        if isinstance(self._from, RecoveryNet):
            return self._from.eval()
        return load_network(self._from, RecoveryConfig, RecoveryNet)

    @torch.inference_mode()
    def __call__(
        self,
        received_u8: np.ndarray,
        mask: np.ndarray,
        code: Sequence[np.ndarray] = (),
        choose: Choice | None = None,
    ) -> np.ndarray:
        """The whole picture (H, W, 3) uint8, decoded from tokens.

        mask: (H, W) bool, True = altered; may be full or empty. code: token grids of the first scales, from
        Tokenizer.from_bits or TokenCoder.decode; -1 in unknown cells.
        """
        height, width = received_u8.shape[:2]
        rows, columns = working_sides(height, width)
        # by area: a thin mask must not vanish at the smaller size
        share = cv2.resize(mask.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
        visible = visible_cells(torch.from_numpy(share > 0)[None, None].float())
        latent = self.tokenizer.latent(received_u8) * visible
        grids = [torch.from_numpy(np.asarray(grid, np.int64))[None] for grid in code]
        quantizer = self.tokenizer.net.quantizer
        total = self.net.recover(quantizer, Given(latent, visible, grids), choose)
        return self.tokenizer.picture(total, self.tokenizer.scales, height, width)


def visible_cells(mask: Tensor) -> Tensor:
    """(B, 1, H, W), 1 = altered -> (B, 1, H/16, W/16), 1 where a lapped block is wholly unaltered."""
    wide = F.max_pool2d(mask, 2 * _OVERLAP_PX + 1, 1, _OVERLAP_PX)
    return 1 - (F.max_pool2d(wide, BLOCK) > 0).to(mask)
