"""Retrieving without effects: a received picture to the records of a registry, with their manifests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from underdrawing.api.verifying import kept_signatures, pem
from underdrawing.coding.keys import TrustStore
from underdrawing.core.errors import RegistryError
from underdrawing.credentials.reading import kept_for
from underdrawing.credentials.repository import ManifestRepository
from underdrawing.data.files import write_files
from underdrawing.data.sources import SourcePicture
from underdrawing.registry.originals import OriginalRepository
from underdrawing.registry.retrieval import Match, matches
from underdrawing.registry.store import Registry


def find(
    source: SourcePicture,
    model: Any,
    secret: bytes | None,
    registry: Registry,
    limit: int,
    thorough: bool = False,
) -> list[Match]:
    """The records of a picture, best first. RegistryError for a limit below 1."""
    if limit < 1:
        raise RegistryError(f"expected a limit of at least 1, got {limit}")
    options = {"thorough": True} if thorough else {}
    options |= kept_signatures(model, registry)
    verdict = model.verify(source.picture.shown, secret=secret, find_key=registry.find_key, **options)
    return matches(registry, source.picture.shown, verdict, limit)


def with_credentials(found: list[Match], manifests: ManifestRepository, trust: TrustStore) -> list[Match]:
    """Matches with the Content Credentials that are stored for their identities."""
    trusted = pem(trust)
    identities = dict.fromkeys(match.record.identity for match in found if match.record.identity)
    stored = {identity: kept_for(manifests, identity, trusted) for identity in identities}
    return [replace(match, credentials=stored.get(match.record.identity or "")) for match in found]


def manifest_files(found: list[Match], stem: str) -> dict[str, tuple[str, bytes]]:
    """File name and manifest store by identity, of matches that are sure: the first is STEM.c2pa, others are
    STEM.IDENTITY.c2pa."""
    files: dict[str, tuple[str, bytes]] = {}
    for match in found:
        identity, credentials = match.record.identity, match.credentials
        if match.sure and identity and identity not in files and credentials and credentials.manifest:
            name = f"{stem}.{identity}.c2pa" if files else f"{stem}.c2pa"
            files[identity] = name, credentials.manifest
    return files


def written(
    found: list[Match], start: Path, originals: OriginalRepository | None, max_pixels: int, overwrite: bool
) -> list[Match]:
    """Matches with the paths of the files that are written for those that are sure: their manifests, and the
    original of the first. start: folder and start of the names. Errors: those of OriginalRepository.find and
    of write_files."""
    manifests = manifest_files(found, start.name)
    files = dict(manifests.values())
    kept = None
    if originals is not None and found and found[0].sure:
        kept = originals.find(found[0].record, max_pixels)
    name = "" if kept is None else f"{start.name}.original{kept.suffix}"
    if kept is not None:
        files[name] = kept.data
    paths = write_files(files, start.parent, overwrite)
    by_identity = {identity: paths[file] for identity, (file, _) in manifests.items()}
    return [
        replace(
            match,
            manifest=by_identity.get(match.record.identity or "") if match.sure else None,
            kept_original=paths.get(name) if number == 0 else None,
        )
        for number, match in enumerate(found)
    ]
