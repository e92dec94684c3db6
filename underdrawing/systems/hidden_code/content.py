"""Content codes of a picture: tokens, or the sketch where the code is long enough.

Tokens are usable from ten bits on. From a hundred bits on the sketch, whose symbols are entropy-coded and
allocated to detail, has the higher quality at equal bits (table in README.md) and replaces them.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from underdrawing.content.sketch.fusion import Fusion
from underdrawing.content.sketch.sketch import SYMBOLS_FROM_BITS, Sketch
from underdrawing.core.errors import CapacityError, CodeError
from underdrawing.judging.blending import inpainted
from underdrawing.judging.signed_content import LOCAL_BITS
from underdrawing.nets.token_choice import Choice
from underdrawing.systems.hidden_code.message import Kind, Message
from underdrawing.systems.hidden_code.recovery import Recovery
from underdrawing.systems.hidden_code.token_coder import TokenCoder
from underdrawing.systems.hidden_code.tokens import Tokenizer

LOCAL_SCALES = 7
"""Token scales from which a code describes single places; see LOCAL_BITS for sketches."""
_SKETCH_BITS = 5000  # for which the strength of a carrier is raised
_CODED_FROM_BITS = 128  # shorter codes lose more to the checksum than arithmetic coding saves


class Decoded(NamedTuple):
    """Decoded content."""

    picture: np.ndarray | None = None
    """(h, w, 3) uint8: the whole picture by the code alone; None where the code is unreadable."""
    grids: tuple[np.ndarray, ...] = ()
    """Token grids; none for a sketch."""
    local: bool = False
    """Whether the code describes single places, not only the whole."""
    density: float = 0.0
    """Bits of a sketch for each block of 8 px."""


class ContentCode:
    """Encoder and decoder of content codes; networks are loaded at their first use."""

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
        """sketches: whether a sketch may replace tokens. completes: whether the transformer completes tokens.
        codes: whether it also codes them where that saves bits. choose: of unknown tokens; None: mean."""
        self.tokenizer = tokenizer or Tokenizer()
        self.recovery = recovery or Recovery(self.tokenizer)
        self.sketches, self.completes, self.codes = sketches, completes, codes and completes
        self.choose = choose

    @cached_property
    def coder(self) -> TokenCoder:
        """Arithmetic coder of tokens by the transformer's probabilities."""
        return TokenCoder(self.recovery.net, self.tokenizer.net.quantizer)

    @cached_property
    def sketch(self) -> Sketch:
        """Codec of sketches."""
        return Sketch()

    @cached_property
    def fusion(self) -> Fusion:
        """Network that fuses a sketch with the received picture."""
        return Fusion()

    def wanted_bits(self, height: int, width: int) -> int:
        """Bits of a complete code for a picture of that size; a sketch can use more."""
        return _SKETCH_BITS if self.sketches else self.tokenizer.lengths_bits(height, width)[-1]

    def encode(self, image: np.ndarray, room: int) -> tuple[np.ndarray, Kind]:
        """A code of at most `room` bits of (H, W, 3) uint8, and its kind; empty where none fits."""
        if self.sketches and room >= SYMBOLS_FROM_BITS:
            try:
                return self.sketch.encode(image, [room])[0], Kind.SKETCH
            except CapacityError:
                pass  # extreme aspect ratio: tokens still fit
        height, width = image.shape[:2]
        if self.codes and room >= _CODED_FROM_BITS:
            return self.coder.encode(self.tokenizer.encode(image), height, width, room), Kind.CODED
        prefix = self.tokenizer.prefix_for(room, height, width)
        return self.tokenizer.to_bits(self.tokenizer.encode(image, prefix) if prefix else []), Kind.TOKENS

    def decode(self, message: Message, height: int, width: int) -> Decoded:
        """The content of a message for a picture of that size; empty where the code is not valid."""
        try:
            if message.kind is Kind.SKETCH:
                picture = self.sketch.decode([message.code], height, width)
                bits = len(message.code)
                return Decoded(picture, (), bits >= LOCAL_BITS, 64 * bits / (height * width))
            if message.kind is Kind.CODED:
                grids = self.coder.decode(message.code, height, width)
                return Decoded(self._expected(grids, height, width), tuple(grids), len(grids) >= LOCAL_SCALES)
            prefix = self.tokenizer.prefix_for(len(message.code), height, width)
            length = self.tokenizer.lengths_bits(height, width)[max(prefix, 1) - 1]
            grids = self.tokenizer.from_bits(message.code[:length], height, width)
        except CodeError:
            return Decoded()
        return Decoded(self.tokenizer.decode(grids, height, width), tuple(grids), prefix >= LOCAL_SCALES)

    def _expected(self, grids: list[np.ndarray], height: int, width: int) -> np.ndarray:
        """The picture of token grids; missing cells of the last grid take their expected value."""
        everything, nothing = np.ones((height, width), bool), np.zeros((height, width, 3), np.uint8)
        return self.recovery(nothing, everything, grids, self.choose)

    def complete(self, image: np.ndarray, hidden: np.ndarray, content: Decoded) -> np.ndarray:
        """The picture (h, w, 3) float32 with its hidden area (h, w) bool from content and surroundings.

        Sides are multiples of 8 for a sketch.
        """
        if content.picture is None:  # without tokens the transformer is worse than inpainting
            return inpainted(image, hidden).astype(np.float32)
        if content.grids and not self.completes:
            return content.picture.astype(np.float32)
        if content.grids:
            return self.recovery(image, hidden, content.grids, self.choose).astype(np.float32)
        density = np.full([side // 8 for side in hidden.shape], content.density, np.float32)
        fused, _ = self.fusion.recover(image, hidden.astype(np.float32), content.picture, density)
        return fused.astype(np.float32)
