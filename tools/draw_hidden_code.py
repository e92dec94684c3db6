"""Draw what the first k scales of a code show, of tokens trained with scale dropout and without it.

python tools/draw_hidden_code.py --data DIR --tokens FILE [--plain FILE] [--output PICTURE]

DIR holds kodak24 and clic2025_val at any depth. Two rows a photograph, with dropout above, without below: the
original, then k = 1, 2, ... all.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from underdrawing.bench.harness.photographs import PhotoSets
from underdrawing.systems.hidden_code.tokens import Tokenizer

ROOT = Path(__file__).parent.parent
SETS = ("kodak24", "clic2025_val")
SHOWS = ["kodim09", "kodim23", "2a2420f929cd", "604308447488"]
SIDE, SHOWN, MARGIN = 256, 144, 6
MOST_BYTES = 400_000


def main() -> None:
    """Draw and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tokens", type=Path, required=True, help="trained with scale dropout")
    parser.add_argument("--plain", type=Path, help="trained without")
    parser.add_argument("--output", type=Path, default=ROOT / "docs/images/hidden-code-prefixes.webp")
    parser.add_argument("--photos", nargs="+", default=SHOWS, help="their names, in order")
    given = parser.parse_args()
    every = {photo.name: photo for photo in PhotoSets(given.data).photos(*SETS)}
    tokenizers = [Tokenizer(path) for path in (given.tokens, given.plain) if path]
    images = [every[name].square(SIDE)[0] for name in given.photos]
    pairs = [[row(tokenizer, image) for tokenizer in tokenizers] for image in images]
    write(stacked(pairs), given.output)


def row(tokenizer: Tokenizer, image: np.ndarray) -> np.ndarray:
    """Original and every prefix, side by side."""
    tokens = tokenizer.encode(image)
    decoded = [tokenizer.decode(tokens[:k], SIDE, SIDE) for k in range(1, len(tokens) + 1)]
    small = [Image.fromarray(x).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS) for x in (image, *decoded)]
    return np.hstack([np.asarray(x) for x in small])


def stacked(pairs: list[list[np.ndarray]]) -> np.ndarray:
    """Photographs below each other, a white margin between."""
    margin = np.full((MARGIN, pairs[0][0].shape[1], 3), 255, np.uint8)
    parts = [part for pair in pairs for part in (*pair, margin)]
    return np.vstack(parts[:-1])


def write(picture: np.ndarray, path: Path) -> None:
    """As WebP, at the best quality that stays below MOST_BYTES."""
    for quality in range(90, 20, -5):
        Image.fromarray(picture).save(path, quality=quality, method=6)
        if path.stat().st_size < MOST_BYTES:
            return


if __name__ == "__main__":
    main()
