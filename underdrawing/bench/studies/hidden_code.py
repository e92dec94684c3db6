"""Measure Hidden-Code's tokens, or what arithmetic coding saves of their bits, on held-out photographs.

python -m underdrawing.bench.studies.hidden_code tokens --data DIR --tokens FILE [--plain FILE] [--photos N]
python -m underdrawing.bench.studies.hidden_code bits --data DIR --tokens FILE --recovery FILE [--photos N]

DIR holds kodak24, clic2025_val and imagenet1k_one at any depth; --plain is trained without scale dropout.
Writes results/hidden-code-tokens.json or results/hidden-code-bits.json, of which `make tables` makes tables.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch

from underdrawing.bench.harness.photographs import Photo, PhotoSets, hash_photos
from underdrawing.bench.harness.protocol import Protocol
from underdrawing.bench.harness.run import conditions, write_table
from underdrawing.bench.harness.stats import Row, summarize
from underdrawing.bench.tables_hidden_code import ROOMS, lattice_bits
from underdrawing.core.errors import CapacityError
from underdrawing.metrics.perceptual import stlpips
from underdrawing.metrics.quality import psnr_db, ssim
from underdrawing.systems.hidden_code.recovery import Recovery
from underdrawing.systems.hidden_code.recovery_net import Given, RecoveryNet
from underdrawing.systems.hidden_code.token_coder import TokenCoder
from underdrawing.systems.hidden_code.tokens import Tokenizer

RESULTS = Path("results")
SIDE = 256
TOKENS = Protocol("hidden-code-tokens", sizes=(SIDE,), object_set="")
BITS = Protocol("hidden-code-bits", sizes=(SIDE,), object_set="", stranger_set="")
WRONG_PREFIXES = (3, 6, 10)
WRONG_SHARE = 0.01


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("tokens", "bits"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--plain", type=Path, help="tokens trained without scale dropout")
    parser.add_argument("--recovery", type=Path, help="the transformer; needed for bits")
    parser.add_argument("--photos", type=int, help="at most so many of each set")
    given = parser.parse_args()
    if given.what == "bits" and given.recovery is None:
        parser.error("bits need --recovery")
    protocol = BITS if given.what == "bits" else TOKENS
    at = conditions(protocol)  # before the run: the code may be worked on meanwhile
    sets = PhotoSets(given.data, given.photos)
    photos = [photo for name in TOKENS.quality_sets for photo in sets.photos(name)]
    if given.what == "tokens":
        files = {"dropout": given.tokens} | ({"plain": given.plain} if given.plain else {})
        strangers = sets.photos(TOKENS.stranger_set)
        table = measured_tokens(files, photos, strangers)
    else:
        files = {"tokens": given.tokens, "recovery": given.recovery}
        table = measured_bits(given.tokens, given.recovery, photos)
    about = {
        "name": protocol.name,
        "conditions": at,
        "size": SIDE,
        "photos": len(photos),
        "data_hash": hash_photos(photos),
        "weights": {name: _hash(path) for name, path in files.items()},
    }
    write_table(RESULTS / f"{protocol.name}.json", about | table)


def measured_tokens(files: dict[str, Path], photos: list[Photo], strangers: list[Photo]) -> dict:
    """Quality of every prefix and after wrong bits; how many codes are in use."""
    rows: list[Row] = []
    use = {}
    for name, path in files.items():
        tokenizer = Tokenizer(path)
        for number, photo in enumerate(photos):
            image, _ = photo.square(SIDE)
            rows += prefix_rows(tokenizer, image, name)
            if name == "dropout":
                rows += wrong_rows(tokenizer, image, np.random.default_rng([TOKENS.seed, number]))
        use[name] = code_use(tokenizer, strangers)
    tokenizer = Tokenizer(files["dropout"])
    return {
        "figures": summarize(rows),
        "code_use": use,
        "strangers": len(strangers),
        "lengths_bits": tokenizer.lengths_bits(SIDE, SIDE),
        "token_bits": tokenizer.token_bits,
    }


def prefix_rows(tokenizer: Tokenizer, image: np.ndarray, name: str) -> Iterator[Row]:
    """What each beginning of one photograph's code shows."""
    tokens = tokenizer.encode(image)
    for k in range(1, len(tokens) + 1):
        told = tokenizer.decode(tokens[:k], SIDE, SIDE)
        found = {"psnr_db": psnr_db(image, told), "ssim": ssim(image, told), "stlpips": stlpips(image, told)}
        yield f"prefix/{name}/{k}", found


def wrong_rows(tokenizer: Tokenizer, image: np.ndarray, rng: np.random.Generator) -> Iterator[Row]:
    """The same with one bit in a hundred wrong, in the order that the file has and in a random one."""
    tokens = tokenizer.encode(image)
    codes = tokenizer.net.config.codes
    orders = [rng.permutation(codes) for _ in tokens]
    lengths = tokenizer.lengths_bits(SIDE, SIDE)
    for k in (k for k in WRONG_PREFIXES if k <= len(lengths)):
        count = lengths[k - 1]
        flips = np.zeros(count, np.uint8)
        flips[rng.choice(count, max(1, round(WRONG_SHARE * count)), replace=False)] = 1
        gray = tokenizer.from_bits(tokenizer.to_bits(tokens[:k]) ^ flips, SIDE, SIDE)
        moved = [order[grid] for order, grid in zip(orders, tokens[:k], strict=False)]
        mixed = tokenizer.from_bits(tokenizer.to_bits(moved) ^ flips, SIDE, SIDE)
        random = [np.argsort(order)[grid] for order, grid in zip(orders, mixed, strict=False)]
        for name, grids in (("none", tokens[:k]), ("gray", gray), ("random", random)):
            yield f"wrong/{name}/{k}", {"psnr_db": psnr_db(image, tokenizer.decode(grids, SIDE, SIDE))}


def code_use(tokenizer: Tokenizer, photos: list[Photo]) -> list[dict[str, float]]:
    """Of every scale: tokens seen, share of the codes that occur, perplexity of their frequencies."""
    codes = tokenizer.net.config.codes
    counts = np.zeros((tokenizer.scales, codes), np.int64)
    for photo in photos:
        for scale, grid in enumerate(tokenizer.encode(photo.square(SIDE)[0])):
            counts[scale] += np.bincount(grid.ravel(), minlength=codes)
    found = []
    for row in counts:
        shares = row[row > 0] / row.sum()
        perplexity = float(np.exp(-(shares * np.log(shares)).sum()))
        found.append(
            {"tokens": int(row.sum()), "used": len(shares) / codes, "perplexity": round(perplexity, 1)}
        )
    return found


def measured_bits(tokens: Path, recovery: Path, photos: list[Photo]) -> dict:
    """What scales cost when they are coded, and what that puts into the room of some carriers."""
    tokenizer = Tokenizer(tokens)
    fill = Recovery(tokenizer, recovery)
    coder = TokenCoder(fill.net, tokenizer.net.quantizer)
    rooms = [*ROOMS, lattice_bits(json.loads((RESULTS / "carriers.json").read_text(encoding="utf-8")))]
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
        "rooms": rooms,
        "figures": _room_figures(rows),
        "logit_difference": max(differences),
    }


def room_rows(
    fill: Recovery, coder: TokenCoder, image: np.ndarray, grids: list[np.ndarray], room: int
) -> Iterator[tuple[str, dict[str, float]]]:
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


def _room_figures(rows: list[tuple[str, dict[str, float]]]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for place, values in rows:
        for name, value in values.items():
            found.setdefault(f"{place}/{name}", []).append(value)
    return {key: round(float(np.mean(values)), 3) for key, values in sorted(found.items())}


@torch.inference_mode()
def order_difference(net: RecoveryNet, tokenizer: Tokenizer, image: np.ndarray) -> float:
    """Largest difference of a logit in double precision when hidden units are added up in reverse."""
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


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


if __name__ == "__main__":
    main()
