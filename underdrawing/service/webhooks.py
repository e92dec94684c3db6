"""Webhooks: a signed message to a listed receiver when a job is finished, repeated with growing pauses."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from underdrawing.client.webhooks import HEADER, sign
from underdrawing.service.origins import OriginList
from underdrawing.service.outgoing import Outgoing, OutgoingError, send

_LOG = logging.getLogger("underdrawing.service")
PAUSES_S = (1.0, 5.0, 30.0, 180.0, 900.0)
"""Before each repetition; then it is given up."""
_ATTEMPT_S = 10.0
_MAX_ANSWER_BYTES = 64 << 10


@dataclass
class Webhook:
    """A receiver and what became of the message to it."""

    url: str
    secret: str
    state: Literal["waiting", "delivered", "failed"] = "waiting"
    attempts: int = 0


async def deliver(
    hook: Webhook, message: Mapping[str, Any], allowed: OriginList, turn: asyncio.Semaphore
) -> None:
    """Send a message until the receiver answers with 2xx; redirects are failures, as any other status.

    turn: limits how many are sent at once, as each takes a thread that requests need as well.
    """
    body = json.dumps(message).encode()
    for pause in (*PAUSES_S, None):
        hook.attempts += 1
        try:
            async with turn:
                status = (await asyncio.to_thread(send, _request(hook, body, allowed))).status
            reason = f"HTTP {status}"
        except OutgoingError as error:
            status, reason = 0, str(error)
        if 200 <= status < 300:
            hook.state = "delivered"
            return
        _LOG.warning("webhook", extra={"fields": {"reason": reason, "attempt": hook.attempts}})
        if pause is not None:
            await asyncio.sleep(pause)
    hook.state = "failed"


def _request(hook: Webhook, body: bytes, allowed: OriginList) -> Outgoing:
    # Signed anew at each attempt: receivers refuse old time stamps.
    headers = {"Content-Type": "application/json", HEADER: sign(hook.secret, body, int(time.time()))}
    return Outgoing(
        hook.url, allowed, _ATTEMPT_S, _MAX_ANSWER_BYTES, private_names=True, method="POST", body=body,
        headers=headers,
    )  # fmt: skip
