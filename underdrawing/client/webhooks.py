"""The signature of a webhook: who sends it, and when, for receivers that hold the same secret.

Underdrawing-Signature: t=1767323045,v1=HEX        HEX = HMAC-SHA256(secret, "1767323045." + body)
"""

from __future__ import annotations

import hashlib
import hmac
import time

HEADER = "Underdrawing-Signature"
_TOLERANCE_S = 300.0


def sign(secret: str, body: bytes, timestamp: int) -> str:
    """The value of the header for a body. timestamp: seconds since 1970."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def check_webhook(secret: str, body: bytes, header: str, *, tolerance_s: float = _TOLERANCE_S) -> bool:
    """Whether a webhook comes from a server with the same secret, and not from an earlier recording.

    body: as received, before it is parsed. header: value of Underdrawing-Signature. tolerance_s: largest
    difference of the two clocks; without it, whoever once recorded a webhook could send it again.
    """
    fields = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    stamp = fields.get("t", "")
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 16):
        return False
    fresh = abs(time.time() - int(stamp)) <= tolerance_s
    expected = sign(secret, body, int(stamp)).encode()
    return hmac.compare_digest(expected, header.encode("utf-8", "replace")) and fresh
