"""Named lists of channels, and a random channel for training."""

from __future__ import annotations

import numpy as np
from PIL import Image

from underdrawing.attacks.channel import (
    Avif,
    Blur,
    Brightness,
    Channel,
    Contrast,
    DisplayP3,
    Erase,
    Gamma,
    Jpeg,
    Mean,
    Noise,
    Nothing,
    Palette,
    Saturation,
    Webp,
)  # fmt: skip
from underdrawing.attacks.geometry import (
    JPEG_TWICE,
    SCREENSHOT,
    Chain,
    Crop,
    CropBack,
    Fit,
    Flip,
    Rotate,
    Scale,
    resize,
)  # fmt: skip

PHOTO_BENIGN: tuple[Channel, ...] = (
    Nothing(),
    *(Jpeg(quality) for quality in (90, 70, 50, 30)),
    *(Webp(quality) for quality in (75, 50)),
    Avif(60),
    *(Scale(factor) for factor in (0.5, 0.7, 1.5)),
    *(Crop(keep) for keep in (0.9, 0.7, 0.5)),
    Blur(1.0),
    *(Noise(sigma) for sigma in (5.0, 10.0)),
    *(kind(factor) for kind in (Brightness, Contrast, Saturation) for factor in (0.8, 1.2)),
    *(Gamma(gamma) for gamma in (0.8, 1.25)),
    JPEG_TWICE,
    SCREENSHOT,
)
"""Degradations of photographs posted on the web."""

_ENCODED: tuple[Channel, ...] = (
    Webp(75),
    Avif(60),
    *(Palette(colours, dithered) for colours in (256, 128) for dithered in (False, True)),
    DisplayP3(),
)

POSTED: tuple[Channel, ...] = (
    *(
        Chain(f"{side}px-jpeg{quality}", (Fit(side), Jpeg(quality)))
        for side in (2048, 1600, 1080)
        for quality in (85, 75)
    ),
    *(Chain(f"scale{factor}-jpeg{q}", (Scale(factor), Jpeg(q))) for factor, q in ((0.75, 85), (0.5, 75))),
    *_ENCODED,
)
"""What publishing does to a file: other sizes, formats and colour spaces."""

IMUGE: tuple[Channel, ...] = (
    *(Jpeg(quality) for quality in (90, 70, 50)),
    *(Scale(factor) for factor in (1.5, 0.7, 0.5)),
    *(Crop(keep) for keep in (0.9, 0.7, 0.5)),
    Blur(1.0),
    Noise(5.0),
    Nothing(),
)
"""Columns of the Imuge paper's table 1. The paper gives no strengths of blur and noise: these are ours."""

WAVES: tuple[Channel, ...] = (
    *(Rotate(degrees) for degrees in (9.0, 18.0, 45.0)),
    *(CropBack(keep) for keep in (0.9, 0.7, 0.5)),
    *(Erase(fraction) for fraction in (0.05, 0.15, 0.25)),
    *(Brightness(factor) for factor in (1.2, 1.6, 2.0)),
    *(Contrast(factor) for factor in (1.2, 1.6, 2.0)),
    *(Blur(sigma) for sigma in (1.0, 2.0, 4.0)),
    *(Noise(255 * sigma) for sigma in (0.02, 0.06, 0.1)),
    *(Jpeg(quality) for quality in (90, 50, 10)),
)
"""The distortions of the WAVES benchmark at three of its strengths each."""

GEOMETRY: tuple[Channel, ...] = (
    *(Rotate(degrees) for degrees in (-3.0, -1.0, 1.0, 3.0)),
    Flip(),
    *(Scale(factor) for factor in (0.4, 0.6, 0.83, 1.25, 2.5)),
    *(Scale(0.7, kind) for kind in (Image.Resampling.BILINEAR, Image.Resampling.BOX)),
)
"""Transforms that synchronization has to invert."""

FACE_KNOWN: tuple[Channel, ...] = (Jpeg(90), Jpeg(75), Webp(80), Scale(0.7))
"""Post-processing within the ranges of face_forgery.camera, which detectors of faces are trained on."""

FACE_UNKNOWN: tuple[Channel, ...] = (Jpeg(60), Webp(50), Mean(5), Scale(0.5), Noise(5.0), JPEG_TWICE)
"""Post-processing that no detector of faces is trained on; the first and the third are those of HFF."""

SUITES: dict[str, tuple[Channel, ...]] = {
    "photo-benign": PHOTO_BENIGN,
    "posted": POSTED,
    "imuge": IMUGE,
    "waves": WAVES,
    "geometry": GEOMETRY,
    "face-known": FACE_KNOWN,
    "face-unknown": FACE_UNKNOWN,
}


def by_name(suite: str, *names: str) -> tuple[Channel, ...]:
    """The channels of a suite by name, in the order of the names. KeyError for an unknown name."""
    known = {channel.name: channel for channel in SUITES[suite]}
    return tuple(known[name] for name in names)


_SAMPLED: tuple[tuple[type[Channel], float, float, float], ...] = (
    (Nothing, 0.0, 0.0, 0.14),
    (Jpeg, 40.0, 98.0, 0.34),
    (Webp, 45.0, 98.0, 0.1),
    (Avif, 50.0, 95.0, 0.02),
    (Scale, 0.5, 1.6, 0.14),
    (Blur, 0.3, 1.5, 0.06),
    (Noise, 1.0, 12.0, 0.08),
    *((kind, 0.75, 1.3, 0.03) for kind in (Brightness, Contrast, Saturation)),
    (Gamma, 0.75, 1.35, 0.03),
)
"""Channels of training with their range of strengths and their share."""


def sample_posted(image_u8: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random channel of the kind of POSTED, half of them at a random other size."""
    if rng.random() < 0.5:
        image_u8 = Scale(float(rng.uniform(0.4, 1.1)))(image_u8, rng)
    if rng.random() < 0.4:
        return Jpeg(int(rng.choice((70, 75, 80, 85))))(image_u8, rng)
    return _ENCODED[rng.integers(len(_ENCODED))](image_u8, rng)


def sample_channel(image_u8: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random channel of random strength that keeps size and position: a scaled picture is resized back."""
    kind, low, high, _ = _SAMPLED[rng.choice(len(_SAMPLED), p=[share for *_, share in _SAMPLED])]
    strength = rng.uniform(low, high)
    if kind is Nothing:
        return image_u8.copy()
    if kind is Scale:
        scaled = Scale(strength)(image_u8, rng)
        if rng.random() < 0.5:
            scaled = Jpeg(int(rng.integers(70, 96)))(scaled, rng)
        return resize(scaled, *image_u8.shape[:2], Image.Resampling.BICUBIC)[0]
    if kind in (Jpeg, Webp, Avif):
        return kind(round(strength))(image_u8, rng)
    return kind(float(strength))(image_u8, rng)
