"""Pictures of several faces, made of single crops; what happens to them, and the labels of the map.

crops of a set -> collage with a background -> embedder -> forged faces -> channel -> reader
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from underdrawing.attacks.face_channels import FaceChannel, SentFace
from underdrawing.attacks.face_forgery import KINDS, Face, Forgery
from underdrawing.core.errors import ShapeError, UsageError
from underdrawing.faces import CONTEXT, DetectedFace, crop, paste
from underdrawing.faces.regions import SIDE, Square, align_matrices, aligned, paste_matrices, visible
from underdrawing.train.real_faces import Faces

BOX = 1 / CONTEXT
"""Side of the box of a face over that of its square."""
_FEATHER = 0.08  # of a crop's border on the background, in sides of the crop
_FILLED = (0.6, 1.0)  # side of a crop over that of its cell of the collage
_FORGE_PX = 256


@dataclass(frozen=True, eq=False)
class GroupFace:
    """One face of a picture."""

    square: Square
    landmarks: np.ndarray
    """(5, 2) float32, px of the picture."""
    donor: Face | None
    """Another person for forgeries; None where the crop is no face for one."""

    @property
    def detected(self) -> DetectedFace:
        """As a detector reports it."""
        margin, side = self.square.side * (1 - BOX) / 2, self.square.side * BOX
        box = (self.square.left + margin, self.square.top + margin, side, side)
        return DetectedFace(box, self.landmarks, 1.0)


@dataclass(frozen=True, eq=False)
class Group:
    """One picture."""

    image: np.ndarray
    """(S, S, 3) uint8."""
    faces: tuple[GroupFace, ...]


class Groups:
    """Random pictures with faces of one split of a set. UsageError where the split has no real faces."""

    def __init__(self, faces: Faces, split: str, side: int, cells: int):
        """side: of the pictures, px; cells: faces along a side, so that cells^2 fill a picture."""
        self._set, self._side, self._cells = faces, side, cells
        self._rows = np.flatnonzero([name == split for name in faces.splits])
        if len(self._rows) < 2:
            raise UsageError(f"the set has fewer than two real faces in the split {split!r}")

    def draw(self, rng: np.random.Generator) -> Group:
        """A picture with 1 to cells^2 faces; those at the border may reach over it a little."""
        image, cell, faces = self._background(rng), self._side / self._cells, []
        places = rng.permutation(self._cells**2)[: rng.integers(1, self._cells**2 + 1)]
        for place in places:
            side = int(cell * rng.uniform(*_FILLED))
            corner = cell * np.array(divmod(int(place), self._cells)[::-1]) + rng.uniform(-0.1, 0.1, 2) * cell
            left, top = (int(value) for value in np.round(corner + (cell - side) / 2))
            row, other = rng.choice(self._rows, 2, replace=False)
            landmarks = self._lay(image, int(row), (left, top, side))
            donor = _face(self._set.crops[other], self._set.landmarks[other])
            faces.append(GroupFace(Square(left, top, side), landmarks, donor))
        return Group(np.clip(np.rint(image), 0, 255).astype(np.uint8), tuple(faces))

    def _background(self, rng: np.random.Generator) -> np.ndarray:
        """(S, S, 3) float32: an enlarged part of a crop without its middle."""
        source = self._set.crops[rng.choice(self._rows)]
        part = source[: rng.integers(24, 64)]
        image = cv2.resize(part, (self._side, self._side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        return image + rng.standard_normal((*image.shape[:2], 1), np.float32) * rng.uniform(0, 4)

    def _lay(self, image: np.ndarray, row: int, place: tuple[int, int, int]) -> np.ndarray:
        """Lay a crop into the picture in place; its landmarks there, px."""
        left, top, side = place
        source = self._set.crops[row]
        scaled = cv2.resize(source, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
        near = np.minimum(np.arange(side) + 0.5, side - 0.5 - np.arange(side)) / (_FEATHER * side)
        weight = np.minimum(1.0, np.minimum.outer(near, near))[..., None].astype(np.float32)
        rows, cols = Square(left, top, side).window(self._side, self._side)
        inner = (slice(rows.start - top, rows.stop - top), slice(cols.start - left, cols.stop - left))
        image[rows, cols] += weight[inner] * (scaled[inner] - image[rows, cols])
        return (self._set.landmarks[row] * (side / len(source)) + (left, top)).astype(np.float32)


def forge(
    marked: np.ndarray, face: GroupFace, forgery: Forgery, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """The picture (S, S, 3) uint8 with one forged face, and the mask (S, S) float32 of the change.

    None where the face is too small, at the border or turned too far.
    """
    part = crop(marked, face.detected, _FORGE_PX, CONTEXT)
    target = _face(part.image, part.landmarks)
    if target is None or face.donor is None:
        return None
    changed = forgery(target, face.donor, rng)
    whole = cv2.warpAffine(
        changed.mask,
        part.to_crop,
        marked.shape[1::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    return paste(marked, part, changed.image), whole


@dataclass(frozen=True)
class Path:
    """What happens to a marked picture."""

    kinds: tuple[str, ...]
    """Of forgeries."""
    forged: float
    """Share of the faces that are forged."""
    channels: tuple[FaceChannel, ...]

    def send(
        self, marked: np.ndarray, group: Group, rng: np.random.Generator, share: float
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """The received picture and the mask (S, S) of each face. share: of pictures that pass a channel."""
        masks = []
        for face in group.faces:
            forgery = KINDS[self.kinds[rng.integers(len(self.kinds))]]
            made = forge(marked, face, forgery, rng) if rng.random() < self.forged else None
            marked, mask = (marked, np.zeros(marked.shape[:2], np.float32)) if made is None else made
            masks.append(mask)
        if rng.random() >= share:
            return marked, masks
        channel = self.channels[rng.integers(len(self.channels))]
        return channel(SentFace(marked, group.image, group.faces[0].landmarks), rng), masks


def map_labels(mask: np.ndarray, square: Square, cells: int) -> np.ndarray:
    """(cells, cells) float32: 1 where most of a cell of the square was replaced, 0 elsewhere in the box of
    the face, -1 outside of the box, where nothing is supervised."""
    labels = (aligned(mask[..., None], square, cells)[0] > 0.5).astype(np.float32)
    middle = (np.arange(cells) + 0.5) / cells
    inside = np.abs(middle - 0.5) <= BOX / 2
    return np.where(np.outer(inside, inside), labels, np.float32(-1))


def same(picture_of: np.ndarray) -> Tensor:
    """(N, N) bool: whether two faces are of one picture."""
    return torch.from_numpy(picture_of[:, None] == picture_of)


def align(pictures: Tensor, picture_of: np.ndarray, squares: list[Square]) -> Tensor:
    """(N, 4, 128, 128): aligned faces with a gradient, and where they lie in the picture."""
    size = pictures.shape[2:]
    faces = []
    for place, square in zip(picture_of, squares, strict=True):
        down, across = (torch.from_numpy(matrix) for matrix in align_matrices(square, *size))
        inside = torch.from_numpy(visible(square, *size))[None]
        faces.append(torch.cat([down @ pictures[place] @ across.T, inside]))
    return torch.stack(faces)


def spread(residuals: Tensor, picture_of: np.ndarray, squares: list[Square], like: Tensor) -> Tensor:
    """(B, 3, S, S): sums of the residuals in their pictures."""
    total = [torch.zeros_like(picture) for picture in like]
    for residual, place, square in zip(residuals, picture_of, squares, strict=True):
        down, across = (torch.from_numpy(matrix) for matrix in paste_matrices(square, *like.shape[2:], SIDE))
        total[place] = total[place] + down @ residual @ across.T
    return torch.stack(total)


def _face(image: np.ndarray, landmarks: np.ndarray) -> Face | None:
    try:
        return Face(image, landmarks)
    except ShapeError:
        return None
