"""Square crops of faces, with the transform from the picture, and their way back into it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from underdrawing.core.errors import ShapeError
from underdrawing.faces.detection import DetectedFace

CONTEXT = 1.6
"""Side of a crop with context, as sets of faces store it, in sides of the box."""
MARGIN = 1.3
"""Side of the crop over the longer side of the box, as in FaceForensics++ (ICCV 2019, sec. 4)."""
_NEAR = 0.1
_TEMPLATE = np.float64(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Landmarks of an aligned face of 112 px, of InsightFace (Deng et al., ArcFace, CVPR 2019)."""
_TEMPLATE_SIDE = 112


@dataclass(frozen=True)
class FaceCrop:
    """A square part of a picture around one face."""

    image: np.ndarray
    """(side, side, 3) uint8 RGB."""
    landmarks: np.ndarray
    """(5, 2) float32 x, y, px of the crop, in the order of DetectedFace."""
    to_crop: np.ndarray
    """(2, 3) float64: picture -> crop, continuous coordinates (the first pixel covers 0 to 1)."""


def crop(image: np.ndarray, face: DetectedFace, side: int, margin: float = MARGIN) -> FaceCrop:
    """Square around the centre of the face's box, `margin` times its longer side, scaled to `side` px.

    The square has whole pixels of the picture (H, W, 3) uint8; beyond the border the picture is reflected.
    Areas are averaged where the crop is the smaller one.
    """
    x, y, width, height = face.box
    square = max(1, round(margin * max(width, height)))
    left, top = round(x + width / 2 - square / 2), round(y + height / 2 - square / 2)
    scale = side / square
    to_crop = np.float64([[scale, 0, -left * scale], [0, scale, -top * scale]])
    resized = crop_square(image, left, top, square, side)
    return FaceCrop(resized, _transformed(face.landmarks, to_crop), to_crop)


def crop_square(image: np.ndarray, left: int, top: int, width: int, side: int) -> np.ndarray:
    """A square of `width` whole pixels of the picture, reflected beyond its border, scaled to `side` px."""
    part = _part(image, left, top, width)
    kind = cv2.INTER_AREA if width > side else cv2.INTER_CUBIC
    return part if width == side else cv2.resize(part, (side, side), interpolation=kind)


def square_side(wanted: float, side: int) -> int:
    """Side in px of the square that a detector with inputs of `side` px takes in place of `wanted` px.

    `side` itself where they differ by a tenth or less: resampling by nearly 1 blurs the finest traces.
    """
    return side if abs(wanted - side) <= _NEAR * side else max(1, round(wanted))


def align(image: np.ndarray, landmarks: np.ndarray, side: int) -> FaceCrop:
    """Upright face of `side` px: the similarity transform that brings the landmarks nearest to a mean face.

    Least squares in closed form (Umeyama 1991). ShapeError where the landmarks are one point.
    """
    target = _TEMPLATE * (side / _TEMPLATE_SIDE)
    source = landmarks.astype(np.float64)
    a, b = source - source.mean(0), target - target.mean(0)
    spread = (a**2).sum()
    if spread < 1e-6:
        raise ShapeError("a face is aligned by five landmarks; those received are one point")
    cosine = (a * b).sum() / spread
    sine = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / spread
    rotation = np.float64([[cosine, -sine], [sine, cosine]])
    to_crop = np.concatenate([rotation, (target.mean(0) - rotation @ source.mean(0))[:, None]], 1)
    return FaceCrop(_warped(image, to_crop, side), _transformed(source, to_crop), to_crop)


def paste(image: np.ndarray, crop: FaceCrop, changed: np.ndarray, *, feather: float = 0.0) -> np.ndarray:
    """The picture with a changed crop (side, side, 3) uint8 at its place.

    Only pixels that differ from `crop.image` are pasted; the others keep their bytes. feather: width of the
    transition inside the changed area, px of the crop.
    """
    differs = np.pad((changed != crop.image).any(-1), 1).astype(np.uint8)
    weight = differs.astype(np.float32)
    if feather > 0:
        weight = np.minimum(1.0, cv2.distanceTransform(differs, cv2.DIST_L2, 5) / np.float32(feather + 1))
    weight = weight[1:-1, 1:-1]
    height, width = image.shape[:2]
    corners = _transformed(
        np.float64([[0, 0], [1, 0], [0, 1], [1, 1]]) * len(changed), cv2.invertAffineTransform(crop.to_crop)
    )
    left, top = np.clip(np.floor(corners.min(0)).astype(int), 0, (width, height))
    right, bottom = np.clip(np.ceil(corners.max(0)).astype(int), 0, (width, height))
    result = image.copy()
    if right <= left or bottom <= top:
        return result
    from_part = crop.to_crop.copy()
    from_part[:, 2] += crop.to_crop[:, :2] @ (left, top)
    size = (int(right - left), int(bottom - top))
    matrix, flags = _pixel_centres(from_part), cv2.WARP_INVERSE_MAP
    pixels = cv2.warpAffine(
        changed, matrix, size, flags=cv2.INTER_CUBIC | flags, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float32)
    alpha = cv2.warpAffine(weight, matrix, size, flags=cv2.INTER_LINEAR | flags)[..., None]
    part = result[top:bottom, left:right]
    part[...] = np.where(alpha > 0, np.rint(part + alpha * (pixels - part)), part).clip(0, 255)
    return result


def _part(image: np.ndarray, left: int, top: int, square: int) -> np.ndarray:
    """A square of the picture, reflected beyond its border."""
    height, width = image.shape[:2]
    rows, columns = np.arange(top, top + square), np.arange(left, left + square)
    if rows[0] < 0 or columns[0] < 0 or rows[-1] >= height or columns[-1] >= width:
        return image[np.ix_(_reflected(rows, height), _reflected(columns, width))]
    return image[top : top + square, left : left + square]


def _reflected(index: np.ndarray, length: int) -> np.ndarray:
    """Positions of a row that continues as its mirror image in both directions."""
    index = index % (2 * length)
    return np.where(index < length, index, 2 * length - 1 - index)


def _warped(image: np.ndarray, to_crop: np.ndarray, side: int) -> np.ndarray:
    """The picture in pixels of the crop; averaged over areas first where the crop is much smaller."""
    shrink = int(1 / np.sqrt(abs(np.linalg.det(to_crop[:, :2]))))
    if shrink > 1:
        height, width = image.shape[:2]
        small = (max(1, width // shrink), max(1, height // shrink))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        to_crop = to_crop * [[width / small[0], height / small[1], 1]]
    return cv2.warpAffine(
        image, _pixel_centres(to_crop), (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )


def _pixel_centres(matrix: np.ndarray) -> np.ndarray:
    """The same transform between indices of pixels, which lie half a pixel from the corner."""
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return moved


def _transformed(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
