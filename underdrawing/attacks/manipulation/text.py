"""Inserted text and logos: captions, dates, marks, stickers."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from underdrawing.attacks.manipulation.picture import Manipulated, composed

_WORDS = (
    "SALE", "Breaking news", "Summer", "copyright", "No parking", "Berlin", "LIVE", "Hello!", "Paris", "Exit",
    "Fresh", "John Smith", "Open 24 h", "EUROPE", "photo", "New York", "Happy birthday", "Stop", "Bank",
    "Kitchen", "Room", "North", "The best day", "Tokyo", "Cafe", "Vote", "sample", "Hotel", "Police", "Taxi",
)  # fmt: skip


def text(image: np.ndarray, donor: np.ndarray, rng: np.random.Generator) -> Manipulated:
    """A line of text, in one of three draws a logo; the donor is not used. The mask covers what was drawn."""
    height, width = image.shape[:2]
    is_logo = rng.random() < 0.33
    across = width * rng.uniform(0.12, 0.35) if is_logo else width * rng.uniform(0.25, 0.8)
    cover = _logo(rng) if is_logo else _line(rng)
    scale = min(across / cover.shape[1], 0.4 * height / cover.shape[0])
    cover = _turned(cover, scale, 0.0 if rng.random() < 0.65 else float(rng.normal(0, 12)))
    rows, columns = min(height, cover.shape[0]), min(width, cover.shape[1])
    top, left = _corner(height - rows, width - columns, rng)
    window = np.s_[top : top + rows, left : left + columns]
    changed, mask = image.astype(np.float32), np.zeros((height, width), np.float32)
    changed[window], mask[window] = _painted(changed[window], cover[:rows, :columns], rng)
    return composed(image, changed, mask)


def _painted(below: np.ndarray, cover: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and weights of a cover (h, w, 2) of two inks over pixels (h, w, 3)."""
    cover = cv2.GaussianBlur(cover, (0, 0), float(rng.uniform(0.3, 0.8)))
    first, second = _inks(below, rng)
    opacity = 1.0 if rng.random() < 0.6 else float(rng.uniform(0.45, 0.9))
    weights = [cover[..., 0], cover[..., 1]]
    style = rng.random()
    if style < 0.3:
        radius = max(1, round(0.02 * below.shape[0]))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        weights[1] = np.maximum(weights[1], cv2.dilate(weights[0], kernel))
    elif style < 0.5:
        step = max(1, round(0.05 * below.shape[0]))
        moved = np.float32([[1, 0, step], [0, 1, step]])
        shadow = cv2.warpAffine(weights[0], moved, weights[0].shape[::-1])
        weights[1] = np.maximum(weights[1], 0.8 * cv2.GaussianBlur(shadow, (0, 0), 0.5 * step))
    elif style < 0.62:
        weights[1] = np.ones_like(weights[1])
    pixels = below
    for ink, weight in ((second, weights[1]), (first, weights[0])):
        pixels = pixels + (opacity * weight)[..., None] * (ink - pixels)
    return pixels, np.clip(np.maximum(*weights), 0, 1)


def _inks(below: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A colour that is readable on the pixels, and one that is readable below it."""
    bright = below.mean() > 127
    choice = rng.random()
    if choice < 0.55:
        first = np.full(3, rng.uniform(0, 40) if bright else rng.uniform(215, 255))
    else:
        first = rng.uniform(0, 255, 3)
        first[rng.integers(3)] = rng.choice([0, 255])
        if abs(first.mean() - below.mean()) < 60:
            first = first * 0.35 if bright else 255 - 0.35 * (255 - first)
    second = np.full(3, 245.0 if first.mean() < 127 else 15.0)
    return first.astype(np.float32), second.astype(np.float32)


def _corner(rows: int, columns: int, rng: np.random.Generator) -> tuple[int, int]:
    """Top and left: at an edge in one of two, as of a caption or a date, else anywhere."""
    if rng.random() < 0.5:
        return int(rng.integers(rows + 1)), int(rng.integers(columns + 1))
    y, x = rng.choice([0.06, 0.5, 0.94], p=[0.3, 0.1, 0.6]), rng.choice([0.05, 0.5, 0.95])
    return int(rows * y), int(columns * x)


def _line(rng: np.random.Generator) -> np.ndarray:
    """(h, w, 2) float32: letters in the first ink."""
    choice = rng.random()
    if choice < 0.2:
        written = "{:02d}.{:02d}.{}".format(*rng.integers((1, 1, 1998), (29, 13, 2026)))
    elif choice < 0.35:
        written = f"{rng.choice(['No. ', '', '$', '# '])}{rng.integers(10, 99999)}"
    else:
        written = " ".join(rng.choice(_WORDS, int(rng.choice([1, 1, 2]))))
    if rng.random() < 0.25:
        written = written.upper()
    letters = _pillow(written, rng) if rng.random() < 0.6 else _hershey(written, rng)
    if rng.random() < 0.2:
        shear = np.float32([[1, -0.22, 0.22 * letters.shape[0]], [0, 1, 0]])
        size = (letters.shape[1] + int(0.22 * letters.shape[0]), letters.shape[0])
        letters = cv2.warpAffine(letters, shear, size)
    return np.dstack([letters, np.zeros_like(letters)])


@lru_cache(maxsize=1)
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(96)


def _pillow(written: str, rng: np.random.Generator) -> np.ndarray:
    bold = int(rng.choice([0, 0, 2, 4]))
    left, top, right, bottom = _font().getbbox(written, stroke_width=bold)
    canvas = Image.new("L", (int(right - left) + 24, int(bottom - top) + 24))
    ImageDraw.Draw(canvas).text((12 - left, 12 - top), written, 255, _font(), stroke_width=bold)
    return np.asarray(canvas, np.float32) / 255


_HERSHEY = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)  # fmt: skip


def _hershey(written: str, rng: np.random.Generator) -> np.ndarray:
    face, thick = int(rng.choice(_HERSHEY)), int(rng.choice([5, 7, 10]))
    (width, height), base = cv2.getTextSize(written, face, 3, thick)
    canvas = np.zeros((height + base + 30, width + 30), np.uint8)
    cv2.putText(canvas, written, (15, height + 12), face, 3, 255, thick, cv2.LINE_AA)
    return canvas.astype(np.float32) / 255


def _logo(rng: np.random.Generator) -> np.ndarray:
    """(128, 128, 2) float32: a badge of the second ink with a sign of the first."""
    side, middle = 128, (64, 64)
    plate, sign = np.zeros((2, side, side), np.uint8)
    if rng.random() < 0.75:
        corners = int(rng.choice([0, 4, 5, 6, 8]))
        if corners:
            cv2.fillPoly(plate, [_star(corners, 60, 60, rng)], 255, cv2.LINE_AA)
        else:
            cv2.circle(plate, middle, 60, 255, -1, cv2.LINE_AA)
    choice = rng.random()
    if choice < 0.35:
        cv2.fillPoly(sign, [_star(int(rng.integers(4, 8)), 42, rng.uniform(14, 28), rng)], 255, cv2.LINE_AA)
    elif choice < 0.6:
        cv2.circle(sign, middle, int(rng.integers(26, 44)), 255, int(rng.choice([6, 10, 14])), cv2.LINE_AA)
        cv2.line(sign, (64, 24), (64, 104), 255, 8, cv2.LINE_AA)
    else:
        letter = chr(int(rng.integers(65, 91)))
        cv2.putText(sign, letter, (34, 92), int(rng.choice(_HERSHEY[:4])), 2.8, 255, 10, cv2.LINE_AA)
    return np.dstack([sign, plate]).astype(np.float32) / 255


def _star(corners: int, outer: float, inner: float, rng: np.random.Generator) -> np.ndarray:
    angles = np.arange(2 * corners) * np.pi / corners + rng.uniform(0, 1)
    radii = np.where(np.arange(2 * corners) % 2, inner, outer)
    return np.rint(64 + radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])).astype(np.int32)


def _turned(cover: np.ndarray, scale: float, angle: float) -> np.ndarray:
    """The cover scaled and turned by degrees."""
    size = (max(6, round(cover.shape[1] * scale)), max(6, round(cover.shape[0] * scale)))
    cover = cv2.resize(cover, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    if not angle:
        return cover
    matrix = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), angle, 1.0)
    spread = np.ceil(np.abs(matrix[:, :2]) @ size).astype(int)
    matrix[:, 2] += (spread - size) / 2
    return cv2.warpAffine(cover, matrix, (int(spread[0]), int(spread[1])), flags=cv2.INTER_LINEAR)
