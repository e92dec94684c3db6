"""Messages about Content Credentials for users."""

from __future__ import annotations

from dataclasses import replace

from underdrawing.core.types import Credentials
from underdrawing.credentials.manifest import PREFIX

NONE = "This file carries no Content Credentials."
NOT_KEPT = "No Content Credentials are kept for it."
DAMAGED = "Content Credentials are there, but damaged beyond reading"
OF_ANOTHER = "underdrawing.softBinding.mismatch"
"""Failure code of this package: the manifest names another identity than the one it is stored under."""
_REASONS = (
    (OF_ANOTHER, "they name another identity than the one that led to them"),
    ("assertion.dataHash", "the file is not the one that was signed: changed since, or theirs is another's"),
    ("assertion.bmffHash", "the file is not the one that was signed: changed since, or theirs is another's"),
    ("assertion.boxesHash", "the file is not the one that was signed: changed since, or theirs is another's"),
    ("claimSignature", "their signature does not hold"),
    ("signingCredential.expired", "the signer's certificate had expired"),
    ("signingCredential.revoked", "the signer's certificate was revoked"),
    ("signingCredential.invalid", "the signer's certificate is not one for Content Credentials"),
    ("assertion", "their statements were changed after they were signed"),
    ("ingredient", "what they say of an earlier version does not hold"),
)
_ACTIONS = {
    "c2pa.created": "created",
    "c2pa.opened": "opened",
    "c2pa.edited": "edited",
    "c2pa.placed": "put together",
    "c2pa.watermarked": "watermarked",
    "c2pa.watermarked.bound": "watermarked",
    "c2pa.watermarked.unbound": "watermarked",
}


def with_message(found: Credentials) -> Credentials:
    """The credentials with their message."""
    return replace(found, message=" ".join(filter(None, (_state(found), _actions(found), _binding(found)))))


def recovered(stored: Credentials) -> str:
    """Message about a manifest that was recovered by identity."""
    return f"By its identity, the registry gives back those of the protected picture. {stored.message}"


def refused(stored: Credentials) -> Credentials:
    """The result for an invalid stored manifest: its reason, without the manifest."""
    return replace(stored, message=f"What is kept for it is not given back. {stored.message}", manifest=None)


def _state(found: Credentials) -> str:
    if found.state == "invalid":
        reasons = [text for code, text in _REASONS if any(p.startswith(code) for p in found.problems)]
        return f"Content Credentials do NOT hold: {reasons[0] if reasons else 'they are damaged'}."
    who = found.issuer or found.signer or "somebody without a name"
    if found.signer and found.signer != who:
        who += f" ({found.signer})"
    if found.state == "valid":
        return f"Content Credentials hold, signed by {who}; a certificate trusted here vouches for it."
    return f"Content Credentials hold, signed as {who}; no certificate trusted here vouches for that name."


def _actions(found: Credentials) -> str:
    if not found.actions or found.state == "invalid":
        return ""
    names = [_ACTIONS.get(action, action.removeprefix("c2pa.")) for action in found.actions]
    return f"They tell: {', '.join(dict.fromkeys(names))}."


def _binding(found: Credentials) -> str:
    binding = found.soft_binding
    if binding is None:
        return ""
    if not binding.algorithm.startswith(PREFIX):
        return f"They name a mark of {binding.algorithm}, which cannot be read here."
    if binding.agrees is None:
        return "They name an identity; none was read from the picture."
    if binding.agrees:
        return "They name the identity that was read from the picture."
    return (
        "They name ANOTHER identity than the one read from the picture: theirs or the mark is from elsewhere."
    )
