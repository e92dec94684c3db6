"""Metadata of picture files: colour profiles."""

from __future__ import annotations

_ICC_SIGNATURE = slice(36, 40)
_ICC_SPACE = slice(16, 20)


def fitting_icc(icc: bytes | None, gray: bool) -> bytes | None:
    """The profile where it describes pixels of one (`gray`) or three channels, else None.

    Readers ignore a profile of another colour space, or refuse the file.
    """
    if icc is None or len(icc) < 128 or icc[_ICC_SIGNATURE] != b"acsp":
        return None
    return icc if icc[_ICC_SPACE] == (b"GRAY" if gray else b"RGB ") else None
