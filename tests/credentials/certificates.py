"""Test certificates: a root and a signer under it, with the extensions that C2PA asks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Issued:
    """Files of one test identity."""

    chain: Path
    key: Path
    root: Path


def issue(
    folder: Path,
    *,
    organization: str = "Test Agency",
    key: Any = None,
    days: int = 30,
    purpose: Any = ExtendedKeyUsageOID.EMAIL_PROTECTION,
) -> Issued:
    """A new root, and a signer's certificate under it that is valid for so many days from yesterday."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    own_key = key or ec.generate_private_key(ec.SECP256R1())
    root_name, own_name = _name(organization, "Test Root"), _name(organization, "Test Signer")
    root = _extended(_builder(root_name, root_name, root_key, 30), root_key, root_key, authority=True)
    root = root.sign(root_key, hashes.SHA256())
    leaf = _extended(_builder(own_name, root_name, own_key, days), own_key, root_key, authority=False)
    leaf = leaf.add_extension(x509.ExtendedKeyUsage([purpose]), False).sign(root_key, hashes.SHA256())
    folder.mkdir(parents=True, exist_ok=True)
    issued = Issued(folder / "chain.pem", folder / "key.pem", folder / "root.pem")
    issued.chain.write_bytes(leaf.public_bytes(PEM) + root.public_bytes(PEM))
    issued.root.write_bytes(root.public_bytes(PEM))
    issued.key.write_bytes(
        own_key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return issued


def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


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


def _extended(builder: Any, key: Any, root_key: Any, *, authority: bool) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    subject = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(authority, None), True).add_extension(usage, True)
    return builder.add_extension(subject, False).add_extension(issuer, False)
