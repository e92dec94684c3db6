"""Alignment of a received picture with the grid of the lattice, and resampling in both directions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from underdrawing.carriers.lattice.displacement import Displacement
from underdrawing.carriers.lattice.parameters import CANONICAL_SIDE, EmbeddingLevel

_RIM = 8  # px round a view within which its maps continue


def grid_size(height: int, width: int) -> tuple[int, int]:
    """Height and width in pixels of a whole picture on the grid, before the cut to whole blocks."""
    long_side = max(height, width)
    if long_side <= CANONICAL_SIDE:
        return height, width
    factor = CANONICAL_SIDE / long_side
    return max(8, round(height * factor)), max(8, round(width * factor))


@dataclass(frozen=True)
class Alignment:
    """Map from a received picture to the grid: transpose, flip, rotate, resize, shift, cut, displace."""

    height: int
    """Received height, px."""
    width: int
    scaled: tuple[int, int]
    """Height and width of the oriented received picture in grid pixels."""
    offset: tuple[float, float] = (0.0, 0.0)
    """(y, x) of the first block's corner in the resized picture, px."""
    origin: tuple[int, int] = (0, 0)
    """(row, column) of the first block on the grid; modulo the tile until the base layer is decoded."""
    level: EmbeddingLevel = field(default_factory=EmbeddingLevel)
    angle: float = 0.0
    """Counter-clockwise rotation about the centre of the received picture before resizing, degrees."""
    mirrored: bool = False
    upside_down: bool = False
    transposed: bool = False
    """Whether rows and columns are exchanged, before the flips: with one flip it is a quarter turn."""
    score: float = 0.0
    """Agreement with the key, in standard deviations of chance."""
    displacement: Displacement | None = None
    """What is left of the geometry, from `local_alignment`: added to the place of each pixel in view."""

    @property
    def blocks(self) -> tuple[int, int]:
        """Whole blocks (rows, cols) in view."""
        return (
            int(self.scaled[0] - np.ceil(self.offset[0])) // 8,
            int(self.scaled[1] - np.ceil(self.offset[1])) // 8,
        )

    @property
    def oriented_size(self) -> tuple[int, int]:
        """Height and width of the received picture after transposition, px."""
        return (self.width, self.height) if self.transposed else (self.height, self.width)

    @property
    def is_direct(self) -> bool:
        """Whether grid pixels are received pixels, without interpolation."""
        whole = all(float(v).is_integer() for v in self.offset)
        straight = not self.angle and self.displacement is None
        return self.scaled == self.oriented_size and whole and straight

    def nearest(self, received: np.ndarray) -> np.ndarray:
        """(8 r, 8 c, 3) of the part in view, each pixel the nearest one of the received picture."""
        y, x = np.ogrid[: 8 * self.blocks[0], : 8 * self.blocks[1]]
        columns, rows = (
            np.rint(a * x + b * y + c).clip(0, last - 1).astype(np.intp)
            for (a, b, c), last in zip(self.matrix(), (self.width, self.height), strict=True)
        )
        return received[rows, columns]

    def matrix(self) -> np.ndarray:
        """(2, 3) float64: grid pixel centre (x, y, 1) of the part in view -> received pixel centre (x, y),
        without displacement."""
        height, width = self.oriented_size
        sy, sx = height / self.scaled[0], width / self.scaled[1]
        scale = np.array(
            [
                [sx, 0, (self.offset[1] + 0.5) * sx - 0.5],
                [0, sy, (self.offset[0] + 0.5) * sy - 0.5],
                [0, 0, 1],
            ]
        )
        turn = np.vstack([_rotation(height, width, -self.angle), [0, 0, 1]])
        flip = np.eye(3)
        if self.mirrored:
            flip[0, [0, 2]] = -1, width - 1
        if self.upside_down:
            flip[1, [1, 2]] = -1, height - 1
        matrix = (flip @ turn @ scale)[:2]
        return matrix[::-1] if self.transposed else matrix

    def oriented(self, plane: np.ndarray) -> np.ndarray:
        """A received picture (H, W[, C]), transposed, flipped and rotated as the grid is."""
        if self.transposed:
            plane = np.swapaxes(plane, 0, 1)
        if self.mirrored:
            plane = plane[:, ::-1]
        if self.upside_down:
            plane = plane[::-1]
        plane = np.ascontiguousarray(plane)
        if self.angle:
            height, width = self.oriented_size
            turn = _rotation(height, width, self.angle)
            plane = cv2.warpAffine(
                plane, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
            )
        return plane

    def sample(self, plane: np.ndarray) -> np.ndarray:
        """Resample a received luma (H, W) float32 on the grid -> (8 rows, 8 cols)."""
        if self.displacement is not None:
            rows, cols = self.blocks
            return self.window(plane, 0, 0, 8 * rows, 8 * cols)
        return self.cut(resize(self.oriented(plane), self.scaled))

    def window(self, plane: np.ndarray, top: float, left: float, height: int, width: int) -> np.ndarray:
        """Resample a received luma or picture on (height, width) grid pixels from (top, left) of the view.

        In one interpolation, after area averages where the grid is coarser than the received picture.
        """
        ys, xs = top + np.arange(height), left + np.arange(width)
        place = np.stack(np.meshgrid(xs, ys), axis=2).astype(np.float32)
        if self.displacement is not None:
            place += self.displacement.at(ys, xs)[..., ::-1]
        matrix = self.matrix()
        if self.scaled[0] * self.scaled[1] < self.height * self.width:
            size = self.scaled[::-1] if self.transposed else self.scaled
            shrunk = np.array(size[::-1]) / (self.width, self.height)
            matrix = shrunk[:, None] * matrix
            matrix[:, 2] += (shrunk - 1) / 2
            plane = resize(plane, size)
        source = place @ matrix[:, :2].T.astype(np.float32) + matrix[:, 2].astype(np.float32)
        return cv2.remap(plane, source, None, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)

    def cut(self, scaled: np.ndarray) -> np.ndarray:
        """As `sample`, from a plane that is already rotated and resized."""
        rows, cols = self.blocks
        (y, x), whole = self.offset, (int(np.floor(self.offset[0])), int(np.floor(self.offset[1])))
        if whole == (y, x):
            return np.ascontiguousarray(
                scaled[whole[0] : whole[0] + 8 * rows, whole[1] : whole[1] + 8 * cols]
            )
        shift = np.array([[1, 0, x], [0, 1, y]], np.float64)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(scaled, shift, (8 * cols, 8 * rows), flags=flags, borderMode=cv2.BORDER_REFLECT)

    def to_received(self, grid_map: np.ndarray, outside: float = 0.0) -> np.ndarray:
        """Resample a float map (8 rows, 8 cols[, C]) to received coordinates (H, W[, C])."""
        flags = cv2.INTER_LINEAR
        rim = _RIM
        if self.displacement is None:
            padded = cv2.copyMakeBorder(grid_map, rim, rim, rim, rim, cv2.BORDER_REPLICATE)
        else:
            rim += int(np.ceil(self.displacement.largest))
            padded = self.displacement.undone(grid_map, rim)
        matrix = self.matrix() @ np.array([[1, 0, -rim], [0, 1, -rim], [0, 0, 1]])
        value = [outside] * 4
        return cv2.warpAffine(padded, matrix, (self.width, self.height), flags=flags, borderValue=value)

    def moved(self, **changes) -> Alignment:
        """A copy with some fields changed."""
        return replace(self, **changes)


@dataclass(frozen=True)
class WholeFrame:
    """The whole marked picture on its grid, of which a received picture may show a part."""

    alignment: Alignment
    grid: tuple[int, int]
    """(rows, cols) of blocks of the whole."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the whole on its grid, px."""
        return 8 * self.grid[0], 8 * self.grid[1]

    def whole(self, received: np.ndarray) -> np.ndarray:
        """Resample a received picture or map (H, W[, C]) on the whole grid, same type; zero outside of it."""
        top, left = (8 * start for start in self.alignment.origin)
        result = np.zeros((*self.size, *received.shape[2:]), received.dtype)
        part = self.alignment.sample(received)[: self.size[0] - top, : self.size[1] - left]
        result[top : top + part.shape[0], left : left + part.shape[1]] = part
        return result

    def to_received(self, whole: np.ndarray) -> np.ndarray:
        """Resample a picture or map of the whole to received coordinates, (H, W[, C]) float32."""
        top, left = (8 * start for start in self.alignment.origin)
        rows, cols = self.alignment.blocks
        part = whole[top : top + 8 * rows, left : left + 8 * cols].astype(np.float32)
        return self.alignment.to_received(part)


def _rotation(height: int, width: int, angle: float) -> np.ndarray:
    return cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)


def resize(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize to (height, width): area averages on the way down, Lanczos on the way up."""
    height, width = size
    if plane.shape[:2] == (height, width):
        return plane
    smaller = height * width < plane.shape[0] * plane.shape[1]
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LANCZOS4)


def to_picture(change: np.ndarray, size: tuple[int, int], full: tuple[int, int]) -> np.ndarray:
    """Resample a change of the blocks (8 r, 8 c) to the size of the picture; 0 beyond whole blocks."""
    rim = ((0, size[0] - change.shape[0]), (0, size[1] - change.shape[1]))
    whole = np.pad(change, rim) if any(b for _, b in rim) else change
    if size == full:
        return whole
    return cv2.resize(whole, (full[1], full[0]), interpolation=cv2.INTER_CUBIC)
