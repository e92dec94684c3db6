"""Access tokens and what their owners may. A file holds names, roles and hashes of tokens, never a token.

A token is 32 random bytes. Nobody can guess these, so one round of a fast hash is enough at rest.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from underdrawing.core.errors import KeyFileError
from underdrawing.data.files import write_atomic

ROLES = ("none", "public", "reader", "protector", "admin")
"""Each may what those before it may. public: hard verdicts; reader: maps, numbers and records; protector:
protect with the server's key; admin: metrics."""
GIVEN = ROLES[1:]
"""Roles that a token can have."""
_START = "ud_"
_MOST_DAYS = 36_500


@dataclass(frozen=True)
class Token:
    """An entry of the file."""

    name: str
    role: str
    sha256: str
    created: str
    """UTC, ISO 8601."""
    expires: str | None = None
    """UTC, ISO 8601; None: never."""

    def __post_init__(self) -> None:
        if self.role not in GIVEN:
            raise KeyFileError(f"expected a role of {', '.join(GIVEN)}, got {self.role!r}")
        if len(self.sha256) != 64:
            raise KeyFileError(f"token {self.name!r}: expected a hash of 64 hex digits")
        if self.expires is not None and datetime.fromisoformat(self.expires).tzinfo is None:
            raise KeyFileError(f"token {self.name!r}: its end has no time zone")

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.expires is not None and datetime.fromisoformat(self.expires) <= datetime.now(UTC)


def may(role: str, needed: str) -> bool:
    """Whether a role includes another."""
    return ROLES.index(role) >= ROLES.index(needed)


class TokenFile:
    """The tokens in a file, read again when it changes, so that a revoked one is out at once."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._tokens: tuple[Token, ...] = ()

    def tokens(self) -> tuple[Token, ...]:
        """All entries. KeyFileError where the file is no token file."""
        with self._lock:
            try:
                state = self.path.stat()
                stamp = state.st_mtime_ns, state.st_size, state.st_ino
                if stamp != self._stamp:
                    self._tokens, self._stamp = _read(self.path), stamp
            except OSError as error:
                raise KeyFileError(f"{self.path}: the tokens cannot be read ({error.strerror})") from error
            return self._tokens

    def find(self, token: str) -> Token | None:
        """The entry of a token, expired or not. Takes as long for a wrong one as for a right one."""
        digest, found = _digest(token), None
        for known in self.tokens():
            if hmac.compare_digest(known.sha256, digest):
                found = known
        return found

    def add(self, name: str, role: str, days: float | None = None) -> str:
        """A new token, told only here; the file, made if there is none, gets its hash. KeyFileError where the
        name is taken or empty, the role or the days cannot be."""
        known = self.tokens() if self.path.exists() else ()
        if not name or len(name) > 100 or not name.isprintable():
            raise KeyFileError(f"{name!r} is no usable name for a token")
        if any(token.name == name for token in known):
            raise KeyFileError(f"{self.path}: there is a token {name!r} already; revoke it first")
        if days is not None and not 0 < days <= _MOST_DAYS:
            raise KeyFileError(f"expected a life of up to {_MOST_DAYS} days, got {days}")
        token, now = _START + secrets.token_urlsafe(32), datetime.now(UTC).replace(microsecond=0)
        ends = None if days is None else (now + timedelta(days=days)).isoformat()
        self._write([*known, Token(name, role, _digest(token), now.isoformat(), ends)])
        return token

    def revoke(self, name: str) -> None:
        """Take a token out of the file. KeyFileError where there is none of that name."""
        kept = [token for token in self.tokens() if token.name != name]
        if len(kept) == len(self.tokens()):
            raise KeyFileError(f"{self.path}: there is no token {name!r}")
        self._write(kept)

    def _write(self, tokens: Sequence[Token]) -> None:
        text = json.dumps({"tokens": [asdict(token) for token in tokens]}, indent=2) + "\n"
        write_atomic(self.path, text.encode("utf-8"), overwrite=True)
        os.chmod(self.path, 0o600)  # noqa: PTH101 - follows a link, as the write did


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path) -> tuple[Token, ...]:
    try:
        return tuple(Token(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))["tokens"])
    except (ValueError, TypeError, KeyError) as error:  # KeyFileError is a ValueError
        raise KeyFileError(f"{path}: not a file of tokens ({error})") from error
