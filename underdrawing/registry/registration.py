"""From a photograph that was protected to its record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from underdrawing.coding.keys import PublicKey
from underdrawing.core.errors import RegistryError
from underdrawing.registry import embedding
from underdrawing.registry.facts import Facts
from underdrawing.registry.hashes import file_hash, perceptual_hash, pixel_hash
from underdrawing.registry.record import Copy, Record, now


@dataclass(frozen=True)
class Version:
    """One version of a photograph: its pixels, and the file they are in."""

    pixels: np.ndarray
    """(H, W, 3) uint8 or uint16."""
    image: np.ndarray
    """(H, W, 3) uint8, the same."""
    file: str | Path | bytes | None = None
    """Path or content of the file; None where there is none."""

    def copy(self) -> Copy:
        """Its hashes and place. RegistryError where the file cannot be read."""
        data, place = self.file, None
        if isinstance(self.file, str | Path):
            path = Path(self.file).absolute()
            place = str(path)
            try:
                data = path.read_bytes()
            except OSError as error:
                raise RegistryError(f"{path}: cannot be read for its hash ({error.strerror})") from error
        digest = file_hash(data) if isinstance(data, bytes) else None
        return Copy(pixel_hash(self.pixels), perceptual_hash(self.image), digest, place)


@dataclass(frozen=True)
class Mark:
    """What was hidden in a photograph."""

    system: str
    identity: str | None
    owner: PublicKey | None
    code: bytes | None


def record_of(original: Version, protected: Version, mark: Mark, facts: Facts) -> Record:
    """The record of a photograph that has just been protected, with the embedding of its original."""
    height, width = original.pixels.shape[:2]
    return Record(
        original=original.copy(),
        protected=protected.copy(),
        size=(width, height),
        registered=now(),
        system=mark.system,
        identity=mark.identity,
        owner=mark.owner,
        code=mark.code,
        vector=embedding.pack(embedding.embed(original.image)),
        embedding=embedding.NAME,
        facts=facts,
    )
