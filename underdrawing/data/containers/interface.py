"""What the module of a container provides."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

from underdrawing.data.picture import Picture

Fate = Literal["kept", "converted", "left out"]


class Item(NamedTuple):
    """Something that a container can carry, and what becomes of it between reading and writing."""

    name: str
    fate: Fate
    how: str = ""
    """Where it is kept, what it is turned into, or why it is left out."""


class Written(NamedTuple):
    """The content of a picture file."""

    data: bytes
    format: str
    """Pillow's name."""
    notes: tuple[str, ...] = ()
    """What the picture has and the file lacks, or has in another form; a sentence each."""


class Container(Protocol):
    """A module of this package."""

    FORMAT: str
    """Pillow's name."""
    SUFFIXES: tuple[str, ...]
    """Of its files, lower case; the first is the usual one."""
    INVENTORY: tuple[Item, ...]
    CARRIES: tuple[str, ...]
    """The fields of Picture that its files hold, as shared.lost takes them."""

    @staticmethod
    def is_this(head: bytes) -> bool:
        """Whether a file that starts with these 64 bytes is of this container."""
        ...

    @staticmethod
    def read(data: bytes, max_pixels: int) -> Picture:
        """The picture, upright. PictureError; at damaged files whatever the decoder raises."""
        ...

    @staticmethod
    def write(picture: Picture, quality: int | None) -> Written:
        """The file. quality: 1..100, None for the one that preserves the mark. PictureError."""
        ...
