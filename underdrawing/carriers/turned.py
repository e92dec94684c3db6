"""One codec of faces as eight: the same code in turned and mirrored faces.

Two embeddings by one code meet in the same places: where their bits differ they cancel. In two different
turns of the square the patterns of a code are as good as independent, so that each mark is noise to the
other, and both are read; but a code of few low frequencies may be alike when mirrored or turned by a half. No
training is needed; judging.marked_bits chooses the turn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from underdrawing.carriers.face_bits import FaceBits, FaceCodec

TURNS = 8
"""Symmetries of a square: four quarter turns, each as it is and mirrored."""


@dataclass(frozen=True)
class Turned:
    """A codec that works on faces in one turn."""

    codec: FaceCodec
    turn: int
    """0 .. TURNS - 1; 0 is the codec as it is."""

    @property
    def bits(self) -> int:
        """L."""
        return self.codec.bits

    @property
    def side(self) -> int:
        """Of the square, px."""
        return self.codec.side

    def encode(self, face_u8: np.ndarray, bits: np.ndarray) -> np.ndarray:
        """See FaceCodec."""
        return turned_back(self.codec.encode(turned(face_u8, self.turn), bits), self.turn)

    def decode(self, face_u8: np.ndarray) -> np.ndarray:
        """See FaceCodec."""
        return self.codec.decode(turned(face_u8, self.turn))


def turned(square: np.ndarray, turn: int) -> np.ndarray:
    """A square (S, S, C) turned by so many quarters, and mirrored from the fourth on."""
    mirrored = square[:, ::-1] if turn >= 4 else square
    return np.ascontiguousarray(np.rot90(mirrored, turn % 4))


def turned_back(square: np.ndarray, turn: int) -> np.ndarray:
    """The inverse of `turned`."""
    upright = np.rot90(square, -(turn % 4))
    return np.ascontiguousarray(upright[:, ::-1] if turn >= 4 else upright)


def in_turn(carrier: FaceBits, turn: int) -> FaceBits:
    """A carrier of faces with its codec in one turn."""
    return carrier if turn == 0 else replace(carrier, codec=Turned(carrier.codec, turn))
