"""Tasks for workers from the fields of a request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from underdrawing.content.importance.request import read_request
from underdrawing.core.errors import RegistryError, UsageError
from underdrawing.service.problems import Problem
from underdrawing.service.state import ServerState
from underdrawing.service.systems import MAIN, checked_system
from underdrawing.service.tokens import may

Task = dict[str, Any]


@dataclass(frozen=True)
class ProtectOptions:
    """Fields of a request to protect; docs/SERVICE.md."""

    strength: float
    identity: str | None
    facts: str | None
    """JSON."""
    credentials: bool | None
    quality: int | None = None
    system: str = MAIN
    focus: str = "auto"


def protect_task(server: ServerState, options: ProtectOptions) -> Task:
    """Problem 422 where this server cannot do what the options want."""
    if options.credentials and not server.settings.credentials:
        raise Problem(422, "no-credentials", "this server signs no Content Credentials")
    if options.system != MAIN and options.focus not in ("auto", "none"):
        raise Problem(422, "bad-focus", f"focus: {options.system} has no content code with a focus")
    try:
        read_request(options.focus)
    except UsageError as error:
        raise Problem(422, "bad-focus", f"focus: {error}") from error
    return {
        "do": "protect",
        "system": checked_system(options.system),
        "strength": options.strength,
        "quality": options.quality,
        "focus": options.focus,
        "identity": options.identity,
        "facts": _facts(server, options.facts),
        "credentials": options.credentials,
    }


def verify_task(role: str, system: str = MAIN, recover: str = "faithful") -> Task:
    """Callers below the role reader get a hard verdict. Problem 422 for a system that this server lacks, and
    for one without natural recovery where that is wanted."""
    if recover == "natural" and system != MAIN:
        raise Problem(422, "bad-recover", f"recover: {system} has no natural recovery")
    hard = not may(role, "reader")
    return {"do": "verify", "system": checked_system(system), "recover": recover, "hard": hard}


def retrieve_task(server: ServerState, limit: int) -> Task:
    """Problem 404 without a registry."""
    server.require_registry()
    return {"do": "retrieve", "limit": limit}


def examine_task(text: str | None, describe: bool = False) -> Task:
    """text: about the picture; spaces alone are none. describe: findings in words, without a text."""
    return {"do": "examine", "text": (text or "").strip() or None, "describe": describe}


def _facts(server: ServerState, text: str | None) -> dict[str, Any] | None:
    """Facts of a form field, as JSON; Problem 422 where they do not follow the schema."""
    if not text:
        return None
    from underdrawing.registry.facts import Facts

    server.require_registry()
    try:
        return Facts.from_json(json.loads(text)).to_json()
    except (RegistryError, ValueError, RecursionError) as error:
        raise Problem(422, "bad-facts", f"facts: {error}") from error
