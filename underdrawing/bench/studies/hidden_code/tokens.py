"""Hidden-Code's tokens: quality of each prefix, use of codes, cost of wrong bits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from underdrawing.bench.harness.photographs import Photo
from underdrawing.bench.harness.run import Row, summarize
from underdrawing.metrics.perceptual import stlpips
from underdrawing.metrics.quality import psnr_db, ssim
from underdrawing.systems.hidden_code.tokens import Tokenizer

SIDE = 256
WRONG_PREFIXES = (3, 6, 10)
WRONG_SHARE = 0.01


def measure_tokens(files: dict[str, Path], photos: list[Photo], strangers: list[Photo], seed: int) -> dict:
    """Quality of every prefix and after wrong bits; how many codes are in use. files: dropout, and plain."""
    rows: list[Row] = []
    use = {}
    for name, path in files.items():
        tokenizer = Tokenizer(path)
        for number, photo in enumerate(photos):
            image, _ = photo.square(SIDE)
            rows += prefix_rows(tokenizer, image, name)
            if name == "dropout":
                rows += wrong_rows(tokenizer, image, np.random.default_rng([seed, number]))
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
    """Quality of each prefix of one photograph's code."""
    tokens = tokenizer.encode(image)
    for k in range(1, len(tokens) + 1):
        decoded = tokenizer.decode(tokens[:k], SIDE, SIDE)
        found = {
            "psnr_db": psnr_db(image, decoded),
            "ssim": ssim(image, decoded),
            "stlpips": stlpips(image, decoded),
        }
        yield f"prefix/{name}/{k}", found


def wrong_rows(tokenizer: Tokenizer, image: np.ndarray, rng: np.random.Generator) -> Iterator[Row]:
    """PSNR with one bit in a hundred wrong, for the codebook order of the file and for a random one."""
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
    """Of every scale: count of tokens, share of the codes that occur, perplexity of their frequencies."""
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
