"""Alignment of a received picture with the rendition of a registered original.

    the whole frame in 8 orientations --> or matched features --> homography --> refined by optical flow

A homography covers crops, scales, rotations, mirror images, changed aspect and small perspective. The tone is
irrelevant: all comparisons are of local structure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

_GUESS_PX = 96  # long side on which orientations of the whole frame are compared
_GUESS_SIMILARITY = 0.45  # of the windows that a guess must match to be refined
_FEATURES_PX = 640
_FEATURES = 1500
_RATIO = 0.8  # Lowe 2004, sec. 7.1
_LEAST_INLIERS = 12
_REFINED_PX = (128, 256, 512, 1024)
_FLOW_STEP_PX = 4
_LEAST_FLOW_POINTS = 24
_CHECK_PX = 512  # long side on which an alignment is checked
_WINDOW_PX = 17
_TEXTURE = 2.0  # levels; windows of less are not compared
_SIMILAR = 0.5  # correlation of a window that shows the same structure
_LEAST_SHARE = 0.25  # of similar windows; of another picture it is below .1
_LEAST_TEXTURED = 0.01  # of all windows, to decide at all
_LARGEST_STRETCH = 12.0

Result = Literal["aligned", "another picture", "undecided"]


@dataclass(frozen=True)
class ReferenceAlignment:
    """Place of a received picture in the rendition of an original."""

    matrix: np.ndarray
    """(3, 3) float64 homography, (x, y, 1) of a received pixel to the rendition's; integers are centres."""
    similarity: float
    """Share of the textured windows with the same structure, 0..1."""

    @property
    def pitch(self) -> float:
        """Pixels of the rendition for one of the received picture, near its origin."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:2, :2]))))

    def to_rendition(self, size: tuple[int, int], received_size: tuple[int, int]) -> np.ndarray:
        """The homography from the received picture resized to `size`; sizes are (width, height)."""
        return self.matrix @ resized(received_size, size)

    def warp(self, picture: np.ndarray, size: tuple[int, int], received_size: tuple[int, int]) -> np.ndarray:
        """A picture (H, W[, 3]) of the rendition's frame as seen in the received picture resized to `size`:
        (h, w[, 3]). Prefiltered where that is coarser than the picture; mirrored beyond its border."""
        matrix = self.to_rendition(size, received_size)
        pitch = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
        if pitch > 1.1:
            reduced = reduce(picture, 1 / pitch)
            matrix = resized(picture.shape[1::-1], reduced.shape[1::-1], inverse=True) @ matrix
            picture = reduced
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return cv2.warpPerspective(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101)

    def inside(
        self,
        size: tuple[int, int],
        received_size: tuple[int, int],
        rendition_size: tuple[int, int],
        margin: int = 0,
    ) -> np.ndarray:
        """(h, w) bool: pixels of the received picture resized to `size` that the rendition covers.

        margin: rows and columns of the rendition's border that are left out; with 0 one pixel more is
        covered, so that rounding loses none at the border of the frame.
        """
        ones = np.zeros(rendition_size[::-1], np.uint8)
        ones[margin : ones.shape[0] - margin, margin : ones.shape[1] - margin] = 1
        matrix = self.to_rendition(size, received_size)
        covered = cv2.warpPerspective(ones, matrix, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
        return (covered if margin else cv2.dilate(covered, np.ones((3, 3), np.uint8))) > 0


def align(received: np.ndarray, rendition: np.ndarray) -> tuple[Result, ReferenceAlignment | None]:
    """Find the place of a received picture (H, W, 3) uint8 in a rendition (h, w, 3) uint8.

    "another picture": both have structure, and it differs everywhere. "undecided": too little structure.
    """
    pair = _Pair(cv2.cvtColor(received, cv2.COLOR_RGB2GRAY), cv2.cvtColor(rendition, cv2.COLOR_RGB2GRAY))
    decided = False
    for guess in pair.guesses():
        refined = pair.refine(guess)
        similarity, textured = pair.similarity(refined, _CHECK_PX)
        decided |= textured >= _LEAST_TEXTURED
        if similarity >= _LEAST_SHARE and textured >= _LEAST_TEXTURED:
            return "aligned", ReferenceAlignment(refined, similarity)
    return ("another picture" if decided or pair.structured else "undecided"), None


class _Pair:
    """Received picture and rendition as gray pictures, (H, W) uint8."""

    def __init__(self, received: np.ndarray, rendition: np.ndarray) -> None:
        self.received, self.rendition = received, rendition
        self.structured = False

    def guesses(self) -> Iterator[np.ndarray]:
        """Rough homographies, the most plausible first; refined ones may be wrong."""
        found = [(self.similarity(matrix, _GUESS_PX)[0], k) for k, matrix in enumerate(self._whole_frame())]
        best, place = max(found)
        if best > _GUESS_SIMILARITY:
            yield self._whole_frame()[place]
        for mirrored in (False, True):
            matrix = self._by_features(mirrored)
            if matrix is not None:
                yield matrix

    def refine(self, matrix: np.ndarray) -> np.ndarray:
        """The homography after fits to the optical flow between both, from coarse to fine."""
        for side in _REFINED_PX:
            if side > 2 * max(self.received.shape):
                break
            a, b, inside = self._both(matrix, side)
            flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(_flat(a), _flat(b), None)  # type: ignore[attr-defined]
            corner = cv2.cornerMinEigenVal(a, 5)
            step = slice(_FLOW_STEP_PX // 2, None, _FLOW_STEP_PX)
            y, x = np.mgrid[: a.shape[0], : a.shape[1]][:, step, step].reshape(2, -1)
            strong = corner[y, x] > max(1e-4, float(np.quantile(corner[y, x], 0.6)))
            used = strong & inside[y, x]
            if used.sum() < _LEAST_FLOW_POINTS:
                continue
            points = np.stack([x, y], 1)[used].astype(np.float32)
            moved = points + flow[y[used], x[used]]
            change, _ = cv2.findHomography(points, moved, cv2.RANSAC, max(0.4, side / 512), maxIters=300)
            if change is None or not _plausible(change, 1.3):
                continue
            frame = resized(self.received.shape[::-1], a.shape[::-1])
            matrix = matrix @ frame @ change @ np.linalg.inv(frame)
            matrix = matrix / matrix[2, 2]
        return matrix

    def similarity(self, matrix: np.ndarray, side: int) -> tuple[float, float]:
        """Share of the textured windows with the same structure, and share of windows with texture."""
        a, b, inside = self._both(matrix, side)
        a, b = (_detail(picture.astype(np.float32)) for picture in (a, b))
        size = (_WINDOW_PX,) * 2
        aa, bb, ab = (cv2.blur(values, size) for values in (a * a, b * b, a * b))
        textured = inside & (aa > _TEXTURE**2) & (bb > _TEXTURE**2)
        if not textured.any():
            return 0.0, 0.0
        correlation = ab[textured] / np.sqrt(aa[textured] * bb[textured])
        return float((correlation > _SIMILAR).mean()), float(textured.mean())

    def _both(self, matrix: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Received picture with a long side of at most `side`, the rendition in the same frame, and the part
        that it covers."""
        alignment = ReferenceAlignment(matrix, 0.0)
        received_size = self.received.shape[::-1]
        a = reduce(self.received, side / max(received_size))
        size = a.shape[::-1]
        b = alignment.warp(self.rendition, size, received_size)
        return a, b, alignment.inside(size, received_size, self.rendition.shape[::-1])

    def _whole_frame(self) -> list[np.ndarray]:
        """The homographies of the whole frame, turned and mirrored: 8."""
        to_unit = _to_unit(*self.received.shape[::-1])
        from_unit = np.linalg.inv(_to_unit(*self.rendition.shape[::-1]))
        turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], float)
        turns = [np.linalg.matrix_power(turn, k) for k in range(4)]
        return [from_unit @ t @ np.diag([flip, 1, 1]) @ to_unit for flip in (1.0, -1.0) for t in turns]

    def _by_features(self, mirrored: bool) -> np.ndarray | None:
        """A homography from matched SIFT features (Lowe 2004), or None."""
        received = np.ascontiguousarray(self.received[:, ::-1]) if mirrored else self.received
        points, described = _features(received)
        if mirrored and len(points):
            points = points * [-1, 1] + [self.received.shape[1] - 1, 0]
        others, known = self._rendition_features()
        self.structured |= min(len(points), len(others)) >= 8 * _LEAST_INLIERS
        if min(len(points), len(others)) < _LEAST_INLIERS:
            return None
        near, far = _two_nearest(described, known)
        ratio = near[1] < _RATIO * far
        if ratio.sum() < _LEAST_INLIERS:
            return None
        unit = self.rendition.shape[1] / _FEATURES_PX
        matrix, inliers = cv2.findHomography(
            points[ratio], others[near[0][ratio]], cv2.USAC_MAGSAC, 3 * max(1.0, unit), maxIters=2000
        )
        if matrix is None or int(inliers.sum()) < _LEAST_INLIERS or not _plausible(matrix, _LARGEST_STRETCH):
            return None
        return matrix

    def _rendition_features(self) -> tuple[np.ndarray, np.ndarray]:
        if not hasattr(self, "_known"):
            self._known = _features(self.rendition)
        return self._known


def _features(gray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (n, 2) float64 in pixels of the picture, and descriptors (n, 128) float32 of length 1."""
    scale = min(1.0, _FEATURES_PX / max(gray.shape))
    found, described = cv2.SIFT_create(_FEATURES, contrastThreshold=0.02).detectAndCompute(  # type: ignore[attr-defined]
        reduce(gray, scale), None
    )
    if described is None:
        return np.empty((0, 2)), np.empty((0, 128), np.float32)
    described = np.sqrt(described / np.maximum(described.sum(1, keepdims=True), 1e-6))  # RootSIFT
    return (np.array([point.pt for point in found]) + 0.5) / scale - 0.5, described


def _two_nearest(
    described: np.ndarray, known: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Of each descriptor the nearest known one (index, distance), and the distance of the second."""
    distance = np.sqrt(np.maximum(2 - 2 * described @ known.T, 0))
    nearest = distance.argmin(1)
    rows = np.arange(len(distance))
    first = distance[rows, nearest]
    distance[rows, nearest] = np.inf
    return (nearest, first), distance.min(1)


def _plausible(matrix: np.ndarray, stretch: float) -> bool:
    """Whether a homography neither folds nor stretches by more than a factor."""
    if not np.isfinite(matrix).all() or abs(matrix[2, 2]) < 1e-6:
        return False
    singular = np.linalg.svd(matrix[:2, :2] / matrix[2, 2], compute_uv=False)
    return bool(singular[0] < stretch and singular[1] > 1 / stretch and singular[0] < 2 * singular[1])


def resized(full: tuple[int, int], size: tuple[int, int], *, inverse: bool = False) -> np.ndarray:
    """Homography from pixels of a picture resized to `size` to those of the picture of size `full`, (width,
    height); or the inverse. Integers are centres of pixels."""
    x, y = (b / a if inverse else a / b for a, b in zip(full, size, strict=True))
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]], float)


def _to_unit(width: int, height: int) -> np.ndarray:
    """Homography from pixels to a square from -1 to 1."""
    return np.array([[2 / width, 0, 1 / width - 1], [0, 2 / height, 1 / height - 1], [0, 0, 1]], float)


def reduce(picture: np.ndarray, scale: float) -> np.ndarray:
    """A picture at a scale, by averages; as it is for 1 and more."""
    if scale >= 1:
        return picture
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _detail(gray: np.ndarray) -> np.ndarray:
    """A picture without its coarse tone."""
    return cv2.GaussianBlur(gray, (0, 0), 1.0) - cv2.GaussianBlur(gray, (0, 0), 5.0)


def _flat(gray: np.ndarray) -> np.ndarray:
    """A gray picture of mean 128 and standard deviation 50, so that two tones can be compared."""
    values = gray.astype(np.float32)
    return np.clip(128 + 50 * (values - values.mean()) / max(float(values.std()), 1.0), 0, 255).astype(
        np.uint8
    )
