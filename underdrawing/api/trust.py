"""Keys, secrets, certificates and the folders that hold them: loaded and checked for a Session."""

from __future__ import annotations

from pathlib import Path

from underdrawing.coding.keys import Owner, PublicKey, TrustStore
from underdrawing.core.errors import KeyFileError
from underdrawing.credentials import anchors
from underdrawing.credentials.repository import ManifestRepository, beside
from underdrawing.credentials.signing import CredentialSigner
from underdrawing.registry.store import Registry

_LEAST_SECRET_BYTES = 8


def trust_store(folder: str | Path | None = None) -> TrustStore:
    """The store of trusted public keys in `folder`; None is the user's own."""
    if folder is None:
        from platformdirs import user_config_path

        folder = user_config_path("underdrawing") / "trust"
    return TrustStore(Path(folder))


def add_trusted(public: PublicKey, name: str, folder: str | Path | None = None) -> Path:
    """Add a public key to a trust store; its file. KeyFileError where another key has that name."""
    store = trust_store(folder)
    for known, key in store:
        if known == name and key.raw != public.raw:
            raise KeyFileError(f"{store.folder}: {name!r} is another key already; give this one another name")
    return store.add(public, name)


def holds_certificates(path: str | Path) -> bool:
    """Whether a file contains PEM certificates, as opposed to a key."""
    return anchors.is_certificate(Path(path))


def add_anchors(path: str | Path, name: str, folder: str | Path | None = None) -> Path:
    """Add the certificates of a PEM file to a trust store, as trust anchors of Content Credentials.

    KeyFileError where the file holds none.
    """
    return anchors.add_anchor(trust_store(folder).folder, Path(path), name)


def trusted_anchors(folder: str | Path | None = None) -> dict[str, str]:
    """The trust anchors of a trust store in PEM form, by name."""
    return anchors.anchors(trust_store(folder).folder)


def load_credentials(chain: str | Path, key: str | Path, password: bytes | None = None) -> CredentialSigner:
    """A signer of Content Credentials: PEM files of the certificates (the signer's own first) and its key.

    KeyFileError where they cannot be used; MissingExtraError without the extra "credentials".
    """
    return CredentialSigner.load(chain, key, password)


def manifest_repository(
    folder: str | Path | None, registry: Registry | str | Path | None
) -> ManifestRepository | None:
    """The repository of manifests: `folder`, or the one beside a registry in a file; None without both."""
    if folder is not None:
        return ManifestRepository(folder)
    place = registry if isinstance(registry, str | Path) else getattr(registry, "path", None)
    found = None if place is None else beside(place)
    return None if found is None else ManifestRepository(found)


def load_owner(path: str | Path, password: bytes | None = None) -> Owner:
    """The owner whose private key is in a PEM file. KeyFileError where it holds none."""
    return Owner.load(Path(path), password)


def load_secret(secret: str | Path | bytes | None) -> bytes | None:
    """The bytes of a secret, read from a file where a path is given; trailing line breaks are dropped.

    KeyFileError where it cannot be read or is shorter than 8 bytes.
    """
    if secret is None:
        return None
    name = "the secret"
    if not isinstance(secret, bytes):
        name = str(secret)
        try:
            secret = Path(secret).read_bytes().rstrip(b"\r\n")
        except OSError as error:
            raise KeyFileError(f"{name}: the secret cannot be read ({error.strerror})") from error
    if len(secret) < _LEAST_SECRET_BYTES:
        raise KeyFileError(f"{name}: a secret needs at least {_LEAST_SECRET_BYTES} bytes, got {len(secret)}")
    return secret
