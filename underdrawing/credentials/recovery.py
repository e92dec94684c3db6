"""Manifests that were kept, found by identity and checked before they are given back."""

from __future__ import annotations

from underdrawing.core.types import Credentials
from underdrawing.credentials import reading, words
from underdrawing.credentials.repository import ManifestRepository


def kept_for(kept: ManifestRepository, identity: str, anchors: str = "") -> Credentials:
    """What is kept for an identity (16 hex digits): the latest manifest that holds and names this identity.

    anchors: certificates that the reader trusts, PEM. state: "none" where nothing is kept; "invalid" where
    nothing of it holds; "unread" where nothing can be checked; `manifest` is None in all three.
    CredentialsError where the folder cannot be read.
    """
    refused = Credentials("none", words.NOT_KEPT)
    for store in kept.by_identity(identity):
        found = reading.recover(store, identity, anchors)
        if found.state != "invalid":
            return found
        if refused.state == "none":
            refused = words.refused(found)
    return refused
