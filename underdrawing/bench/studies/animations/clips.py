"""Held-out clips: animated files, and photographs in motion, with the face that a forgery replaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from underdrawing.attacks.face_forgery import KINDS, Face
from underdrawing.bench.harness.photographs import Photo
from underdrawing.core.errors import ShapeError
from underdrawing.data.animations import is_animation, read_animation
from underdrawing.data.motion import draw_path, frames_of
from underdrawing.faces import CONTEXT, DetectedFace, crop, detect
from underdrawing.faces.regions import Square
from underdrawing.train.face_groups import GroupFace, forge

SIDES = (200, 256, 320)
"""Of animations made from photographs at their own size, in turn, px."""
_EVERY = 2  # frame of an animated file
_DONOR_PX = 256


@dataclass(frozen=True)
class Clip:
    """Some frames of one scene."""

    frames: np.ndarray
    """(T, H, W, 3) uint8."""

    @classmethod
    def of(cls, photo: Photo, count: int, side: int, rng: np.random.Generator) -> Clip:
        """At most `count` frames of an animated file, or of a photograph in random motion.

        side: px, 0 for the own size of a file, or a square of one of SIDES by chance.
        """
        content = photo.read_bytes()
        if is_animation(content):
            frames = read_animation(content).shown[::_EVERY][:count]
        else:
            image = photo.load()
            height, width = image.shape[:2]
            own = min(int(rng.choice(SIDES)), height, width)
            frames = frames_of(image, draw_path(height, width, count, rng), side or own)
        if side and frames.shape[1:3] != (side, side):
            size = (side, side)
            frames = np.stack([cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in frames])
        return cls(frames)

    @cached_property
    def faces(self) -> tuple[DetectedFace | None, ...]:
        """The largest face of each frame; None where there is none."""
        return tuple(next(iter(detect(frame)), None) for frame in self.frames)

    def donor(self) -> Face | None:
        """The face of the first frame, for forgeries of other clips."""
        if self.faces[0] is None:
            return None
        part = crop(self.frames[0], self.faces[0], _DONOR_PX, CONTEXT)
        try:
            return Face(part.image, part.landmarks)
        except ShapeError:
            return None

    def forged(self, received: np.ndarray, kind: str, donor: Face | None, seed: int) -> np.ndarray | None:
        """Received frames with the face replaced in each, with the same draws; None where none can be."""
        made = list(self._forged(received, kind, donor, seed))
        if all(one is None for one in made):
            return None
        return np.stack([old if new is None else new for old, new in zip(received, made, strict=True)])

    def _forged(
        self, received: np.ndarray, kind: str, donor: Face | None, seed: int
    ) -> Iterator[np.ndarray | None]:
        for frame, face in zip(received, self.faces, strict=True):
            if face is None:
                yield None
                continue
            group_face = GroupFace(Square.around(face), face.landmarks, donor)
            made = forge(frame, group_face, KINDS[kind], np.random.default_rng(seed))
            yield None if made is None else made[0]


def spread(photos: Sequence[Photo], most: int) -> list[Photo]:
    """At most so many, evenly spaced."""
    places = np.linspace(0, len(photos) - 1, min(most, len(photos))).round().astype(int)
    return [photos[place] for place in places]
