"""Losses of DPNet: binary cross-entropy, and supervised contrast of embeddings (Khosla et al. 2020)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.nets.face_outputs import FaceOutputs

TEMPERATURE = 0.1  # Khosla et al., sec. 4


def supervised_contrast(embedding: Tensor, labels: Tensor) -> Tensor:
    """Mean over anchors i of  -1/|P(i)| sum_p ln softmax_p(z_i . z_a / T),  a over all others, z of norm 1.

    embedding (B, D); labels (B,): P(i) are the others of the label of i. In nats; an anchor without any
    other of its label counts as 0.
    """
    z = F.normalize(embedding, dim=1)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    similarity = (z @ z.T / TEMPERATURE).masked_fill(itself, float("-inf"))
    log_prob = similarity.log_softmax(1).masked_fill(itself, 0)
    positive = (labels[:, None] == labels) & ~itself
    return -(log_prob * positive).sum(1).div(positive.sum(1).clamp(min=1)).mean()


def detection(outputs: FaceOutputs, labels: Tensor, contrast: float) -> dict[str, Tensor]:
    """Cross-entropy of the logit, and `contrast` times the supervised contrast of the embeddings."""
    terms = {"loss": F.binary_cross_entropy_with_logits(outputs.logit, labels)}
    if contrast:
        terms["contrast"] = contrast * supervised_contrast(outputs.embedding, labels)
    return terms
