"""Equations 4 to 6 and 8 of the Imuge paper (7 and 9: losses/adversarial.py).

Squared norms are means over all values: weights do not depend on the size of pictures and batches. Images
are RGB in [0, 1]; `span` is the length of the interval of the errors: 2 for [-1, 1], the range of tanh.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from underdrawing.losses.region import masked_mse


def classification(mask_logits: Tensor, mask: Tensor) -> Tensor:
    """L_cls: mean binary cross entropy of the predicted mask (B, 1, H, W) in nats (equation 4)."""
    return F.binary_cross_entropy_with_logits(mask_logits, mask)


def recovery(image: Tensor, recovered: Tensor, mask: Tensor, span: float = 2.0) -> Tensor:
    """L_R = |I - I_R|^2 + |(I - I_R) M_G|^2 / |M_G|_1 (equation 5)."""
    return span**2 * (F.mse_loss(recovered, image) + masked_mse(image, recovered, mask))


def container(image: Tensor, immunized: Tensor, span: float = 2.0) -> Tensor:
    """L_C = |I - I_M|^2 (before equation 6)."""
    return span**2 * F.mse_loss(immunized, image)


def discrimination(fool_recovered: Tensor, fool_immunized: Tensor, theta: float) -> Tensor:
    """L_dis = L_DR + theta L_DC (equation 8); both by equation 7."""
    return fool_recovered + theta * fool_immunized
