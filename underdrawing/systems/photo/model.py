"""Photo: protection and verification of photographs of any size.

    I --> grid --> capacity --> rates                    M, T = sketch.encode(I, budgets)
                                 \\
    base (identity), hash + M + signature, T in parts  --> LDPC --> lattice --> I_P = I + r

    I_R --> align --> base --> erase --> middle --> erase --> top70, top80, top90    each with its own check
        --> locator(view, known bits) = P(altered)    sketch.decode(M, T) --> fusion with I_R outside the mask
        --> witness(I_R, signed hash, sketch) = contradictions, also where somebody wrote the mark again

Carrier and theory: carriers/lattice and docs/HOW_IT_WORKS.md. Learned parts: parts.py.
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np

from underdrawing.carriers.fragile import layer as fragile_layer
from underdrawing.carriers.lattice.detection import detect_mark
from underdrawing.coding.keys import Owner
from underdrawing.coding.payload import Previous
from underdrawing.content.importance.importance import ImportanceMap
from underdrawing.content.importance.request import PLAIN, ContentRequest
from underdrawing.core.types import Verdict
from underdrawing.judging.signatures import FindKey, FindSignatures, Keys, read_signature
from underdrawing.ops.color import picture_luma
from underdrawing.ops.protection import Protection
from underdrawing.systems.photo import protecting, verifying
from underdrawing.systems.photo.decoding import decode_layers, detect_unchanged, detect_whole, searches
from underdrawing.systems.photo.parts import BlockLocator, ContentWitness, Fuser, Parts, SketchCodec
from underdrawing.systems.photo.protecting import Codecs, Settings


class Photo:
    """Protect and verify photographs; weights are loaded at first use."""

    registered_signatures: ClassVar[bool] = True
    """Whether a registry can keep the signature of a mark, for `verify(find_signatures=)`."""

    @cached_property
    def sketch(self) -> SketchCodec:
        """Codec of the content."""
        from underdrawing.content.sketch.sketch import Sketch

        return Sketch()

    @cached_property
    def witness(self) -> ContentWitness:
        """Hash of the content, and its comparison with a received picture."""
        from underdrawing.judging.witness.witness import Witness

        return Witness()

    @cached_property
    def importance(self) -> ImportanceMap:
        """Where the content code is to be best."""
        return ImportanceMap()

    @cached_property
    def locator(self) -> BlockLocator:
        """Localization."""
        from underdrawing.carriers.lattice.locator import Locator

        return Locator()

    @cached_property
    def fusion(self) -> Fuser:
        """Recovery."""
        from underdrawing.content.sketch.fusion import Fusion

        return Fusion()

    def protect(
        self,
        image: np.ndarray,
        *,
        owner: Owner | None = None,
        identity: bytes | None = None,
        secret: bytes | None = None,
        strength: float = 1.0,
        previous: Previous | None = None,
        content: ContentRequest = PLAIN,
    ) -> Protection:
        """Embed content code, identity (8 bytes) and the owner's signature in a photograph (H, W, 3) uint8.

        identity: random by default. secret: key of private mode; without it the mark is not detectable.
        strength: multiplies the steps; rounded to the nearest of STRENGTHS.
        previous: an earlier protection of this picture, which the new one replaces and names.
        content: places that get more of the content code, a caption and a label; and where the signature is
        kept. `Protection.signature` is one that a registry has to keep.
        Raises ShapeError where a side is shorter than 64 px, and for a focus outside of the picture.
        """
        codecs = Codecs(self.sketch, self.witness, self.importance)
        settings = Settings(owner, secret, strength, previous, content)
        return protecting.protect(image, codecs, settings, identity)

    def with_lossless_layer(
        self,
        protected: np.ndarray,
        original: np.ndarray,
        identity: bytes,
        *,
        owner: Owner | None = None,
        secret: bytes | None = None,
    ) -> np.ndarray:
        """A protected picture (H, W, 3) uint8 with the fragile layer, for files that keep every pixel.

        original: before protection. owner: signs the layer; None where the mark is not signed either.
        """
        return fragile_layer.embed(protected, original, identity, owner, secret)

    def earlier(self, image: np.ndarray, *, secret: bytes | None = None) -> Previous | None:
        """The protection that a picture (H, W, 3) uint8 has already, public or under this secret; None
        without one. Fast: parts of pictures, resized and turned ones are not searched."""
        marked = detect_unchanged(picture_luma(image), secret)
        if marked is None:
            return None
        middle = decode_layers(marked).middle
        return Previous(marked.base.identity, None if middle is None else middle.fingerprint)

    def identify(
        self, image: np.ndarray, *, secret: bytes | None = None, thorough: bool = False
    ) -> str | None:
        """The identity (16 hex digits) in a received picture, or None; faster than `verify`.

        thorough: see `verify`.
        """
        plane = picture_luma(image)
        found = (detect_mark(plane, lattice, moved, thorough=thorough) for lattice, moved in searches(secret))
        marked = next(filter(None, found), None)
        return None if marked is None else marked.base.identity.hex()

    def verify(
        self,
        image: np.ndarray,
        *,
        secret: bytes | None = None,
        find_key: FindKey = lambda short: None,
        find_signatures: FindSignatures = lambda identity: (),
        thorough: bool = False,
        natural: Fuser | None = None,
    ) -> Verdict:
        """Verdict on a received picture (H, W, 3) uint8.

        find_key: the public key whose fingerprint starts with these four bytes, or None. find_signatures:
        those that a registry keeps for the mark of this identity (16 hex digits).
        thorough: search for combinations of crop, scale, rotation, mirroring and stretching too.
        natural: draws what was altered with invented detail (the block `natural`); it decides nothing.
        """
        plane = picture_luma(image)
        found = (detect_mark(plane, lattice, moved, thorough=thorough) for lattice, moved in searches(secret))
        marked = next(filter(None, found), None)
        if marked is None:
            message = "No mark found. That does not say that the picture is genuine, nor that it is not."
            return Verdict("unprotected", present=False, message=message)
        marked = decode_layers(marked)
        parts = Parts(self.sketch, self.witness, self.locator, self.fusion, natural)
        return verifying.judge(image, marked, parts, Keys(find_key, find_signatures), secret)

    def read_back(
        self,
        image: np.ndarray,
        *,
        secret: bytes | None = None,
        find_key: FindKey = lambda short: None,
        find_signatures: FindSignatures = lambda identity: (),
    ) -> Verdict:
        """What `verify` reads in a whole picture at its own size, not judged: identity, signature, layers and
        their number of bits by kind in details["bits"]. Fast."""
        marked = detect_whole(picture_luma(image), secret)
        if marked is None:
            return Verdict("unprotected", present=False, message="No mark found.")
        marked = decode_layers(marked)
        identity, keys = marked.base.identity.hex(), Keys(find_key, find_signatures)
        signature = read_signature(marked.base, marked.middle, marked.top, keys)
        found = {"identity": identity, "signature": signature, "layers": marked.layers}
        return Verdict("unknown", True, "Read, not judged.", **found, details={"bits": marked.bits})

    def describe(self, image: np.ndarray, bits: int) -> np.ndarray:
        """The picture decoded from a content code of at most so many bits, (H, W, 3) uint8."""
        return self.sketch.decode(self.sketch.encode(image, [bits]), *image.shape[:2])
