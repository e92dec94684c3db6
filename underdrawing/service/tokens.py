"""Access tokens and roles. The token file holds names, roles and hashes, never a token.

A token is 32 random bytes, which cannot be guessed: one round of a fast hash suffices.
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
"""Each includes those before it. public: hard verdicts; reader: maps, numbers and records; protector: protect
with the key of the server; admin: metrics."""
TOKEN_ROLES = ROLES[1:]
_PREFIX = "ud_"
_MAX_DAYS = 36_500


@dataclass(frozen=True)
class Token:
    """An entry of the token file."""

    name: str
    role: str
    sha256: str
    created: str
    """UTC, ISO 8601."""
    expires: str | None = None
    """UTC, ISO 8601; None: never."""

    def __post_init__(self) -> None:
        if self.role not in TOKEN_ROLES:
            raise KeyFileError(f"expected a role of {', '.join(TOKEN_ROLES)}, got {self.role!r}")
        if len(self.sha256) != 64:
            raise KeyFileError(f"token {self.name!r}: expected a hash of 64 hex digits")
        if self.expires is not None and datetime.fromisoformat(self.expires).tzinfo is None:
            raise KeyFileError(f"token {self.name!r}: its end has no time zone")

    @property
    def expired(self) -> bool:
        """Whether it is no longer valid."""
        return self.expires is not None and datetime.fromisoformat(self.expires) <= datetime.now(UTC)


def may(role: str, needed: str) -> bool:
    """Whether a role includes the needed one."""
    return ROLES.index(role) >= ROLES.index(needed)


class TokenFile:
    """The tokens in a file, read again when it changes: a revoked token is refused at once."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._tokens: tuple[Token, ...] = ()

    def tokens(self) -> tuple[Token, ...]:
        """All entries. KeyFileError where the file is not a token file."""
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
        """The entry of a token, even if it has expired. The time does not depend on the token."""
        digest, found = _digest(token), None
        for entry in self.tokens():
            if hmac.compare_digest(entry.sha256, digest):
                found = entry
        return found

    def add(self, name: str, role: str, days: float | None = None) -> str:
        """Create a token and write its hash to the file, which is created if missing.

        KeyFileError for a name that is empty or exists already, for unknown roles and for days out of range.
        """
        known = self.tokens() if self.path.exists() else ()
        if not name or len(name) > 100 or not name.isprintable():
            raise KeyFileError(f"{name!r} is no usable name for a token")
        if any(token.name == name for token in known):
            raise KeyFileError(f"{self.path}: there is a token {name!r} already; revoke it first")
        if days is not None and not 0 < days <= _MAX_DAYS:
            raise KeyFileError(f"expected a life of up to {_MAX_DAYS} days, got {days}")
        token, now = _PREFIX + secrets.token_urlsafe(32), datetime.now(UTC).replace(microsecond=0)
        ends = None if days is None else (now + timedelta(days=days)).isoformat()
        self._write([*known, Token(name, role, _digest(token), now.isoformat(), ends)])
        return token

    def revoke(self, name: str) -> None:
        """Remove a token from the file. KeyFileError where there is none of that name."""
        remaining = [token for token in self.tokens() if token.name != name]
        if len(remaining) == len(self.tokens()):
            raise KeyFileError(f"{self.path}: there is no token {name!r}")
        self._write(remaining)

    def _write(self, tokens: Sequence[Token]) -> None:
        text = json.dumps({"tokens": [asdict(token) for token in tokens]}, indent=2) + "\n"
        write_atomic(self.path, text.encode("utf-8"), overwrite=True)
        os.chmod(self.path, 0o600)  # noqa: PTH101 - follows a link, as the write did


class StartToken:
    """The one token of a run without a token file, for those who started the server."""

    role = "protector"

    def __init__(self) -> None:
        self.text = _PREFIX + secrets.token_urlsafe(32)
        now = datetime.now(UTC).replace(microsecond=0)
        self._entry = Token("start", self.role, _digest(self.text), now.isoformat())

    def find(self, token: str) -> Token | None:
        """The entry of a token. The time does not depend on it."""
        return self._entry if hmac.compare_digest(self._entry.sha256, _digest(token)) else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path) -> tuple[Token, ...]:
    try:
        return tuple(Token(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))["tokens"])
    except (ValueError, TypeError, KeyError) as error:  # KeyFileError is a ValueError
        raise KeyFileError(f"{path}: not a file of tokens ({error})") from error
