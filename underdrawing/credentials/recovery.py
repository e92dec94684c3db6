"""Recovery of stored manifests by identity, each validated before it is returned."""

from __future__ import annotations

from underdrawing.core.types import Credentials
from underdrawing.credentials import messages, reading
from underdrawing.credentials.repository import ManifestRepository


def kept_for(kept: ManifestRepository, identity: str, anchors: str = "") -> Credentials:
    """The latest valid manifest that is stored for an identity (16 hex digits) and names it.

    anchors: trusted certificates, PEM. state: "none" where nothing is stored; "invalid" where none is valid;
    "unread" where none can be validated; `manifest` is None in all three.
    CredentialsError where the folder cannot be read.
    """
    refused = Credentials("none", messages.NOT_KEPT)
    for store in kept.by_identity(identity):
        found = reading.recover(store, identity, anchors)
        if found.state != "invalid":
            return found
        if refused.state == "none":
            refused = messages.refused(found)
    return refused
