"""The hidden code of a picture: tokens, or the sketch where there is room for it.

Tokens mean something from ten bits on. From a hundred bits on the sketch, whose symbols are entropy-coded and
go where there is something to tell, shows more at equal bits (README.md has the table), so it takes over.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from underdrawing.content.sketch.fusion import Fusion
from underdrawing.content.sketch.sketch import SYMBOLS_FROM_BITS, Sketch
from underdrawing.core.errors import CapacityError, CodeError
from underdrawing.judging.blending import inpainted
from underdrawing.systems.hidden_code.message import Kind, Message
from underdrawing.systems.hidden_code.recovery import Recovery
from underdrawing.systems.hidden_code.recovery_net import Choice
from underdrawing.systems.hidden_code.token_coder import TokenCoder
from underdrawing.systems.hidden_code.tokens import Tokenizer

TELLING_SCALES, TELLING_BITS = 7, 250
"""Token scales, or bits of a sketch, from which a code tells of a place what was there; a shorter one tells
the gist, and the rest is a guess."""
_SKETCH_BITS = 5000  # that a carrier is driven harder for
_CODED_FROM_BITS = 128  # below, the transformer's coder with its checksum costs more than it saves


class Told(NamedTuple):
    """What a hidden code tells."""

    picture: np.ndarray | None = None
    """(h, w, 3) uint8: the whole by the code alone; None where nothing was read."""
    grids: tuple[np.ndarray, ...] = ()
    """Tokens; none where the code is a sketch."""
    telling: bool = False
    """Whether it tells of places, or of the whole only."""


class ContentCode:
    """Codes of pictures and what they tell; the networks are loaded when they are first needed."""

    def __init__(
        self,
        tokenizer: Tokenizer | None = None,
        recovery: Recovery | None = None,
        *,
        sketches: bool = True,
        completes: bool = True,
        codes: bool = True,
        choose: Choice | None = None,
    ) -> None:
        """sketches: whether a sketch may take the place of tokens. completes: whether a transformer completes
        tokens. codes: whether it codes them too, where that saves bits. choose: how tokens that nobody told
        are chosen; None for their mean."""
        self.tokenizer = tokenizer or Tokenizer()
        self.recovery = recovery or Recovery(self.tokenizer)
        self.sketches, self.completes, self.codes = sketches, completes, codes and completes
        self.choose = choose

    @cached_property
    def coder(self) -> TokenCoder:
        """What codes tokens by the transformer's probabilities."""
        return TokenCoder(self.recovery.net, self.tokenizer.net.quantizer)

    @cached_property
    def sketch(self) -> Sketch:
        """The codec of sketches."""
        return Sketch()

    @cached_property
    def fusion(self) -> Fusion:
        """What mends a picture by its sketch."""
        return Fusion()

    def wanted_bits(self, height: int, width: int) -> int:
        """What a picture of that size wants to say; a sketch can use more."""
        return _SKETCH_BITS if self.sketches else self.tokenizer.lengths_bits(height, width)[-1]

    def encode(self, image: np.ndarray, room: int) -> tuple[np.ndarray, Kind]:
        """A code of at most `room` bits of (H, W, 3) uint8, and its kind; no bits where none fits."""
        if self.sketches and room >= SYMBOLS_FROM_BITS:
            try:
                return self.sketch.encode(image, [room])[0], Kind.SKETCH
            except CapacityError:
                pass  # an extreme shape: the tokens still fit
        height, width = image.shape[:2]
        if self.codes and room >= _CODED_FROM_BITS:
            return self.coder.encode(self.tokenizer.encode(image), height, width, room), Kind.CODED
        prefix = self.tokenizer.prefix_for(room, height, width)
        return self.tokenizer.to_bits(self.tokenizer.encode(image, prefix) if prefix else []), Kind.TOKENS

    def read(self, message: Message, height: int, width: int) -> Told:
        """What the code of a message tells of a picture of that size; nothing where it makes no sense."""
        try:
            if message.kind is Kind.SKETCH:
                picture = self.sketch.decode([message.code], height, width)
                return Told(picture, (), len(message.code) >= TELLING_BITS)
            if message.kind is Kind.CODED:
                grids = self.coder.decode(message.code, height, width)
                return Told(self._expected(grids, height, width), tuple(grids), len(grids) >= TELLING_SCALES)
            prefix = self.tokenizer.prefix_for(len(message.code), height, width)
            length = self.tokenizer.lengths_bits(height, width)[max(prefix, 1) - 1]
            grids = self.tokenizer.from_bits(message.code[:length], height, width)
        except CodeError:
            return Told()
        return Told(self.tokenizer.decode(grids, height, width), tuple(grids), prefix >= TELLING_SCALES)

    def _expected(self, grids: list[np.ndarray], height: int, width: int) -> np.ndarray:
        """The picture of grids of which the last may have unsent cells, by what is expected there."""
        everything, nothing = np.ones((height, width), bool), np.zeros((height, width, 3), np.uint8)
        return self.recovery(nothing, everything, grids, self.choose)

    def whole(self, image: np.ndarray, hidden: np.ndarray, told: Told) -> np.ndarray:
        """The whole picture (h, w, 3) float32 where (h, w) bool hides it, from code and surroundings.

        Sides that are multiples of 8 where the code is a sketch.
        """
        if told.picture is None:  # the transformer, told nothing, guesses worse than inpainting does
            return inpainted(image, hidden).astype(np.float32)
        if told.grids and not self.completes:
            return told.picture.astype(np.float32)
        if told.grids:
            return self.recovery(image, hidden, told.grids, self.choose).astype(np.float32)
        mended, _ = self.fusion.recover(image, hidden.astype(np.float32), told.picture)
        return mended.astype(np.float32)
