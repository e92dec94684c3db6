"""What arithmetic coding by the transformer's probabilities saves of Hidden-Code's bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch

from underdrawing.bench.harness.photographs import Photo
from underdrawing.bench.harness.run import Row, summarize
from underdrawing.bench.studies.hidden_code.tokens import SIDE
from underdrawing.core.errors import CapacityError
from underdrawing.metrics.quality import psnr_db
from underdrawing.systems.hidden_code.recovery import Recovery
from underdrawing.systems.hidden_code.recovery_net import Given, RecoveryNet
from underdrawing.systems.hidden_code.token_coder import TokenCoder
from underdrawing.systems.hidden_code.tokens import Tokenizer


def measure_bits(tokens: Path, recovery: Path, photos: list[Photo], rooms: Sequence[int]) -> dict:
    """Bits of each scale when coded, and what fits into carriers of `rooms` bits."""
    tokenizer = Tokenizer(tokens)
    fill = Recovery(tokenizer, recovery)
    coder = TokenCoder(fill.net, tokenizer.net.quantizer)
    costs, wholes, rows, differences = [], [], [], []
    for photo in photos:
        image, _ = photo.square(SIDE)
        grids = tokenizer.encode(image)
        costs.append(coder.cost_bits(grids, SIDE, SIDE))
        wholes.append(len(coder.encode(grids, SIDE, SIDE, 1 << 20)))
        rows += [row for room in rooms for row in room_rows(fill, coder, image, grids, room)]
        if len(differences) < 4:
            differences.append(order_difference(fill.net, tokenizer, image))
    places = [rows * columns for rows, columns in tokenizer.grids(SIDE, SIDE)]
    return {
        "token_bits": tokenizer.token_bits,
        "tokens": places,
        "coded_bits": np.mean(costs, axis=0).round(2).tolist(),
        "whole_bits": float(np.mean(wholes)),
        "rooms": list(rooms),
        "figures": summarize(rows),
        "logit_difference": max(differences),
    }


def room_rows(
    fill: Recovery, coder: TokenCoder, image: np.ndarray, grids: list[np.ndarray], room: int
) -> Iterator[Row]:
    """One photograph in one carrier's room: whole scales alone, completed by the transformer, and coded."""
    tokenizer, everything = fill.tokenizer, np.ones(image.shape[:2], bool)
    k = tokenizer.prefix_for(room, SIDE, SIDE)
    plain = {"tokens": float(sum(grid.size for grid in grids[:k]))}
    if k:
        plain["psnr_db"] = psnr_db(image, tokenizer.decode(grids[:k], SIDE, SIDE))
    yield f"plain/{room}", plain
    yield f"expected/{room}", {"psnr_db": psnr_db(image, fill(image, everything, grids[:k]))}
    try:
        sent = coder.decode(coder.encode(grids, SIDE, SIDE, room), SIDE, SIDE)
    except CapacityError:
        sent = []
    counts = {"tokens": float(sum((grid >= 0).sum() for grid in sent))}
    yield f"coded/{room}", counts | {"psnr_db": psnr_db(image, fill(image, everything, sent))}


@torch.inference_mode()
def order_difference(net: RecoveryNet, tokenizer: Tokenizer, image: np.ndarray) -> float:
    """Largest difference of a logit in double precision when hidden units are summed in reverse order."""
    first, second = deepcopy(net).double(), deepcopy(net).double()
    for layer in second.transformer.layers:
        enter, leave = layer.mlp[0], layer.mlp[2]
        enter.weight.data, enter.bias.data = enter.weight.flip(0), enter.bias.flip(0)
        leave.weight.data = leave.weight.flip(1)
    quantizer = deepcopy(tokenizer.net.quantizer).double()
    tokens, totals = quantizer.quantize(tokenizer.latent(image).double(), tokenizer.scales)
    before = [torch.zeros_like(totals[0]), *totals[:-1]]
    given = Given(torch.zeros_like(totals[0]), torch.zeros_like(totals[0][:, :1]), tokens)
    answers = [other(quantizer, given, tokens, before) for other in (first, second)]
    return max(float((a - b).abs().max()) for a, b in zip(*answers, strict=True))
