"""Whether an existing output file has the Content Credentials that a run would sign.

Signing the same picture twice gives two different files, both valid. A resumed run therefore keeps an output
file that has what it would sign now.
"""

from __future__ import annotations

import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from underdrawing.core.errors import PictureError
from underdrawing.credentials import reading
from underdrawing.data.pictures import load_picture


def is_signed(file: bytes, protected: bytes, identity: str | None, chain: bytes) -> bool:
    """Whether a file is this protected picture with valid Content Credentials that name its identity and
    contain the first certificate of a chain.

    file, protected: contents of picture files, the second without credentials. identity: 16 hex digits, or
    None where the picture has none. chain: PEM.
    """
    certificate = x509.load_pem_x509_certificates(chain)[0].public_bytes(serialization.Encoding.DER)
    if certificate not in file:
        return False
    found = reading.read(file, identity)
    agrees = found.soft_binding is not None and found.soft_binding.agrees
    if found.state not in ("valid", "untrusted") or (identity is not None and not agrees):
        return False
    try:
        existing, wanted = load_picture(file), load_picture(protected)
    except PictureError:
        return False
    same_metadata = (existing.icc, existing.exif) == (wanted.icc, wanted.exif)
    same_alpha = _equal(existing.alpha, wanted.alpha)
    return same_metadata and same_alpha and _equal(existing.pixels, wanted.pixels)


def _equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and np.array_equal(one, other)
