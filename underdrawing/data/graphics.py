"""Drawn pictures, whose flat areas and sharp edges photographs lack: for training and for measurement."""

from __future__ import annotations

import string
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_Colour = tuple[int, int, int]
_WORDS = ("light", "field", "of", "the", "report", "value", "image", "Monday", "north", "sales", "to", "and")


def draw_graphic(kind: str, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A random picture (height, width, 3) uint8 of a kind of KINDS. KeyError for another kind."""
    ground = _light(rng) if rng.random() < 0.7 else _any(rng, 0, 70)
    picture = Image.new("RGB", (width, height), ground)
    _DRAWN[kind](ImageDraw.Draw(picture), width, height, rng)
    return np.asarray(picture)


def _any(rng: np.random.Generator, low: int = 0, high: int = 256) -> _Colour:
    red, green, blue = (int(level) for level in rng.integers(low, high, 3))
    return red, green, blue


def _light(rng: np.random.Generator) -> _Colour:
    return (255, 255, 255) if rng.random() < 0.5 else _any(rng, 225)


def _text(rng: np.random.Generator, words: int) -> str:
    return " ".join(rng.choice(_WORDS) for _ in range(words))


def _lines(
    draw: ImageDraw.ImageDraw, box: tuple[float, ...], size: float, ink: _Colour, rng: np.random.Generator
) -> None:
    """Lines of text of a size in px that fill a box."""
    font, (left, top, right, bottom) = ImageFont.load_default(max(8.0, size)), box
    while top + size < bottom:
        words = max(1, int((right - left) * rng.uniform(0.6, 1) / (3 * size)))
        draw.text((left, top), _text(rng, words), ink, font)
        top += 1.5 * size


def _screenshot(draw: ImageDraw.ImageDraw, width: int, height: int, rng: np.random.Generator) -> None:
    """A window with a bar, a side list, text and cards."""
    unit = max(width, height) / rng.uniform(30, 60)
    draw.rectangle((0, 0, width, 2 * unit), _any(rng))
    draw.text((unit, 0.5 * unit), _text(rng, 3), _light(rng), ImageFont.load_default(max(8.0, unit)))
    side = width * rng.uniform(0.15, 0.3)
    draw.rectangle((0, 2 * unit, side, height), _any(rng, 180))
    _lines(draw, (unit / 2, 3 * unit, side, height), 0.8 * unit, _any(rng, 0, 120), rng)
    for row in range(int(rng.integers(2, 5))):
        top = 3 * unit + row * height / 4
        box = (side + unit, top, width - unit, top + height / 5)
        draw.rounded_rectangle(box, unit / 2, _any(rng), _any(rng))
        inner = (box[0] + unit, box[1] + unit / 2, box[2], box[3])
        _lines(draw, inner, rng.uniform(0.6, 1.2) * unit, _light(rng), rng)


def _logo(draw: ImageDraw.ImageDraw, width: int, height: int, rng: np.random.Generator) -> None:
    """A few shapes of flat colour and a word."""
    side = min(width, height)
    for _ in range(int(rng.integers(2, 6))):
        x, y = rng.uniform(0.1, 0.6) * width, rng.uniform(0.1, 0.6) * height
        box = (x, y, x + rng.uniform(0.1, 0.5) * side, y + rng.uniform(0.1, 0.5) * side)
        shape = rng.choice(("ellipse", "rectangle", "polygon"))
        if shape == "polygon":
            draw.regular_polygon(
                (x + side / 5, y + side / 5, side / 5), int(rng.integers(3, 8)), 0, _any(rng)
            )
        else:
            getattr(draw, shape)(box, _any(rng))
    word = "".join(rng.choice(list(string.ascii_uppercase), int(rng.integers(3, 8))))
    font = ImageFont.load_default(side * rng.uniform(0.1, 0.25))
    draw.text((0.1 * width, rng.uniform(0.5, 0.8) * height), word, _any(rng), font)


def _chart(draw: ImageDraw.ImageDraw, width: int, height: int, rng: np.random.Generator) -> None:
    """Axes with grid lines, bars and curves."""
    left, top, right, bottom = 0.1 * width, 0.1 * height, 0.95 * width, 0.88 * height
    font = ImageFont.load_default(max(8.0, 0.03 * min(width, height)))
    for y in np.linspace(top, bottom, 6):
        draw.line((left, y, right, y), (190, 190, 190))
        draw.text((0.02 * width, y - 6), f"{int(rng.integers(1000))}", (90, 90, 90), font)
    edges = np.linspace(left, right, int(rng.integers(5, 14)))
    colour = _any(rng)
    for first, last in pairwise(edges):
        draw.rectangle((first + 3, rng.uniform(top, bottom - 2), last - 3, bottom), colour)
    for _ in range(int(rng.integers(1, 4))):
        heights = np.clip(np.cumsum(rng.normal(0, height / 25, 40)) + height / 2, top, bottom)
        points = list(zip(np.linspace(left, right, 40), heights, strict=True))
        draw.line(points, _any(rng), max(2, min(width, height) // 150))


def _page(draw: ImageDraw.ImageDraw, width: int, height: int, rng: np.random.Generator) -> None:
    """A heading and columns of text."""
    size, columns = min(width, height) / rng.uniform(22, 45), int(rng.integers(1, 3))
    draw.text(
        (0.08 * width, 0.05 * height), _text(rng, 3), _any(rng, 0, 100), ImageFont.load_default(2 * size)
    )
    for column in range(columns):
        left = (0.08 + 0.84 * column / columns) * width
        right = (0.05 + 0.84 * (column + 1) / columns) * width
        _lines(draw, (left, 0.17 * height, right, 0.95 * height), size, _any(rng, 0, 90), rng)


_DRAWN = {"screenshot": _screenshot, "logo": _logo, "chart": _chart, "page": _page}
KINDS = tuple(_DRAWN)
