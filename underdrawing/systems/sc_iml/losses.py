"""Losses of Sc-IML, with p = sigmoid(z) at 1/4 of the sides of the picture.

scribbles   mean of -ln p over manipulated strokes + mean of -ln(1 - p) over authentic ones, each head
LSC         mean over places i of sum_j exp(-|xy_i - xy_j|^2 / 2 s^2 - |rgb_i - rgb_j|^2 / 2 t^2) |p_i - p_j|,
            j in the 11 x 11 window around i                              each head, weight .3
SSC         .85 (1 - SSIM) / 2 + .15 |p - q|, p and q of two views of a picture         finest head
CEM         mean of H over confident places without a label + .1 mean of H over labelled ones, finest head
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

SIGMA_XY, RADIUS = 6.0, 5  # of LSC, in positions of the map
STRUCTURE = 0.85  # share of SSIM in SSC
CONFIDENT = 0.5  # nats: entropy below which CEM takes a place without a label
LABELLED = 0.1  # weight of labelled places in CEM


def scribble_cross_entropy(z: Tensor, labels: Tensor) -> Tensor:
    """z (B, 1, h, w); labels, same shape: 1 manipulated, 0 authentic, -1 none.

    Mean of each class in a picture, then over the pictures that have it: all of an authentic one has labels.
    """
    terms = []
    for label, wrong in ((1, -z), (0, z)):
        chosen = (labels == label).to(z).flatten(1)
        count = chosen.sum(1)
        means = (F.softplus(wrong).flatten(1) * chosen).sum(1) / count.clamp(min=1)
        terms.append(means.sum() / (count > 0).sum().clamp(min=1))
    return terms[0] + terms[1]


def local_coherence(p: Tensor, colour: Tensor, sigmas: tuple[float, ...]) -> Tensor:
    """LSC of each head, (K,): p (B, K, h, w) in [0, 1]; colour (B, 3, h, w); sigmas: t of each head.

    Neighbours outside of the picture do not count. Every pair is met once and counts twice.
    """
    height, width = p.shape[2:]
    scale = p.new_tensor(sigmas).reshape(1, -1, 1, 1)
    total = p.new_zeros(p.shape[1])
    for down in range(RADIUS + 1):
        for right in range(-RADIUS if down else 1, RADIUS + 1):
            if down >= height or abs(right) >= width:
                continue
            here = slice(0, height - down), slice(max(0, -right), width - max(0, right))
            there = slice(down, height), slice(max(0, right), width - max(0, -right))
            first, second = (..., *here), (..., *there)
            square = (colour[first] - colour[second]).square().sum(1, keepdim=True)
            near = math.exp(-(down * down + right * right) / (2 * SIGMA_XY**2))
            kernel = near * torch.exp(-square / (2 * scale.square()))
            total = total + 2 * (kernel * (p[first] - p[second]).abs()).sum((0, 2, 3))
    return total / (p.shape[0] * height * width)


def structure_distance(p: Tensor, q: Tensor, inside: Tensor) -> Tensor:
    """SSC of probability maps (B, 1, h, w), mean over the places where `inside`, same shape, is 1."""
    distance = STRUCTURE * (0.5 - ssim(p, q) / 2).clamp(0, 1) + (1 - STRUCTURE) * (p - q).abs()
    return (distance * inside).sum() / inside.sum().clamp(min=1)


def ssim(p: Tensor, q: Tensor) -> Tensor:
    """SSIM of every place over its 3x3 window, of maps in [0, 1]."""
    c1, c2 = 0.01**2, 0.03**2

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 3, 1, 1)

    mp, mq = mean(p), mean(q)
    variances = mean(p * p) - mp * mp + mean(q * q) - mq * mq
    covariance = mean(p * q) - mp * mq
    top = (2 * mp * mq + c1) * (2 * covariance + c2)
    return top / ((mp * mp + mq * mq + c1) * (variances + c2))


def two_classes(z: Tensor) -> Tensor:
    """(B, 1, h, w) logit of "manipulated" -> (B, 2, h, w) logits whose softmax is [1 - p, p]."""
    return torch.cat([torch.zeros_like(z), z], 1)


def entropy(z: Tensor) -> Tensor:
    """In nats, of softmax over the channels of z (B, K, h, w) -> (B, 1, h, w). Of one channel it is 0."""
    return -(z.softmax(1) * z.log_softmax(1)).sum(1, keepdim=True)


def confident_entropy(h: Tensor, labels: Tensor) -> Tensor:
    """CEM of entropies h (B, 1, h, w); labels, same shape: below 0 where there is none."""
    confident = ((labels < 0) & (h < CONFIDENT)).to(h)
    labelled = (labels >= 0).to(h)
    terms = [(h * chosen).sum() / chosen.sum().clamp(min=1) for chosen in (confident, labelled)]
    return terms[0] + LABELLED * terms[1]


def ramp(progress: float, start: float) -> float:
    """exp(-5 (1 - t)^2), t from 0 at `start` to 1 at the end of the training; 0 before."""
    if progress < start:
        return 0.0
    t = (progress - start) / (1 - start)
    return math.exp(-5 * (1 - t) ** 2)
