"""Read-back: what a reader finds in a protected picture, compared with what its protection promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from underdrawing.coding.keys import PublicKey
from underdrawing.data.pictures import MAX_PIXELS, load_picture
from underdrawing.report.reports import ProtectReport


@dataclass(frozen=True)
class ReadBack:
    """What was found in a protected picture."""

    identity: str | None
    """16 hex digits."""
    signed_by: str | None
    """Fingerprint of the owner's key; None where no valid signature of that key was read."""
    bits: dict[str, int]
    """By kind, as in ProtectReport.bits; empty where the system does not count them."""
    present: bool = True
    """False where no mark was found."""

    def missing(self, report: ProtectReport) -> tuple[str, ...]:
        """Of "mark", "identity", "signature", "middle", "top": what the report promises and this lacks."""
        if not self.present:
            return ("mark",)
        lacks = []
        if report.identity is not None and self.identity != report.identity:
            lacks.append("identity")
        if report.signed_by is not None and self.signed_by != report.signed_by:
            lacks.append("signature")
        if self.bits:
            lacks += [name for name in ("middle", "top") if report.bits.get(name, 0) > self.bits[name]]
        return tuple(lacks)


@dataclass(frozen=True)
class Reader:
    """Reads protected pictures as `verify` does, at their own size and unjudged.

        found = reader.read(data)               # bytes of a file, or pixels (H, W, 3) uint8
        if not found.missing(report): ...       # whatever the report promises was read in this very file

    `report` is that of the embedding before the file was encoded. An encoder that chooses among qualities
    takes the first file for which nothing is missing. About 50 ms at 512x512 px, .4 s at 12 megapixels.
    """

    model: Any
    """Of the zoo."""
    owner: PublicKey | None
    """The key whose signature is looked for."""
    secret: bytes | None = None
    max_pixels: int = MAX_PIXELS
    signature: bytes | None = None
    """The signature of the mark, where a registry is to keep it."""

    def read(self, source: bytes | np.ndarray) -> ReadBack:
        """What is found. source: the bytes of a picture file, or pixels (H, W, 3) uint8. PictureError."""
        pixels = source
        if isinstance(source, bytes):
            pixels = load_picture(source, max_pixels=self.max_pixels).shown
        # Systems that need no search have no shorter way than to verify.
        read = getattr(self.model, "read_back", self.model.verify)
        kept = self.signature
        options = {} if kept is None else {"find_signatures": lambda identity: (kept,)}
        verdict = read(pixels, secret=self.secret, find_key=self._key, **options)
        key, valid = verdict.signature.key, verdict.signature.state == "valid"
        signed_by = key if valid and self.owner is not None and key == self.owner.fingerprint else None
        bits = verdict.details.get("bits", {})
        return ReadBack(verdict.identity, signed_by, bits, verdict.present is not False)

    def _key(self, short: bytes) -> PublicKey | None:
        return self.owner if self.owner is not None and self.owner.short == short else None
