"""Keys, secrets, certificates and the folders that hold them: loaded and checked for a Session."""

from __future__ import annotations

import os
from pathlib import Path

from underdrawing.coding import secret_file
from underdrawing.coding.keys import Owner, PublicKey, TrustStore
from underdrawing.core.errors import KeyFileError
from underdrawing.credentials import anchors
from underdrawing.credentials.repository import ManifestRepository, beside
from underdrawing.credentials.signing import CredentialSigner
from underdrawing.registry.originals import OriginalRepository
from underdrawing.registry.store import Registry

PASSPHRASE = "UNDERDRAWING_PASSPHRASE"
"""Environment variable with the passphrase of a secret."""


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


def original_repository(
    folder: str | Path | None, registry: Registry | str | Path | None
) -> OriginalRepository | None:
    """The repository of originals: `folder`, or REGISTRY.originals beside a file; None without both."""
    if folder is not None:
        return OriginalRepository(folder)
    manifests = manifest_repository(None, registry)
    return None if manifests is None else OriginalRepository(manifests.folder.with_suffix(".originals"))


def load_owner(path: str | Path, password: bytes | None = None) -> Owner:
    """The owner whose private key is in a PEM file. KeyFileError where it holds none."""
    return Owner.load(Path(path), password)


def load_secret(secret: str | Path | bytes | None, passphrase: str | None = None) -> bytes | None:
    """The bytes of a secret, read from a file where a path is given.

    passphrase: of a file that needs one; by default the environment's UNDERDRAWING_PASSPHRASE. KeyFileError
    where the secret cannot be read, the passphrase is not its own, or it has fewer than 128 random bits.
    """
    if secret is None:
        return None
    if isinstance(secret, bytes):
        return secret_file.checked(secret)
    return secret_file.load(Path(secret), passphrase or os.environ.get(PASSPHRASE))


def create_secret(path: str | Path, passphrase: str | None = None) -> None:
    """Write a secret of 256 random bits, or what a passphrase is combined with, to a new file.

    KeyFileError where the file exists or cannot be written, or the passphrase is too short.
    """
    secret_file.create(Path(path), passphrase)
