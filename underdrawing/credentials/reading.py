"""Content Credentials of a received file: content and validation.

file --> manifest store --> c2pa.Reader: signature, hashes, trust --> Credentials
identity --> repository --> manifest store --> the same; a mismatch of the file hash is expected
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

from underdrawing.core.errors import MissingExtraError
from underdrawing.core.types import Credentials, CredentialsState, SoftBinding
from underdrawing.credentials import messages
from underdrawing.credentials.manifest import PREFIX
from underdrawing.credentials.package import c2pa, context
from underdrawing.credentials.repository import ManifestRepository

_MOST = 20  # actions, problems and soft bindings per file
_LONGEST = 200  # characters of a name
_UNTRUSTED = "signingCredential.untrusted"
_HARD_BINDINGS = frozenset(
    f"assertion.{kind}.{fault}"
    for kind in ("dataHash", "bmffHash", "boxesHash")
    for fault in ("mismatch", "unknownBox", "malformed")
)
_MARKER = b"c2pa"  # label of every manifest store, in all formats


def read(data: bytes, identity: str | None, anchors: str = "") -> Credentials:
    """Read and validate the Content Credentials inside a file.

    data: of the file. identity: as read from the picture. anchors: trusted certificates, PEM.
    A damaged or false manifest has the state "invalid"; nothing is fetched from the network.
    """
    if _MARKER not in data:
        return Credentials("none", messages.NONE)
    try:
        package = c2pa()
    except MissingExtraError as error:
        return Credentials("unread", str(error))
    try:
        with package.Reader(io.BytesIO(data), context=context(anchors)) as reader:
            report = json.loads(reader.json())
    except package.C2paError.ManifestNotFound:
        return Credentials("none", messages.NONE)
    except (package.C2paError, ValueError) as error:
        return _broken(error)
    return _credentials(_judge(_failures(report)), report, _codes(report), identity)


def recover(store: bytes, identity: str, anchors: str = "") -> Credentials:
    """Read and validate a manifest store that was stored for an identity, without the file it was signed for.

    The hash of that file is not checked. A store that names another identity is invalid.
    """
    try:
        package = c2pa()
    except MissingExtraError as error:
        return Credentials("unread", str(error))  # without the store: it is unchecked
    try:
        with package.Reader("application/c2pa", io.BytesIO(store), context=context(anchors)) as reader:
            report = json.loads(reader.json())
    except (package.C2paError, ValueError) as error:
        return _broken(error)
    codes = [code for code in _codes(report) if code not in _HARD_BINDINGS]
    failures = _failures(report)
    left = None if failures is None else [code for code in failures if code not in _HARD_BINDINGS]
    found = _credentials(_judge(left), report, codes, identity, store)
    if found.soft_binding is None or not found.soft_binding.agrees:
        return _credentials("invalid", report, [*codes, messages.OF_ANOTHER], identity, store)
    return found


def kept_for(kept: ManifestRepository, identity: str, anchors: str = "") -> Credentials:
    """The latest valid manifest that is stored for an identity (16 hex digits) and names it.

    anchors: trusted certificates, PEM. state: "none" where nothing is stored; "invalid" where none is valid;
    "unread" where none can be validated; `manifest` is None in all three.
    CredentialsError where the folder cannot be read.
    """
    refused = Credentials("none", messages.NOT_KEPT)
    for store in kept.by_identity(identity):
        found = recover(store, identity, anchors)
        if found.state != "invalid":
            return found
        if refused.state == "none":
            refused = messages.refused(found)
    return refused


def _judge(failures: list[str] | None) -> CredentialsState:
    if failures is None:
        return "invalid"
    if not failures:
        return "valid"
    return "untrusted" if failures == [_UNTRUSTED] else "invalid"


def _failures(report: dict) -> list[str] | None:
    """Failure codes of the active manifest; None where it was not validated. Failures of earlier versions are
    listed as problems, but do not make this version invalid."""
    active = _dict(report.get("validation_results")).get("activeManifest")
    return _unique(_list(active.get("failure"))) if isinstance(active, dict) else None


def _credentials(
    state: CredentialsState, report: dict, codes: list[str], identity: str | None, store: bytes | None = None
) -> Credentials:
    manifests = _dict(report.get("manifests"))
    label = report.get("active_manifest")
    active = _dict(manifests.get(label)) if isinstance(label, str) else {}
    signature = _dict(active.get("signature_info"))
    binding = _binding([active, *manifests.values()], identity)
    generators = _list(active.get("claim_generator_info"))
    generator = _dict(generators[0]) if generators else {}
    program = " ".join(filter(None, (_text(generator.get("name")), _text(generator.get("version")))))
    found = Credentials(
        state=state,
        message="",
        issuer=_text(signature.get("issuer")),
        signer=_text(signature.get("common_name")),
        title=_text(active.get("title")),
        generator=program or _text(active.get("claim_generator")),
        signed=_text(signature.get("time")),
        actions=tuple(_actions(active))[:_MOST],
        soft_binding=binding,
        problems=tuple(codes[:_MOST]),
        manifest=store,
    )
    return messages.with_message(found)


def _broken(error: Exception) -> Credentials:
    """For a manifest that cannot be parsed."""
    reason = _text(str(error)) or type(error).__name__
    return Credentials("invalid", f"{messages.DAMAGED} ({reason}).", problems=("general.error",))


def _codes(report: dict) -> list[str]:
    """Failure codes of all versions, each once, in the order of the validator."""
    return _unique(_list(report.get("validation_status")))


def _unique(statuses: list) -> list[str]:
    return list(dict.fromkeys(_text(_dict(status).get("code")) or "general.error" for status in statuses))


def _actions(active: dict) -> Iterator[str]:
    for assertion in _assertions(active, "c2pa.actions"):
        for action in _list(assertion.get("actions")):
            if name := _text(_dict(action).get("action")):
                yield name


def _binding(manifests: list[Any], identity: str | None) -> SoftBinding | None:
    """The first soft binding of this package, in the active manifest or in earlier ones (other programs may
    have opened the picture since); else the first of any algorithm."""
    found = [
        SoftBinding(name, value)
        for report in manifests
        for assertion in _assertions(_dict(report), "c2pa.soft-binding")
        for block in _list(assertion.get("blocks"))[:_MOST]
        if (name := _text(assertion.get("alg"))) and (value := _text(_dict(block).get("value")))
    ]
    ours = next((binding for binding in found if binding.algorithm.startswith(PREFIX)), None)
    if ours is None:
        return found[0] if found else None
    agrees = None if identity is None else ours.value == identity
    return SoftBinding(ours.algorithm, ours.value, agrees)


def _assertions(manifest: dict, label: str) -> Iterator[dict]:
    for assertion in _list(manifest.get("assertions")):
        if str(_dict(assertion).get("label")).startswith(label):
            yield _dict(_dict(assertion).get("data"))


def _dict(value: Any) -> dict:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    """Text of unknown origin, safe to print: no control characters, of bounded length."""
    if not isinstance(value, str):
        return None
    plain = "".join(letter if letter.isprintable() else "?" for letter in value[: _LONGEST + 1])
    return plain if len(plain) <= _LONGEST else plain[:_LONGEST] + "..."
