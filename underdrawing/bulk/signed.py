"""Content Credentials of a job: who signs, and whether a file that is there already was signed by this job.

Signing the same picture twice gives two different files, both good. A job that goes on therefore keeps a file
that it finds in the output's place, where that is what it would sign now.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from underdrawing import api
from underdrawing.core.errors import PictureError
from underdrawing.credentials import reading
from underdrawing.credentials.signing import CredentialSigner
from underdrawing.data.pictures import load_picture


@lru_cache(maxsize=1)
def signer(chain: str, key: str, password: bytes | None) -> CredentialSigner:
    """Read once in each process. KeyFileError where the files cannot be used."""
    return api.load_credentials(chain, key, password)


def is_signed(file: bytes, protected: bytes, identity: str | None, chain: bytes) -> bool:
    """Whether a file is this protected picture with Content Credentials that hold, name its identity and come
    with the first certificate of a chain.

    file, protected: of picture files, the second without credentials. identity: 16 hex digits, or None where
    the picture hides none. chain: PEM.
    """
    certificate = x509.load_pem_x509_certificates(chain)[0].public_bytes(serialization.Encoding.DER)
    if certificate not in file:
        return False
    found = reading.read(file, identity)
    agrees = found.soft_binding is not None and found.soft_binding.agrees
    if found.state not in ("valid", "untrusted") or (identity is not None and not agrees):
        return False
    try:
        there, wanted = load_picture(file), load_picture(protected)
    except PictureError:
        return False
    alike = (there.icc, there.exif) == (wanted.icc, wanted.exif)
    return alike and _equal(there.pixels, wanted.pixels) and _equal(there.alpha, wanted.alpha)


def _equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and np.array_equal(one, other)
