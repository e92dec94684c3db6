"""Manifest definitions: actions opened and watermarked, and the identity as a soft binding.

C2PA Technical Specification 2.4: sec. 18.15 (actions), 18.10 (soft binding). A watermark that leads back to
its manifest is the action c2pa.watermarked.bound; plain c2pa.watermarked is deprecated since 2.2.
"""

from __future__ import annotations

from typing import Any

from underdrawing import __version__

PREFIX = "underdrawing."
MARK_VERSION = 1
"""Version of the mark in the algorithm's name."""
ORIGINAL = "original"  # label under which the action finds its ingredient; written into no file


def algorithm(system: str) -> str:
    """The `alg` of our soft bindings: "underdrawing.photo.1". Its value is the identity, 16 hex digits.

    It is not in C2PA's list of soft binding algorithms; other readers show it without resolving it.
    """
    return f"{PREFIX}{system}.{MARK_VERSION}"


def definition(title: str | None, mime: str, identity: str | None, system: str, when: str) -> dict[str, Any]:
    """The manifest to be signed, as the package c2pa takes it.

    identity: None where the system hides none; then nothing in the picture leads back to the manifest.
    when: the time of protecting, ISO 8601.
    """
    agent = {"name": "underdrawing", "version": __version__}
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [ORIGINAL]}}
    marked = {
        "action": "c2pa.watermarked.unbound" if identity is None else "c2pa.watermarked.bound",
        "description": "A code of the picture's own content and an identity were hidden in its pixels.",
        "softwareAgent": agent,
        "when": when,
    }
    assertions: list[dict[str, Any]] = [
        {"label": "c2pa.actions.v2", "data": {"actions": [opened, marked]}},
    ]
    if identity is not None:
        binding = {"alg": algorithm(system), "blocks": [{"scope": {}, "value": identity}]}
        assertions.append({"label": "c2pa.soft-binding", "data": binding})
    content: dict[str, Any] = {"claim_generator_info": [agent], "format": mime, "assertions": assertions}
    return content | ({"title": title} if title else {})


def ingredient(title: str | None, mime: str) -> dict[str, Any]:
    """The original, from which the protected picture was made."""
    content = {"format": mime, "relationship": "parentOf", "label": ORIGINAL}
    return content | ({"title": title} if title else {})
