"""Signed content as a witness: does the received picture show what was signed, as a whole and in each place?

The signature covers a hash of K bits for each cell of 32 px and the code of a sketch. An attacker can write
both below any picture, but cannot sign others; so the picture has to agree with them.

    signed hash, decoded sketch, received picture --> logit "altered" by 8 px, logit "another picture"
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from underdrawing.coding.payload import cell_grid
from underdrawing.judging.signed_content import LOCAL_BITS
from underdrawing.judging.witness.tone import with_tone_of
from underdrawing.nets.graph import Graph
from underdrawing.nets.weights import read_metadata

WEIGHTS = Path(__file__).parent / "weights" / "witness.safetensors"
BITS = 6
"""Bits of a cell, the most informative first; a code holds the first ones."""
PLANES = 4
"""Planes of a picture at 1/4 of its size: R, G, B, texture; see `planes`."""
CELL_PX = 32
"""Side of a cell on the grid."""
BLOCK_KILO_PX = 0.064
"""Pixels of a block of 8 px, thousands."""
SILENT = -10.0
"""Logit of "altered" where nothing signed describes single places."""
_STEP_PX = 4  # grid pixels of a pixel of the planes
_CELL_BLOCKS = 16  # of a cell: the detection of smaller edits was not measured
_MOST_AREA = 0.5  # of the view: a larger `least_area` vouches for nothing


@dataclass(frozen=True)
class SignedContent:
    """What the signature covers of the picture's content, for the whole grid."""

    rows: int
    """Blocks of 8 px of the grid."""
    cols: int
    cells: np.ndarray
    """(k, r, c) hash bits of each cell; k = 0 without a hash."""
    sketch: np.ndarray | None
    """(8 rows, 8 cols, 3) uint8 decoded from the content code; None without one."""
    density: np.ndarray
    """(rows, cols) float32 bits of the sketch for each block; unequal under a focus, zeros without one."""

    @property
    def least_sketch_bits(self) -> int:
        """Bits of an even code that shows as much as this sketch in its poorest place."""
        return round(float(self.density.min()) * self.density.size)

    @property
    def local_density(self) -> np.ndarray:
        """The density, or zeros where the sketch has too few bits to describe single places."""
        return self.density if self.density.sum() >= LOCAL_BITS else np.zeros_like(self.density)

    def bits(self, part: tuple[slice, slice]) -> float:
        """Bits of hash and sketch about a part, in blocks."""
        density = self.density[part]
        return float(density.sum()) + self.cells.size * density.size / self.density.size

    def amounts(self, part: tuple[slice, slice]) -> tuple[float, float]:
        """Inputs of Calibration: mean logarithm of the sketch bits of a block in a part, and logarithm of the
        hash bits of a cell."""
        return float(log_amount(self.local_density[part]).mean()), float(log_amount(len(self.cells)))


@dataclass(frozen=True)
class Finding:
    """Result of a comparison, in the coordinates of the view."""

    altered: np.ndarray
    """(8 r, 8 c) bool: regions that contradict the signed content."""
    logits: np.ndarray
    """(r, c) float32 logits of "altered", by block."""
    peak: float
    """Largest mean of 3 x 3 logits."""
    other: float
    """Logit of "another picture"."""
    is_other: bool
    bits: float
    """Signed bits about the part in view."""
    least_area: float | None
    """Share of the view from which nine of ten rewritten edits are found; None where fewer are found, and
    without a hash: the reach of a sketch alone was not measured."""

    @property
    def numbers(self) -> dict[str, float]:
        """Measurements for a report."""
        numbers = {"peak": self.peak, "another_picture": self.other, "signed_bits_in_view": self.bits}
        return {name: round(value, 2) for name, value in numbers.items()}


@dataclass(frozen=True)
class Calibration:
    """Thresholds and the rate of detection, measured on held-out photographs; stored with the weights."""

    local: float
    """Peak above which the picture is altered."""
    local_without_hash: float
    """The same where the mark holds no hash."""
    region: float
    """Smoothed logit that limits a region around such a peak."""
    other: float
    """Logit above which the content is that of another picture."""
    detection: tuple[float, float, float, float, float]
    """Logit of the probability of detection: constant, and weights of log2 of the edit's area in blocks, of
    the two amounts of signed bits, and of log2 of the blocks in view."""
    tail: float
    """Scale of the exponential tail that the peaks of untouched pictures have."""
    blocks: float
    """Blocks in view for which the thresholds were measured."""

    def threshold(self, blocks: float, *, hashed: bool) -> float:
        """Peak above which a view of so many blocks is altered: the largest of more blocks is larger."""
        least = self.local if hashed else self.local_without_hash
        return least + self.tail * max(0.0, float(np.log(blocks / self.blocks)))

    def least_area(self, blocks: int, amounts: tuple[float, float]) -> float | None:
        """Share of `blocks` from which nine of ten visible rewritten edits are found; None above one half.

        amounts: of SignedContent.
        """
        constant, by_area, *by_amounts, by_blocks = self.detection
        need = np.log(9.0) - constant - np.dot(by_amounts, amounts) - by_blocks * np.log2(blocks)
        share = max(float(2 ** (need / by_area)), _CELL_BLOCKS) / blocks
        return None if share > _MOST_AREA else share


class Witness:
    """Hash and comparison; the weights are loaded at first use."""

    def __init__(self, weights: Path = WEIGHTS):
        self._path = weights
        self._hash = Graph(WEIGHTS.with_name("hash.onnx"), weights, "hash.")
        self._comparison = Graph(WEIGHTS.with_name("comparison.onnx"), weights, "comparison.")

    def hash(self, image: np.ndarray) -> np.ndarray:
        """(K, r, c) uint8 bits of the cells of a picture on its grid, (8 rows, 8 cols, 3) uint8, the most
        informative bits first."""
        (values,) = self._hash(planes=_centred(planes(_to_cells(image)))[None])
        return (values[0] > 0).astype(np.uint8)

    def compare(self, image: np.ndarray, origin: tuple[int, int], signed: SignedContent) -> Finding:
        """Compare a view (8 r, 8 c, 3) uint8, whose first block on the grid is `origin`, with the content."""
        rows, cols = image.shape[0] // 8, image.shape[1] // 8
        first = origin[0] // 4, origin[1] // 4
        last = cell_grid(origin[0] + rows, origin[1] + cols)
        at = origin[0] - 4 * first[0], origin[1] - 4 * first[1]
        size = 4 * (last[0] - first[0]), 4 * (last[1] - first[1])
        at_rim = origin[0] + rows == signed.rows, origin[1] + cols == signed.cols
        if signed.sketch is not None:
            top, left = 8 * origin[0], 8 * origin[1]
            image = with_tone_of(signed.sketch[top : top + 8 * rows, left : left + 8 * cols], image)
        received, shown = _placed(image, at, size, at_rim)
        cells = signed.cells[:, first[0] : last[0], first[1] : last[1]]
        part = slice(32 * first[0], 32 * last[0]), slice(32 * first[1], 32 * last[1])
        sketch = None if signed.sketch is None else _to_cells(signed.sketch[part])
        visible = np.zeros(size, np.float32)
        visible[at[0] : at[0] + rows, at[1] : at[1] + cols] = 1
        here = slice(origin[0], origin[0] + rows), slice(origin[1], origin[1] + cols)
        down, right = (max(0, 4 * end - side) for end, side in zip(last, signed.density.shape, strict=True))
        density = np.pad(signed.density, ((0, down), (0, right)), "edge")
        density = density[4 * first[0] : 4 * last[0], 4 * first[1] : 4 * last[1]] / np.float32(BLOCK_KILO_PX)
        logits, other = self._logits((received, sketch, cells, density), visible, shown)
        if not signed.local_density.any():
            # a coarse sketch tells pictures apart, and misleads about places
            nothing = np.zeros_like(density)
            logits = self._logits((received, None, cells, nothing), visible, shown)[0]
            logits = logits if cells.size else np.full_like(logits, SILENT)
        logits = logits[at[0] : at[0] + rows, at[1] : at[1] + cols]
        smooth = cv2.blur(logits, (3, 3), borderType=cv2.BORDER_REFLECT)
        known = self._calibration
        threshold = known.threshold(rows * cols, hashed=cells.size > 0)
        return Finding(
            altered=_regions(smooth, threshold, known.region).repeat(8, 0).repeat(8, 1),
            logits=logits,
            peak=float(smooth.max()),
            other=other,
            is_other=other > known.other,
            bits=signed.bits(here),
            least_area=known.least_area(rows * cols, signed.amounts(here)) if cells.size else None,
        )

    def _logits(
        self,
        compared: tuple[np.ndarray, np.ndarray | None, np.ndarray, np.ndarray],
        visible: np.ndarray,
        shown: np.ndarray,
    ) -> tuple[np.ndarray, float]:
        """Logits of the network, (r, c) and one.

        compared: received canvas, decoded sketch, hash bits, (r, c) sketch bits per 1,000 px. visible: (r, c)
        of blocks; shown: as visible, and the repeated rim.
        """
        received, sketch, cells, density = compared
        gray = np.full_like(received, 128)
        picture = _centred(planes(received))[None] * shown.repeat(2, 0).repeat(2, 1)
        bits = np.zeros((1, BITS, *cells.shape[1:]), np.float32)
        bits[0, : len(cells)] = 2.0 * cells[:BITS] - 1
        (measured,) = self._hash(planes=picture)
        local, other = self._comparison(
            received=picture,
            sketch=_centred(planes(gray if sketch is None else sketch))[None],
            signed=bits,
            measured=measured,
            visible=visible[None, None],
            sketch_bits=density[None, None],
        )
        return local[0, 0], float(other[0])

    @cached_property
    def _calibration(self) -> Calibration:
        stored = json.loads(read_metadata(self._path)["calibration"])
        return Calibration(**{**stored, "detection": tuple(stored["detection"])})


def log_amount(bits: np.ndarray | float) -> np.ndarray:
    """Amount of bits on the scale of Calibration.detection."""
    return np.log2(1 + 4 * np.asarray(bits, np.float64))


def planes(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8, sides multiples of 32 -> (H / 4, W / 4, 4) uint8: R, G, B, log deviation of gray."""
    height, width = image.shape[0] // _STEP_PX, image.shape[1] // _STEP_PX
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean, square = (cv2.resize(x, (width, height), interpolation=cv2.INTER_AREA) for x in (gray, gray * gray))
    deviation = np.sqrt(np.maximum(square - mean * mean, 0))
    texture = np.clip(36 * np.log2(1 + deviation), 0, 255).astype(np.uint8)
    return np.concatenate([small, texture[..., None]], 2)


def _centred(levels: np.ndarray) -> np.ndarray:
    """(h, w, PLANES) uint8 -> (PLANES, h, w) float32 about 0."""
    return (levels.transpose(2, 0, 1).astype(np.float32) - 128) / 64


def _to_cells(image: np.ndarray) -> np.ndarray:
    """The picture with its rim repeated up to whole cells."""
    down, right = (-side % CELL_PX for side in image.shape[:2])
    if not down and not right:
        return image
    return cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_REPLICATE)


def _placed(
    image: np.ndarray, at: tuple[int, int], size: tuple[int, int], at_rim: tuple[bool, bool]
) -> tuple[np.ndarray, np.ndarray]:
    """The view on a gray canvas of `size` blocks, from block `at`; and the blocks filled, float32.

    Where the grid ends (at_rim), the rim is repeated as in `_to_cells`.
    """
    canvas, shown = np.full((8 * size[0], 8 * size[1], 3), 128, np.uint8), np.zeros(size, np.float32)
    down, right = (
        8 * (whole - start) - side if rim else 0
        for whole, start, side, rim in zip(size, at, image.shape, at_rim, strict=False)
    )
    part = cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_REPLICATE)
    height, width = part.shape[:2]
    canvas[8 * at[0] : 8 * at[0] + height, 8 * at[1] : 8 * at[1] + width] = part
    shown[at[0] : at[0] + height // 8, at[1] : at[1] + width // 8] = 1
    return canvas, shown


def _regions(smooth: np.ndarray, peak: float, border: float) -> np.ndarray:
    """(r, c) bool: connected blocks above `border` that hold one above `peak`."""
    candidates = (smooth > min(border, peak)).astype(np.uint8)
    count, labels = cv2.connectedComponents(candidates, connectivity=8)
    peaks = np.zeros(count, bool)
    peaks[np.unique(labels[smooth > peak])] = True
    peaks[0] = False
    return peaks[labels]
