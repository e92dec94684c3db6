"""Settings of a bulk run, as every process receives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from underdrawing.content.importance.request import SigningPlace
from underdrawing.data import udl
from underdrawing.data.containers.udl import SUFFIXES as ARCHIVE_SUFFIXES
from underdrawing.data.files import PICTURE_SUFFIXES
from underdrawing.registry.rendition import LONG_SIDE_PX

Action = Literal["protect", "verify", "pack", "unpack"]
OF_ARCHIVES = {
    "pack": ("action", "input", "output", "rounds", "keep", "tile"),
    "unpack": ("action", "input", "output", "rounds", "salvage"),
}
"""Settings that the output of each action without a seed depends on."""


@dataclass(frozen=True)
class BulkSettings:
    """What to do with every picture; a process loads keys and registry from the paths once."""

    action: Action
    input: str
    """Folder or URL of pictures and shards."""
    output: str
    """Another folder or URL."""
    seed: str = ""
    """Hex; the identity of a picture is derived from it and from the picture's name. Empty: the journal's."""
    sign: str | None = None
    password: bytes | None = None
    """Of the private keys of `sign` and `credentials`."""
    secret: str | None = None
    strength: float = 1.0
    focus: tuple[str, ...] = ()
    """As in Session, the same for every picture; empty: "auto"."""
    quality: int | None = None
    """Of the files that are written; None as in Session."""
    system: str = "photo"
    trust: str | None = None
    registry: str | None = None
    signing: SigningPlace = "auto"
    """As in Session."""
    rendition_px: int = LONG_SIDE_PX
    """Of the originals, kept in the registry; 0: none."""
    originals: str | None = None
    """Folder where originals are kept as .udl; None keeps none."""
    facts: str | None = None
    """JSON file of facts for all records."""
    credentials: str | None = None
    """PEM file of the certificates that sign Content Credentials; None signs none."""
    credentials_key: str | None = None
    manifests: str | None = None
    rounds: int | None = None
    """Of `pack`, as keep and tile; see api.pack. Of `unpack`: a preview; see api.unpack."""
    keep: str = "smallest"
    tile: int = udl.TILE
    salvage: bool = False
    """Of `unpack`: damaged tiles become gray."""
    overwrite: bool = False

    @property
    def suffixes(self) -> frozenset[str]:
        """Of the pictures that are processed; archives are not packed again, and nothing else is unpacked."""
        if self.action == "unpack":
            return frozenset(ARCHIVE_SUFFIXES)
        return PICTURE_SUFFIXES.difference(ARCHIVE_SUFFIXES) if self.action == "pack" else PICTURE_SUFFIXES
