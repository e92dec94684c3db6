"""Verifying without effects: a received picture to a VerifyReport."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from underdrawing import zoo
from underdrawing.api.registered import MOST_RECORDS, Consulted, Desk
from underdrawing.coding.keys import PublicKey, TrustStore
from underdrawing.core.errors import UsageError
from underdrawing.core.types import Credentials, Signature, Verdict
from underdrawing.credentials import anchors, messages, reading
from underdrawing.credentials.repository import ManifestRepository
from underdrawing.data.sources import SourcePicture
from underdrawing.registry.hashes import file_hash
from underdrawing.registry.record import Entry, now
from underdrawing.registry.store import Registry
from underdrawing.report.reports import VerifyReport

Recover = Literal["faithful", "natural"]
_RECORD_FIELDS = ("identity", "registered", "size", "owner", "facts")


def check_options(recover: str, system: str, *, thorough: bool) -> None:
    """UsageError for an unknown recovery, and for what the system does not have."""
    if thorough and system != "photo":
        raise UsageError(f"{system} has no thorough search; leave it out")
    if recover not in get_args(Recover):
        raise UsageError(f"expected recover {' or '.join(get_args(Recover))}, got {recover!r}")
    if recover == "natural" and system != "photo":
        raise UsageError(f"{system} has no natural recovery; leave it out")


def load_natural(recover: Recover) -> Any:
    """The block that draws altered areas with invented detail; None for a faithful recovery."""
    return zoo.load("natural") if recover == "natural" else None


@dataclass(frozen=True)
class Judge:
    """A system and what it may consult, the same for many pictures."""

    model: Any
    """Of the zoo."""
    secret: bytes | None
    trust: TrustStore
    """Read again for each picture: a key counts as soon as it is added."""
    registry: Registry | None
    manifests: ManifestRepository | None
    thorough: bool = False
    natural: Any = None
    """Block that draws what was altered with invented detail; None: as the code has it."""

    def judge(self, source: SourcePicture) -> VerifyReport:
        """Verify a picture. Errors: those of the registry and of the manifest repository."""
        options = {"thorough": True} if self.thorough else {}
        options |= {} if self.natural is None else {"natural": self.natural}
        options |= kept_signatures(self.model, self.registry)
        start = time.perf_counter()
        verdict = self.model.verify(
            source.picture.shown, secret=self.secret, find_key=self._key_finder(), **options
        )
        consulted = self._consult(source, verdict)
        verdict, seconds = consulted.verdict, time.perf_counter() - start
        signer = self._signer(verdict.signature)
        data = source.data
        return VerifyReport(
            file=source.name,
            verdict=_with_trust(verdict, signer),
            seconds=seconds,
            picture=source.picture,
            signer=signer,
            credentials=None if data is None else self._credentials(data, verdict.identity),
            sha256=None if data is None else file_hash(data),
            checked=now(),
            record=None if consulted.entry is None else published(consulted.entry, consulted.proven),
            notes=source.picture.notes,
        )

    def _key_finder(self) -> Callable[[bytes], PublicKey | None]:
        registry = self.registry
        if registry is None:
            return self.trust.find
        return lambda short: self.trust.find(short) or registry.find_key(short)

    def _consult(self, source: SourcePicture, verdict: Verdict) -> Consulted:
        if self.registry is None:
            return Consulted(verdict)
        desk = Desk(self.registry, self._trusts, self.secret is not None)
        return desk.consult(source.picture.shown, verdict)

    def _trusts(self, key: PublicKey) -> bool:
        return any(public.raw == key.raw for _, public in self.trust)

    def _signer(self, signature: Signature) -> str | None:
        """The name of the key in the trust store: the picture or a registry alone makes no key trusted."""
        return next((name for name, public in self.trust if public.fingerprint == signature.key), None)

    def signer_name(self, key: PublicKey | None) -> str | None:
        """The name of a key in the trust store; None where it is not there."""
        return next((name for name, public in self.trust if key is not None and public.raw == key.raw), None)

    def _credentials(self, data: bytes, identity: str | None) -> Credentials:
        """Of the file; where they do not hold, with those that are stored for its identity."""
        trusted = pem(self.trust)
        found = reading.read(data, identity, trusted)
        if self.manifests is None or identity is None or found.state in ("valid", "untrusted", "unread"):
            return found
        recovered = reading.kept_for(self.manifests, identity, trusted)
        if recovered.state in ("none", "invalid"):
            return found
        return replace(found, message=f"{found.message} {messages.recovered(recovered)}", recovered=recovered)


def kept_signatures(model: Any, registry: Registry | None) -> dict[str, Any]:
    """The option of `model.verify` that finds signatures in the registry, where both can have them."""
    if registry is None or not hasattr(model, "registered_signatures"):
        return {}

    def find(identity: str) -> list[bytes]:
        records = [entry.record for entry in registry.by_identity(identity)[:MOST_RECORDS]]
        return [record.mark_signature for record in records if record.mark_signature is not None]

    return {"find_signatures": find}


def published(entry: Entry, proven: bool) -> dict[str, Any]:
    """The public part of a record; without owner, size and facts where it is not proven for the picture."""
    record = entry.to_json()
    shown = {name: record[name] for name in _RECORD_FIELDS}
    return shown | ({} if proven else {"size": None, "owner": None, "facts": {}}) | {"proven": proven}


def pem(trust: TrustStore) -> str:
    """All trust anchors of a trust store, PEM."""
    return "".join(anchors.anchors(trust.folder).values())


def _with_trust(verdict: Verdict, signer: str | None) -> Verdict:
    """The verdict with the trust store's answer in its signature and message."""
    signature = replace(verdict.signature, trusted=signer is not None)
    message = verdict.message
    if signature.state == "valid":
        known = f"trusted here as {signer}" if signer else "not among those trusted here"
        message = f"{message} The key is {known}."
    return replace(verdict, signature=signature, message=message)
