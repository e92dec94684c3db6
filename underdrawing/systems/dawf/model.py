"""DAWF: a payload and a map for each face of a picture; runs without PyTorch.

    mark_faces    picture, faces, an identity each -> Protection
    read_faces    picture -> for each face: box, identity or None, where it was replaced

As a carrier it writes one message into every face, and adds the soft bits of all faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from underdrawing.carriers.checks import checked_count, checked_message, checked_picture
from underdrawing.carriers.repeating import gathered, repeated
from underdrawing.coding.short_identity import short_identity
from underdrawing.core.errors import ShapeError, WeightsError
from underdrawing.core.interfaces import Localization, Reading
from underdrawing.faces import DetectedFace, detect
from underdrawing.faces.regions import Square, aligned, paste_matrices, pasted, visible
from underdrawing.metrics.calibration import Platt
from underdrawing.nets.graph import Graph
from underdrawing.nets.weights import read_tensors
from underdrawing.ops.protection import Protection
from underdrawing.systems.dawf.sync import PRESENT, Synchronization

WEIGHTS = Path(__file__).parent / "weights" / "dawf.safetensors"
"""Of both networks; their graphs stand beside them."""
EMBEDDER, READER = WEIGHTS.with_name("embedder.onnx"), WEIGHTS.with_name("reader.onnx")
MOST_FACES = 16
LEAST_FACE_PX = 40.0
"""Longer side of the box of a face that is marked."""
LEAST_SIDE_PX = 64
"""Of a picture without faces, whose middle is marked."""
LEAST_FORGED = 0.08
"""Share of the cells of a square that are forged in a forged face; a swap replaces 0.15 to 0.2 of them."""
_PASSES = 3
"""Residuals are computed again for what overlapping faces, borders and rounding have taken away."""
_STRENGTH_SIDE_PX, _STRENGTHS = 110.0, (1.0, 1.6)
"""Side of a square that is marked at strength 1, and range of strengths: JPEG takes more of small faces."""


@dataclass(frozen=True)
class FaceReading:
    """What is read from one face."""

    box: tuple[float, float, float, float]
    """Left, top, width, height, px."""
    identity: int | None
    """Of `bits` per coding.short_identity; None: no mark, or one that is not readable."""
    corrected: int | None
    """Wrong bits of the payload that the code corrected."""
    soft_bits: np.ndarray
    """(L,) float32, as Reading.soft_bits."""
    pilot: float
    """Correlation with the pilot; see sync.Place."""
    square: Square
    """Of the picture, where the mark lies."""
    forged_prob: np.ndarray | None
    """(32, 32) float32 by place in the square: probability that the face was replaced there; None: there is
    no mark, which determines nothing."""

    @property
    def forged(self) -> bool | None:
        """Whether the face was replaced, LEAST_FORGED of its square at least; None: not determined."""
        if self.forged_prob is None:
            return None
        return bool((self.forged_prob > 0.5).mean() >= LEAST_FORGED)

    def without_spots(self) -> FaceReading:
        """The same with no place that is forged more likely than not."""
        prob = self.forged_prob
        return replace(self, forged_prob=None if prob is None else np.minimum(prob, np.float32(0.49)))


class Dawf:
    """Embedding and reading of many faces at once. Where a picture has no face, its middle is marked."""

    name = "dawf"
    tells_length: ClassVar[bool] = False

    def __init__(self, weights: Path = WEIGHTS):
        """WeightsError for a file that is missing or not of this training."""
        tensors = read_tensors(weights)
        self._embedder = Graph(EMBEDDER, weights, "network.embedder.")
        self._reader = Graph(READER, weights, "network.reader.")
        try:
            rows = tensors["network.reader.patterns"]
            self._payload_scale = float(tensors["calibration.payload.scale"].item())
            self._map = Platt.read(tensors)
        except KeyError as error:
            raise WeightsError(f"{weights}: no tensor {error.args[0]}, as a training of dawf has") from error
        self.bits, self._sync = len(rows) - 1, Synchronization(rows)

    def faces(self, image: np.ndarray) -> list[DetectedFace]:
        """Faces that are marked: the 16 largest ones of 40 px or more, largest first."""
        checked_picture(image)
        found = (face for face in detect(image) if max(face.box[2:]) >= LEAST_FACE_PX)
        return list(found)[:MOST_FACES]

    def mark_faces(
        self,
        image: np.ndarray,
        faces: Sequence[DetectedFace],
        identities: Sequence[int],
        strength: float = 1.0,
    ) -> Protection:
        """Write an identity into each face; identities as coding.short_identity takes them.

        ShapeError where there are not as many identities as faces; CodeError for those that do not fit.
        """
        checked_picture(image)
        if not faces or len(faces) != len(identities):
            raise ShapeError(f"{len(faces)} faces are marked with as many identities, got {len(identities)}")
        code = short_identity(self.bits)
        words = np.stack([code.encode(number) for number in identities])
        return self._mark(image, [Square.around(face) for face in faces], words, strength)

    def read_faces(self, received: np.ndarray) -> list[FaceReading]:
        """Result for each face, largest first; an empty list where there is none."""
        found = self.faces(received)
        return self._read(received, [(face.box, Square.around(face)) for face in found])

    def capacity_bits(self, image_u8: np.ndarray) -> int:
        """L, or 0 for a picture smaller than 64 px."""
        checked_picture(image_u8)
        return self.bits if min(image_u8.shape[:2]) >= LEAST_SIDE_PX else 0

    def embed(self, image_u8: np.ndarray, bits: np.ndarray) -> Protection:
        """See Carrier. The same message in every face; a shorter one is repeated."""
        checked_message(bits, self.capacity_bits(image_u8), self.name)
        squares = [square for _, square in self._places(image_u8)]
        words = np.broadcast_to(repeated(bits, self.bits), (len(squares), self.bits))
        return self._mark(image_u8, squares, words, 1.0)

    def read(self, received_u8: np.ndarray, count: int | None) -> Reading:
        """See Carrier. Evidence is that of the maps of the faces with a mark, 0 elsewhere; in a face that is
        not forged as a whole no place is."""
        checked_count(count, self.capacity_bits(received_u8), self.name)
        readings = self._read(received_u8, self._places(received_u8))
        total = np.sum([reading.soft_bits for reading in readings], axis=0, dtype=np.float32)
        calm = [reading if reading.forged else reading.without_spots() for reading in readings]
        located = localization(calm, received_u8.shape[:2])
        prob = located.tampered_prob.clip(1e-4, 1 - 1e-4)
        evidence = np.where(located.reliability > 0, np.log(1 - prob) - np.log(prob), 0).astype(np.float32)
        return Reading(gathered(total, count), present=None, evidence=evidence)

    def _places(self, image: np.ndarray) -> list[tuple[tuple[float, float, float, float], Square]]:
        """Box and square of each face, or of the middle of a picture without faces."""
        found = [(face.box, Square.around(face)) for face in self.faces(image)]
        if found:
            return found
        middle = Square.in_the_middle(*image.shape[:2])
        return [((middle.left, middle.top, middle.side, middle.side), middle)]

    def _mark(
        self, image: np.ndarray, squares: list[Square], words: np.ndarray, strength: float
    ) -> Protection:
        total = np.zeros(image.shape, np.float32)
        signs = 2 * words.astype(np.float32) - 1
        sides = np.array([square.side for square in squares])
        strengths = np.float32(strength * np.clip(_STRENGTH_SIDE_PX / sides, *_STRENGTHS))
        for _ in range(_PASSES):
            faces = _with_visible(np.clip(image + total, 0, 255), squares)
            (residuals,) = self._embedder(faces=faces, bits=signs, strength=strengths)
            for residual, square in zip(residuals, squares, strict=True):
                pasted(residual, square, total)
        return Protection(np.rint(total).astype(np.int16))

    def _read(
        self, received: np.ndarray, places: list[tuple[tuple[float, float, float, float], Square]]
    ) -> list[FaceReading]:
        if not places:
            return []
        code, readings = short_identity(self.bits), []

        def is_word(bits: np.ndarray) -> bool:
            read = code.decode(bits)
            return read is not None and read.errors <= 1

        found = [self._sync.find(received, square, is_word) for _, square in places]
        logits, maps = self._reader(faces=_with_visible(received, [place.square for place in found]))
        for (box, _), place, llr, cells in zip(places, found, logits, maps, strict=True):
            identity = code.decode((llr > 0).astype(np.uint8))
            marked = identity is not None or place.pilot >= PRESENT
            prob = self._map.prob(cells[0])
            readings.append(
                FaceReading(
                    box=box,
                    identity=None if identity is None else identity.number,
                    corrected=None if identity is None else identity.errors,
                    soft_bits=(-self._payload_scale * llr).astype(np.float32),
                    pilot=place.pilot,
                    square=place.square,
                    forged_prob=prob.astype(np.float32) if marked else None,
                )
            )
        return readings


def localization(readings: Sequence[FaceReading], size: tuple[int, int]) -> Localization:
    """Maps of the picture (height, width): the probability inside the boxes of faces with a mark.

    reliability is 1 there and 0 elsewhere, where nothing is determined.
    """
    prob, weight = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for reading in readings:
        if reading.forged_prob is None:
            continue
        down, across = paste_matrices(reading.square, *size, len(reading.forged_prob))
        x, y, width, height = reading.box
        rows = slice(max(0, round(y)), max(0, round(y + height)))
        cols = slice(max(0, round(x)), max(0, round(x + width)))
        own = (down[rows] @ reading.forged_prob) @ across[cols].T
        prob[rows, cols] = np.maximum(prob[rows, cols], own)
        weight[rows, cols] = 1.0
    return Localization(prob, weight)


def _with_visible(picture: np.ndarray, squares: Sequence[Square]) -> np.ndarray:
    """(N, 4, 128, 128) float32: aligned faces, and 1 where they lie in the picture."""
    size = picture.shape[:2]
    return np.stack([
        np.concatenate([aligned(picture, square), visible(square, *size)[None]]) for square in squares
    ])  # fmt: skip
