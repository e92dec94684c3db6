"""Signing of Content Credentials with a certificate chain and its private key."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from underdrawing.core.errors import CredentialsError, KeyFileError, MissingKeyFileError
from underdrawing.credentials import manifest
from underdrawing.credentials.package import MIME, c2pa, context
from underdrawing.data.containers.interface import Written
from underdrawing.data.pictures import Picture, encode_picture

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_MANIFEST = b"jumdc2ma"
"""Start of the description box of each manifest in a store."""
_WITHOUT_HISTORY = "Content Credentials of the original left out of the new ones: they cannot be read"
_LARGEST_FILE = 1 << 20
_LEAST_RSA_BITS = 2048


@dataclass(frozen=True)
class Original:
    """The original picture file; its manifests become part of the new one."""

    name: str | None
    """Of the file, without its folders."""
    data: bytes
    format: str
    """Pillow's name."""


@dataclass(frozen=True, repr=False)
class CredentialSigner:
    """A certificate chain, the signer's own first, and the private key of that first one."""

    chain: bytes
    key: bytes
    """PKCS#8 PEM, not encrypted."""
    algorithm: str
    """Of C2PA, as ES256."""

    @classmethod
    def load(cls, chain: str | Path, key: str | Path, password: bytes | None = None) -> CredentialSigner:
        """Read both from PEM files. KeyFileError where they cannot be used, or do not belong together;
        MissingExtraError where nothing could be signed with them."""
        c2pa()
        certificates, private = _certificates(Path(chain)), _private_key(Path(key), password)
        public = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        if certificates[0].public_key().public_bytes(*public) != private.public_key().public_bytes(*public):
            raise KeyFileError(f"{key}: not the key of the first certificate in {chain}")
        now = datetime.now(UTC)
        if not certificates[0].not_valid_before_utc <= now <= certificates[0].not_valid_after_utc:
            until = certificates[0].not_valid_after_utc.date()
            raise KeyFileError(f"{chain}: not valid today; its first certificate ends {until}")
        pem, hidden = serialization.Encoding.PEM, serialization.NoEncryption()
        return cls(
            b"".join(certificate.public_bytes(pem) for certificate in certificates),
            private.private_bytes(pem, serialization.PrivateFormat.PKCS8, hidden),
            _algorithm(private, Path(key)),
        )

    def sign(
        self, data: bytes, format: str, *, identity: str | None, system: str, original: Original
    ) -> tuple[bytes, bytes]:
        """A picture file with a manifest in it, and the manifest store alone.

        data: the file of the protected picture, in Pillow's format `format`. identity: 16 hex digits.
        CredentialsError where the format holds no manifest, or the certificate is none for this purpose.
        """
        package = c2pa()
        if format not in MIME:
            raise CredentialsError(f"{format} files hold no Content Credentials; write {', '.join(MIME)}")
        when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        definition = manifest.definition(original.name, MIME[format], identity, system, when)
        signed = io.BytesIO()
        try:
            with package.Builder(definition, context=context()) as builder:
                _add_original(builder, original, data, format)
                info = package.C2paSignerInfo(self.algorithm.lower(), self.chain, self.key, None)
                with package.Signer.from_info(info) as signer:
                    store = builder.sign(signer, MIME[format], io.BytesIO(data), signed)
        except package.C2paError as error:
            raise CredentialsError(f"Content Credentials cannot be signed ({error})") from error
        return signed.getvalue(), bytes(store)

    def sign_picture(
        self,
        picture: Picture,
        path: Path,
        *,
        identity: str | None,
        system: str,
        original: Original,
        quality: int | None = None,
    ) -> tuple[Written, bytes]:
        """`sign` for the file of a picture as `path` would hold it, in its suffix's format, unwritten; and
        the manifest store. Errors: those of `sign` and of encode_picture."""
        written = encode_picture(replace(picture, credentials=False), path, quality=quality)
        data, store = self.sign(
            written.data, written.format, identity=identity, system=system, original=original
        )
        if picture.credentials and store.count(_MANIFEST) < 2:
            written = written._replace(notes=(*written.notes, _WITHOUT_HISTORY))
        return written._replace(data=data), store


def _add_original(builder: Any, original: Original, data: bytes, format: str) -> None:
    """Add the original as ingredient. Where it is no file or its manifest cannot be read, it is added without
    history, with the bytes of the protected file, which have none."""
    package = c2pa()
    own = MIME.get(original.format)
    if own and original.data:
        try:
            definition = json.dumps(manifest.ingredient(original.name, own))
            builder.add_ingredient(definition, own, io.BytesIO(original.data))
            return
        except package.C2paError:
            pass
    definition = json.dumps(manifest.ingredient(original.name, MIME[format]))
    builder.add_ingredient(definition, MIME[format], io.BytesIO(data))


def _certificates(path: Path) -> list[Certificate]:
    from cryptography.x509 import load_pem_x509_certificates  # slow to import

    data = _read(path)
    try:
        return load_pem_x509_certificates(data)
    except ValueError as error:
        raise KeyFileError(f"{path}: expected certificates in PEM form ({error})") from error


def _private_key(path: Path, password: bytes | None) -> Any:
    data = _read(path)
    encrypted = b"ENCRYPTED" in data
    if encrypted and not password:
        raise KeyFileError(f"{path}: a password is needed")
    try:
        return serialization.load_pem_private_key(data, password if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"{path}: not a private key in PEM form, or a wrong password ({error})") from error


def _algorithm(key: Any, path: Path) -> str:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "Ed25519"
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _LEAST_RSA_BITS:
        return "PS256"
    raise KeyFileError(
        f"{path}: expected a key on the curves P-256, P-384 or P-521, an Ed25519 key, "
        f"or RSA of at least {_LEAST_RSA_BITS} bits"
    )


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingKeyFileError(f"{path}: cannot be read ({error.strerror})") from error
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > _LARGEST_FILE:
        raise KeyFileError(f"{path}: too large for keys or certificates")
    return data
