"""The path of a picture from the camera to who examines it, the same for manipulated and authentic ones.

    Camera  photograph -> JPEG of the camera                                      before a manipulation
    Chain   picture -> tone -> other size -> crop -> JPEG -> other grid -> JPEG   after it

A localizer can only learn the manipulation where authentic pictures share everything else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

_SHRINKING = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
_GROWING = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
BLOCK = 8
"""Pixels of a block of JPEG."""


@dataclass(frozen=True)
class Codec:
    """A lossy file format."""

    quality: int
    """1 to 100."""
    subsampled: bool = True
    """Whether JPEG halves the chroma (4:2:0)."""
    webp: bool = False
    """WebP in place of JPEG."""

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The decoded picture (H, W, 3) uint8."""
        if self.webp:
            suffix, options = ".webp", [cv2.IMWRITE_WEBP_QUALITY, self.quality]
        else:
            factors = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420)
            sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factors[self.subsampled]]
            suffix, options = ".jpg", [cv2.IMWRITE_JPEG_QUALITY, self.quality, *sampling]
        _, data = cv2.imencode(suffix, np.ascontiguousarray(image[..., ::-1]), options)
        return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)


@dataclass(frozen=True)
class Camera:
    """The first compression, before a manipulation: pasted content then has another history than the rest."""

    codec: Codec | None
    """None: a lossless original."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Camera:
        """JPEG of quality 70 to 98 for two pictures in three."""
        quality, subsampled = int(rng.integers(70, 98, endpoint=True)), bool(rng.random() < 0.7)
        return cls(Codec(quality, subsampled) if rng.random() < 2 / 3 else None)

    def __call__(self, photo: np.ndarray) -> np.ndarray:
        """The photograph as the camera stored it."""
        return self.codec(photo) if self.codec else photo


@dataclass(frozen=True)
class Ranges:
    """Ranges of the random choices of a Chain."""

    scale: tuple[float, float] = (0.7, 1.25)
    """Of the sides, log-uniform, for three in five; the others keep their size."""
    tone: float = 0.08
    """Largest change of gain and of gamma, for two in five."""
    first: tuple[int, int] = (75, 97)
    """Quality of the first JPEG, for the quarter that is compressed twice."""
    jpeg: tuple[int, int] = (70, 98)
    """Quality of the last JPEG, for three in four."""
    webp: tuple[int, int] = (80, 95)
    """Quality of WebP, for one in sixteen; the others stay uncompressed."""
    crop: tuple[float, float] = (0.8, 1.0)
    """Share of each side that is kept, for half; not used where `side` is given."""
    plain: float = 0.0
    """Share of the pictures that are only cut out: the traces of a manipulation as it was made."""


@dataclass(frozen=True)
class Chain:
    """One path. Call it with a picture, and `moved` with its masks; both give the same size."""

    tone: tuple[float, float] = (1.0, 1.0)
    """Gain and gamma."""
    scale: float = 1.0
    longest: int | None = None
    """Pixels of the longer side, at most, as platforms have it."""
    filter_number: int = 0
    crop: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    """Top and left as shares of the room, height and width as shares of the picture."""
    side: int | None = None
    """Side of the square that is cut out in place of the crop's size, px; a smaller picture is enlarged."""
    first: Codec | None = None
    shift: tuple[int, int] = (0, 0)
    """Rows and columns, 0 to 7, between the grids of both compressions."""
    last: Codec | None = None
    sharpening: float = 0.0
    """Share of an unsharp mask before the last compression."""

    @classmethod
    def draw(cls, rng: np.random.Generator, side: int | None = None, ranges: Ranges | None = None) -> Chain:
        """One path at random; with `side`, of square pictures."""
        ranges = ranges or Ranges()
        toned, scaled, cropped, twice = rng.random(4) < (0.4, 0.6, 0.5, 0.25)
        codec = rng.random()
        kept = rng.uniform(*ranges.crop, 2) if cropped else (1.0, 1.0)
        last = None
        if codec < 0.75 or twice:
            last = Codec(int(rng.integers(*ranges.jpeg, endpoint=True)), bool(rng.random() < 0.7))
        elif codec < 0.8125:
            last = Codec(int(rng.integers(*ranges.webp, endpoint=True)), webp=True)
        first = Codec(int(rng.integers(*ranges.first, endpoint=True)), bool(rng.random() < 0.7))
        path = cls(
            tone=_pair(1 + rng.uniform(-ranges.tone, ranges.tone, 2)) if toned else (1.0, 1.0),
            scale=float(np.exp(rng.uniform(*np.log(ranges.scale)))) if scaled else 1.0,
            filter_number=int(rng.integers(3)),
            crop=(*map(float, rng.uniform(0, 1, 2)), *map(float, kept)),
            side=side,
            first=first if twice else None,
            shift=(int(rng.integers(BLOCK)), int(rng.integers(BLOCK))) if twice else (0, 0),
            last=last,
        )
        plain = ranges.plain and rng.random() < ranges.plain
        return cls(crop=path.crop, side=side) if plain else path

    def around(self, point: tuple[float, float], shape: tuple[int, ...]) -> Chain:
        """The path whose square of `side` has a point of the picture in its middle, or as near as it can be.

        point: row and column, px of a picture of `shape`.
        """
        scale = self._scale(np.empty(shape[:2], bool))
        rooms = [max(1, round(scale * length) - self._with_shift) for length in shape[:2]]
        start = [
            min(max(scale * at - self._with_shift / 2, 0), room) / room
            for at, room in zip(point, rooms, strict=True)
        ]
        return replace(self, crop=(*start, *self.crop[2:]))

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The received picture (H', W', 3) uint8 of a picture (H, W, 3) uint8."""
        filters = _SHRINKING if self._scale(image) < 1 else _GROWING
        image = self._cut(self._toned(image), filters[self.filter_number])
        if self.first:
            image = self.first(image)
        image = self._shifted(image)
        if self.sharpening:
            soft = cv2.GaussianBlur(image, (0, 0), 1.0)
            image = cv2.addWeighted(image, 1 + self.sharpening, soft, -self.sharpening, 0)
        return self.last(image) if self.last else np.ascontiguousarray(image)

    def moved(self, mask: np.ndarray) -> np.ndarray:
        """A mask of the picture in the received one, (H, W) -> (H', W'), same type.

        Floating numbers are averaged; integers (labels) are those of the nearest pixel.
        """
        labels = not np.issubdtype(mask.dtype, np.floating)
        smooth = cv2.INTER_AREA if self._scale(mask) < 1 else cv2.INTER_LINEAR
        return np.ascontiguousarray(
            self._shifted(self._cut(mask, cv2.INTER_NEAREST_EXACT if labels else smooth))
        )

    def _toned(self, image: np.ndarray) -> np.ndarray:
        gain, gamma = self.tone
        if self.tone == (1.0, 1.0):
            return image
        curve = 255 * np.clip(gain * (np.arange(256) / 255) ** gamma, 0, 1)
        return cv2.LUT(image, np.rint(curve).astype(np.uint8))

    def _scale(self, image: np.ndarray) -> float:
        height, width = image.shape[:2]
        scale = self.scale
        if self.longest is not None:
            scale = min(scale, self.longest / max(height, width))
        if self.side is not None:
            scale = max(scale, self._with_shift / min(height, width))
        return scale

    @property
    def _with_shift(self) -> int:
        return self.side + (BLOCK if self.first else 0)

    def _cut(self, image: np.ndarray, filter_: int) -> np.ndarray:
        """Scaled and cropped; with the rows and columns that the shift of the grid takes away."""
        scale = self._scale(image)
        height, width = (max(BLOCK, round(scale * side)) for side in image.shape[:2])
        if (height, width) != image.shape[:2]:
            image = cv2.resize(image, (width, height), interpolation=filter_)
        if self.side is None:
            rows, columns = (
                max(2 * BLOCK, round(share * side))
                for share, side in zip(self.crop[2:], (height, width), strict=True)
            )
        else:
            rows = columns = self._with_shift
        rows, columns = min(rows, height), min(columns, width)
        top, left = round(self.crop[0] * (height - rows)), round(self.crop[1] * (width - columns))
        return image[top : top + rows, left : left + columns]

    def _shifted(self, image: np.ndarray) -> np.ndarray:
        """Without the rows and columns before the second grid."""
        if not self.first:
            return image
        down, right = self.shift
        if self.side is not None:
            return image[down : down + self.side, right : right + self.side]
        return image[down:, right:]


def _pair(values: np.ndarray) -> tuple[float, float]:
    return float(values[0]), float(values[1])
