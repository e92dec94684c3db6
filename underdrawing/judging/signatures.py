"""The owner's signature over a mark: where key and signature are found, and whether it holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from underdrawing.coding import payload
from underdrawing.coding.keys import PublicKey
from underdrawing.core.types import Signature

FindKey = Callable[[bytes], PublicKey | None]
"""The first four bytes of a fingerprint -> the public key."""
FindSignatures = Callable[[str], Sequence[bytes]]
"""An identity, 16 hex digits -> the signatures that a registry keeps for its marks."""


class Keys(NamedTuple):
    """Where keys and signatures that are not in the picture are found."""

    find: FindKey = lambda short: None
    signatures: FindSignatures = lambda identity: ()


def public_key(
    middle: payload.Middle | None, top: payload.Top | None, keys: Keys
) -> tuple[PublicKey | None, bool]:
    """The key of the signature, and whether it is from `keys`, not from the picture; None: not at hand."""
    short = None if middle is None else middle.fingerprint
    if short is None:
        return None, False
    known = keys.find(short)
    carried = None if top is None else top.public
    if known is None and carried is not None and carried.short == short:
        return carried, False
    return known, known is not None


def read_signature(
    base: payload.Base, middle: payload.Middle | None, top: payload.Top | None, keys: Keys
) -> Signature:
    """The state of the signature, with the key from `keys`, otherwise with the key in the picture."""
    if middle is None or middle.fingerprint is None:
        return Signature("absent")
    kept = keys.signatures(base.identity.hex()) if middle.registered else ()
    public, trusted = public_key(middle, top, keys)
    if public is None or (middle.registered and not kept):
        return Signature("unknown", middle.fingerprint.hex(), trusted, middle.registered)
    valid = payload.check_signature(base, middle, public, kept)
    return Signature("valid" if valid else "invalid", public.fingerprint, trusted, middle.registered)
