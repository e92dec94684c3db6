"""Content Credentials in the bytes of a picture file, whatever its container."""

from __future__ import annotations

import re

_STORE = b"jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"
"""Description box of a manifest store with its UUID (C2PA 2.1, sec. 11.1.4); no container compresses it."""
_LINK = re.compile(rb"dcterms:provenance\s*(?:=\s*[\"']|>)\s*[^\s\"'<]")
"""Link to a store elsewhere, in XMP (sec. 11.5)."""


def has_credentials(data: bytes) -> bool:
    """Whether the file holds a C2PA manifest store, or names one in its XMP."""
    return _STORE in data or _LINK.search(data) is not None
