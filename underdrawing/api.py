"""protect, verify, retrieve: files or arrays in, a report out. The only door for command line and web page.

report = underdrawing.protect("photo.jpg", "photo.protected.jpg", sign="owner.pem")
report = underdrawing.verify("suspect.jpg", "findings/")
report.verdict.status, report.verdict.identity, report.verdict.recovered

underdrawing.protect("photo.jpg", "photo.protected.jpg", registry="photos.db", facts={"source": "An agency"})
underdrawing.retrieve("suspect.jpg", "photos.db")[0].record.facts
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from underdrawing import zoo
from underdrawing.coding.keys import Owner, PublicKey, TrustStore
from underdrawing.core.errors import KeyFileError, RegistryError, UsageError
from underdrawing.core.types import Credentials, Verdict
from underdrawing.credentials import anchors, reading, words
from underdrawing.credentials.recovery import kept_for
from underdrawing.credentials.repository import ManifestRepository, beside
from underdrawing.credentials.signing import CredentialSigner, Original
from underdrawing.data.files import write_atomic
from underdrawing.data.pictures import MAX_PIXELS, Picture, save_picture
from underdrawing.data.sources import Source, name_of, named, read_source
from underdrawing.metrics.quality import psnr_db, ssim
from underdrawing.registry.chain import Head
from underdrawing.registry.facts import Facts
from underdrawing.registry.hashes import file_hash
from underdrawing.registry.record import now
from underdrawing.registry.registration import Mark, Version, record_of
from underdrawing.registry.retrieval import Match, matches
from underdrawing.registry.store import Registry, open_registry
from underdrawing.report.findings import ProtectReport, VerifyReport, write_findings, write_manifests

FindKey = Callable[[bytes], PublicKey | None]


class Embedding(TypedDict, total=False):
    """How `protect` embeds, where it is not told by default."""

    identity: str | bytes | None
    """16 hex digits or 8 bytes; None draws one at random."""
    strength: float
    """0.7 is faint (archival), 1 the default, 1.45 and 2.1 sturdier; the nearest is taken."""
    system: str
    """Which of the zoo protects, "photo" by default; `verify` has to be told the same. Some hide no identity
    and no signature."""
    credentials: CredentialSigner | None
    """Who signs Content Credentials into the output; None writes none."""
    manifests: str | Path | None
    """Folder where those are kept for `verify`; None is the one beside a registry in a file."""


class Giving(TypedDict, total=False):
    """How `retrieve` gives back Content Credentials."""

    manifests: str | Path | None
    """Folder where they are kept, as in `protect`."""
    trust: TrustStore | str | Path | None
    """As in `verify`: whose certificates vouch for who signed."""
    overwrite: bool
    """Whether files that exist are replaced."""
    stem: str | None
    """How the written files' names start; None takes the source's name."""


class Looking(TypedDict, total=False):
    """Where `verify` looks besides the picture, how large that may be, and what it writes on demand."""

    registry: Registry | str | Path | None
    """Gives public keys of owners, the facts of the identity, and the Content Credentials that the file has
    lost."""
    manifests: str | Path | None
    """As in `protect`."""
    max_pixels: int
    """Larger files are refused before they are decoded; data.pictures.MAX_PIXELS by default."""
    pdf: bool
    """Whether STEM.report.pdf is written too; needs the extra "pdf"."""


def protect(
    source: Source,
    output: str | Path | None = None,
    *,
    sign: Owner | str | Path | None = None,
    secret: str | Path | bytes | None = None,
    overwrite: bool = False,
    registry: Registry | str | Path | None = None,
    facts: Facts | Mapping[str, Any] | None = None,
    **how: Unpack[Embedding],
) -> ProtectReport:
    """Hide in a picture a code of its own content and an identity, signed by `sign` where it is given.

    source: a path, the bytes of a picture file, a Picture, or an array (H, W, 3) or (H, W), uint8 or uint16.
    output: where the protected picture is written, in its suffix's format; None writes nothing.
    secret: private mode; bytes, or the path of a file that holds them. Only readers with it find anything.
    registry: where a record of the picture is added once it is written; a path, made where there is none.
    facts: what the record tells beyond the picture; as registry/facts.schema.json describes.
    how: identity, strength, system, credentials, manifests; see Embedding.
    Errors: PictureError, ShapeError, CapacityError, KeyFileError, WeightsError, OutputError, RegistryError,
    CredentialsError, MissingExtraError; the message names the file.
    """
    if unknown := how.keys() - Embedding.__annotations__.keys():
        raise TypeError(f"protect() takes no {', '.join(sorted(unknown))}")
    with named(source):
        picture, data = read_source(source)
        owner = load_owner(sign) if isinstance(sign, str | Path) else sign
        given, kept = _facts(facts, registry), _manifest_place(how, output, registry)
        system = how.get("system", "photo")
        model, start = zoo.load(system), time.perf_counter()
        protection = model.protect(picture.image, owner=owner, secret=load_secret(secret), **_embedding(how))
        protected = replace(picture, pixels=protection.apply(picture.pixels))
        seconds = time.perf_counter() - start
        if output is not None:
            original = _original(source, data, picture)
            _write(protected, Path(output), how, (protection.identity, original), kept, overwrite)
        number, mark = None, _mark(system, protection, owner)
        if registry is not None:
            before = Version(picture.pixels, picture.image, _file(source))
            after = Version(protected.pixels, protected.image, output)
            number = _register(registry, before, after, mark, given)
        return ProtectReport(
            file=name_of(source),
            output=None if output is None else str(output),
            identity=protection.identity,
            psnr_db=psnr_db(picture.image, protected.image),
            ssim=ssim(picture.image, protected.image),
            bits=dict(protection.bits),
            seconds=seconds,
            signed_by=None if owner is None else owner.public.fingerprint,
            protected=protected,
            registered=number,
            credentials=how.get("credentials") is not None,
        )


def verify(
    source: Source,
    output: str | Path | None = None,
    *,
    trust: TrustStore | str | Path | None = None,
    secret: str | Path | bytes | None = None,
    system: str = "photo",
    overwrite: bool = False,
    stem: str | None = None,
    **looking: Unpack[Looking],
) -> VerifyReport:
    """Say who protected a picture, whether and where it was altered, and what was there.

    source: as in `protect`.
    output: a folder; STEM.mask.png, STEM.recovered.png, STEM.report.html and more are written there.
    trust: the folder of known public keys; None is the user's own.
    system: the one that protected the picture.
    stem: how the written files' names start; None takes the source's name.
    looking: registry, manifests, max_pixels, pdf; see Looking.
    Errors: as in `protect`.
    """
    if unknown := looking.keys() - Looking.__annotations__.keys():
        raise TypeError(f"verify() takes no {', '.join(sorted(unknown))}")
    with named(source):
        picture, data = read_source(source, looking.get("max_pixels", MAX_PIXELS))
        store = trust if isinstance(trust, TrustStore) else trust_store(trust)
        model = zoo.load(system)
        start = time.perf_counter()
        with _asked(looking.get("registry")) as known:
            find_key = _key_finder(store, known)
            verdict = model.verify(picture.image, secret=load_secret(secret), find_key=find_key)
            seconds = time.perf_counter() - start
            record = _record(known, verdict.identity)
        signer = _signer(verdict, store)
        verdict = _with_trust(verdict, signer)
        kept = manifest_repository(looking.get("manifests"), looking.get("registry"))
        report = VerifyReport(
            file=name_of(source),
            verdict=verdict,
            seconds=seconds,
            picture=picture,
            signer=signer,
            credentials=None if data is None else _credentials(data, verdict.identity, store, kept),
            sha256=None if data is None else file_hash(data),
            checked=now(),
            record=record,
        )
        if output is None:
            return report
        pdf = looking.get("pdf", False)
        return write_findings(report, Path(output), stem or _stem(source), overwrite=overwrite, pdf=pdf)


def retrieve(
    source: Source,
    registry: Registry | str | Path,
    output: str | Path | None = None,
    *,
    limit: int = 5,
    secret: str | Path | bytes | None = None,
    system: str = "photo",
    **giving: Unpack[Giving],
) -> list[Match]:
    """The registered photographs that a picture leads to, the best first, at most `limit`.

    By the identity that is read from it; where none is, or the registry does not know it, by what it shows:
    recovered, without what no evidence tells. Then `sure` says whether chance is ruled out; the others are
    merely the nearest. Each says what is kept of its record's Content Credentials, checked as in `verify`.

    source, secret, system: as in `verify`. registry: an open one, a path or a URL.
    output: a folder; what is kept for records that are sure is written there: STEM.c2pa, and of further
    identities STEM.IDENTITY.c2pa.
    giving: manifests, trust, overwrite, stem; see Giving.
    Errors: as in `protect`.
    """
    if unknown := giving.keys() - Giving.__annotations__.keys():
        raise TypeError(f"retrieve() takes no {', '.join(sorted(unknown))}")
    if limit < 1:
        raise RegistryError(f"expected a limit of at least 1, got {limit}")
    with named(source), _opened(registry, create=False) as store:
        picture, _ = read_source(source)
        verdict = zoo.load(system).verify(picture.image, secret=load_secret(secret), find_key=store.find_key)
        found = matches(store, picture.image, verdict, limit)
        kept = manifest_repository(giving.get("manifests"), registry)
        if kept is not None:
            found = _with_credentials(found, kept, giving.get("trust"))
        return found if output is None else _given_back(found, Path(output), source, giving)


def trust_store(folder: str | Path | None = None) -> TrustStore:
    """The store of known public keys in `folder`, or the user's own where None."""
    if folder is None:
        from platformdirs import user_config_path

        folder = user_config_path("underdrawing") / "trust"
    return TrustStore(Path(folder))


def add_trusted(public: PublicKey, name: str, folder: str | Path | None = None) -> Path:
    """Put a public key into a trust store; its file. KeyFileError where another key has that name."""
    store = trust_store(folder)
    for known, key in store:
        if known == name and key.raw != public.raw:
            raise KeyFileError(f"{store.folder}: {name!r} is another key already; give this one another name")
    return store.add(public, name)


def holds_certificates(path: str | Path) -> bool:
    """Whether a file looks like certificates in PEM form, and not like a key."""
    return anchors.is_certificate(Path(path))


def add_anchors(path: str | Path, name: str, folder: str | Path | None = None) -> Path:
    """Trust Content Credentials that are signed under the certificates of a file. KeyFileError where it holds
    none."""
    return anchors.add_anchor(trust_store(folder).folder, Path(path), name)


def trusted_anchors(folder: str | Path | None = None) -> dict[str, str]:
    """The certificates of a trust store in PEM form, by name."""
    return anchors.anchors(trust_store(folder).folder)


def load_credentials(chain: str | Path, key: str | Path, password: bytes | None = None) -> CredentialSigner:
    """Who signs Content Credentials: certificates, the signer's own first, and its private key, in PEM files.

    KeyFileError where they cannot be used; MissingExtraError without the extra "credentials".
    """
    return CredentialSigner.load(chain, key, password)


def manifest_repository(
    folder: str | Path | None, registry: Registry | str | Path | None
) -> ManifestRepository | None:
    """Where manifests are kept: the folder, or the one beside a registry in a file; None without both."""
    if folder is not None:
        return ManifestRepository(folder)
    place = registry if isinstance(registry, str | Path) else getattr(registry, "path", None)
    found = None if place is None else beside(place)
    return None if found is None else ManifestRepository(found)


def load_owner(path: str | Path, password: bytes | None = None) -> Owner:
    """The owner whose private key is in a PEM file. KeyFileError where it holds none."""
    return Owner.load(Path(path), password)


def load_secret(secret: str | Path | bytes | None) -> bytes | None:
    """The bytes of a secret; read from a file where a path is given, ending line breaks dropped.

    KeyFileError where it cannot be read or is shorter than 8 bytes.
    """
    if secret is None:
        return None
    where = "the secret"
    if not isinstance(secret, bytes):
        where = str(secret)
        try:
            secret = Path(secret).read_bytes().rstrip(b"\r\n")
        except OSError as error:
            raise KeyFileError(f"{where}: the secret cannot be read ({error.strerror})") from error
    if len(secret) < 8:
        raise KeyFileError(f"{where}: a secret needs at least 8 bytes, got {len(secret)}")
    return secret


def load_facts(path: str | Path) -> Facts:
    """The facts in a JSON file. RegistryError where they do not follow registry/facts.schema.json."""
    return Facts.load(path)


def parse_head(text: str) -> Head:
    """The end of a registry's chain, as `registry audit` printed it. RegistryError for anything else."""
    return Head.parse(text)


def _write(
    protected: Picture,
    output: Path,
    how: Embedding,
    about: tuple[str | None, Original],
    kept: ManifestRepository | None,
    overwrite: bool,
) -> None:
    """Write a protected picture, with Content Credentials where they are asked for. about: its identity and
    the original."""
    (identity, original), signer = about, how.get("credentials")
    if signer is None:
        save_picture(protected, output, overwrite=overwrite)
        return
    system = how.get("system", "photo")
    data, store = signer.sign_picture(protected, output, identity=identity, system=system, original=original)
    if kept is not None and identity is not None:
        kept.add(identity, store)  # before the file: what nobody kept cannot be recovered
    write_atomic(output, data, overwrite)


def _mark(system: str, protection: Any, owner: Owner | None) -> Mark:
    # Only some systems have a code of the content that can be told apart from the residual.
    code = getattr(protection, "code", None)
    return Mark(system, protection.identity, None if owner is None else owner.public, code)


def _original(source: Source, data: bytes | None, picture: Picture) -> Original:
    """The file that is protected, with whatever Content Credentials it has; an array has no file."""
    name = Path(source).name if isinstance(source, str | Path) else None
    return Original(name, data or b"", picture.format)


def _credentials(
    data: bytes, identity: str | None, trust: TrustStore, kept: ManifestRepository | None
) -> Credentials:
    """What a file says; where that does not hold, with what was kept for its identity."""
    trusted = "".join(anchors.anchors(trust.folder).values())
    found = reading.read(data, identity, trusted)
    if kept is None or identity is None or found.state in ("valid", "untrusted", "unread"):
        return found
    recovered = kept_for(kept, identity, trusted)
    if recovered.state in ("none", "invalid"):
        return found
    return replace(found, message=f"{found.message} {words.recovered(recovered)}", recovered=recovered)


def _with_credentials(
    found: list[Match], kept: ManifestRepository, trust: TrustStore | str | Path | None
) -> list[Match]:
    """Matches with what is kept for their records' identities."""
    store = trust if isinstance(trust, TrustStore) else trust_store(trust)
    trusted = "".join(anchors.anchors(store.folder).values())
    identities = dict.fromkeys(match.record.identity for match in found if match.record.identity)
    told = {identity: kept_for(kept, identity, trusted) for identity in identities}
    return [replace(match, credentials=told.get(match.record.identity or "")) for match in found]


def _given_back(found: list[Match], output: Path, source: Source, giving: Giving) -> list[Match]:
    """Write what is kept for the sure ones; the matches with the files' names."""
    stores = {
        match.record.identity: match.credentials.manifest
        for match in found
        if match.sure and match.record.identity and match.credentials and match.credentials.manifest
    }
    stem = giving.get("stem") or _stem(source)
    written = write_manifests(stores, output, stem, overwrite=giving.get("overwrite", False))
    return [
        replace(match, manifest=written.get(match.record.identity or "") if match.sure else None)
        for match in found
    ]


def _stem(source: Source) -> str:
    return Path(source).stem if isinstance(source, str | Path) else "picture"


def _key_finder(trust: TrustStore, registry: Registry | None) -> FindKey:
    """Where a signer's public key is looked for: in the trust store, then in the registry."""
    if registry is None:
        return trust.find
    return lambda short: trust.find(short) or registry.find_key(short)


def _record(registry: Registry | None, identity: str | None) -> dict[str, Any] | None:
    """What a report tells of the latest record of an identity."""
    found = registry.by_identity(identity) if registry is not None and identity is not None else []
    if not found:
        return None
    told = found[0].to_json()
    return {name: told[name] for name in ("identity", "registered", "size", "owner", "facts")}


def _asked(registry: Registry | str | Path | None) -> AbstractContextManager[Registry | None]:
    """A registry for one call, if there is one."""
    return nullcontext(None) if registry is None else _opened(registry, create=False)


def _embedding(how: Embedding) -> dict[str, Any]:
    """What a system is told of how to embed."""
    return {"identity": _identity_bytes(how.get("identity")), "strength": how.get("strength", 1.0)}


def _manifest_place(
    how: Embedding, output: str | Path | None, registry: Registry | str | Path | None
) -> ManifestRepository | None:
    """Where credentials are kept. UsageError where they have no file to be in, or no place of their own."""
    kept = manifest_repository(how.get("manifests"), registry)
    if how.get("credentials") is not None:
        if output is None:
            raise UsageError("Content Credentials are part of a file; give an output")
        if registry is not None and kept is None:
            raise UsageError("the registry is on a server; give `manifests`, where credentials are kept")
    return kept


def _facts(facts: Facts | Mapping[str, Any] | None, registry: Registry | str | Path | None) -> Facts:
    if facts is not None and registry is None:
        raise RegistryError("facts are kept in a registry; give one")
    return facts if isinstance(facts, Facts) else Facts.from_json(facts or {})


def _register(
    registry: Registry | str | Path, original: Version, protected: Version, mark: Mark, facts: Facts
) -> int:
    """The number of the new record. RegistryError, which tells that the protected file is there already."""
    try:
        with _opened(registry, create=True) as store:
            (number,) = store.add([record_of(original, protected, mark, facts)])
    except RegistryError as error:
        name = name_of(protected.file)
        if name is None:
            raise
        raise RegistryError(f"{error} ({name} is written, but not registered)") from error
    return number


def _opened(registry: Registry | str | Path, *, create: bool) -> AbstractContextManager[Registry]:
    """A registry for one call; one that was open stays open."""
    if isinstance(registry, str | Path):
        return open_registry(registry, create=create)
    return nullcontext(registry)


def _file(source: Source) -> str | Path | bytes | None:
    return source if isinstance(source, str | Path | bytes) else None


def _signer(verdict: Verdict, store: TrustStore) -> str | None:
    """What the reader's own store calls the key; a key inside the picture is vouched for by nobody."""
    key = verdict.signature.key
    return next((name for name, public in store if public.fingerprint == key), None)


def _with_trust(verdict: Verdict, signer: str | None) -> Verdict:
    """The verdict with what the reader's own store says of the key, wherever that was found."""
    signature = replace(verdict.signature, trusted=signer is not None)
    message = verdict.message
    if signature.state == "valid":
        known = f"trusted here as {signer}" if signer else "not among those trusted here"
        message = f"{message} The key is {known}."
    return replace(verdict, signature=signature, message=message)


def _identity_bytes(identity: str | bytes | None) -> bytes | None:
    if identity is None:
        return None
    try:
        raw = bytes.fromhex(identity) if isinstance(identity, str) else identity
    except ValueError:
        raw = b""
    if len(raw) != 8:
        raise KeyFileError(f"an identity is 16 hex digits (8 bytes), got {identity!r}")
    return raw
