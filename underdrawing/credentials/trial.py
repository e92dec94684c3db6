"""Certificates for trials: a root and a signer under it, with the extensions that C2PA asks for.

Nobody vouches for them: to `verify`, credentials signed under them are untrusted, unless the root is added to
its trust store. The root's private key is not kept, so that nothing else can be issued under it.
C2PA Technical Specification 2.4, sec. 14.5 (profile of certificates).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from underdrawing.core.errors import KeyFileError

DAYS = 30
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Issued:
    """The files of a trial identity."""

    chain: Path
    """The signer's certificate, then the root."""
    key: Path
    """Private key of the signer, PKCS#8, not encrypted."""
    root: Path


def issue(
    folder: Path,
    *,
    organization: str,
    key: Any = None,
    days: int = DAYS,
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
) -> Issued:
    """Write a new root, and a certificate under it that is valid for so many days from yesterday.

    organization: in both certificates, and what `verify` calls the signer. key: the signer's private key, of
    cryptography; None makes one on P-256. purpose: the extended key usage.
    KeyFileError where a file exists or cannot be written; nothing is overwritten.
    """
    root_key = ec.generate_private_key(ec.SECP256R1())
    own_key = key or ec.generate_private_key(ec.SECP256R1())
    root_name, own_name = _name(organization, "Trial Root"), _name(organization, "Trial Signer")
    root = _extended(_builder(root_name, root_name, root_key, max(days, DAYS)), root_key, root_key, True)
    root = root.sign(root_key, hashes.SHA256())
    leaf = _extended(_builder(own_name, root_name, own_key, days), own_key, root_key, False)
    leaf = leaf.add_extension(x509.ExtendedKeyUsage([purpose]), False).sign(root_key, hashes.SHA256())
    issued = Issued(folder / "chain.pem", folder / "key.pem", folder / "ca.pem")
    hidden = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    _write(issued.key, own_key.private_bytes(_PEM, *hidden), 0o600)
    _write(issued.chain, leaf.public_bytes(_PEM) + root.public_bytes(_PEM), 0o644)
    _write(issued.root, root.public_bytes(_PEM), 0o644)
    return issued


def _name(organization: str, common: str) -> x509.Name:
    parts = ((NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(*part) for part in parts])


def _builder(subject: x509.Name, issuer: x509.Name, key: Any, days: int) -> x509.CertificateBuilder:
    start = datetime.now(UTC) - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )


def _extended(builder: Any, key: Any, root_key: Any, authority: bool) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    subject = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(authority, None), True).add_extension(usage, True)
    return builder.add_extension(subject, False).add_extension(issuer, False)


def _write(path: Path, data: bytes, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written ({error.strerror})") from error
    with os.fdopen(handle, "wb") as file:
        file.write(data)
