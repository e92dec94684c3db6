"""Connection to a PostgreSQL server: reconnects after a restart, converts errors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from underdrawing.core.errors import MissingExtraError, RegistryError
from underdrawing.registry.addresses import without_password

if TYPE_CHECKING:
    import psycopg

LOCK_S = 30
"""How long a writer waits for the lock."""
_DEFAULTS: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "application_name": "underdrawing",
    "client_encoding": "UTF8",
}
_REASONS = {
    "53100": "the server's disk is full; nothing of this batch was kept",
    "55P03": f"another process has held it for {LOCK_S} s; try again",
    "42501": "the server does not allow it to this user",
    "25006": "the server only allows reading, as a standby does",
    "22P05": "a text holds a NUL character, which PostgreSQL does not keep",
    "XX001": "the server's files are damaged; go back to a copy",
    "XX002": "an index of the server is damaged; REINDEX it",
}
"""By SQLSTATE."""


class Link:
    """One connection for all threads; the caller serializes them."""

    def __init__(self, url: str) -> None:
        """MissingExtraError without psycopg; RegistryError where no server answers."""
        try:
            import psycopg
        except ImportError as error:
            raise MissingExtraError(
                "PostgreSQL needs psycopg: pip install 'underdrawing[postgres]'"
            ) from error
        self._psycopg, self._url, self.shown = psycopg, url, without_password(url)
        self.lost: type[Exception] = psycopg.OperationalError
        """Raised, among others, where the server is gone; the connection is closed then."""
        self._connection: psycopg.Connection | None = None
        self._closed = False
        with self.converted_errors():
            self.connection()

    def connection(self, timeout_s: float = 0) -> psycopg.Connection:
        """The connection, reopened where it was lost; retried for `timeout_s`."""
        if self._closed:
            raise RegistryError("it is closed")
        end = time.monotonic() + timeout_s
        while self._connection is None or self._connection.closed:
            try:
                self._connection = self.new_connection()
            except self.lost:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
        return self._connection

    def new_connection(self) -> psycopg.Connection:
        """A further connection, with synchronous commits."""
        conninfo = self._psycopg.conninfo
        given = conninfo.conninfo_to_dict(self._url)
        defaults = {name: value for name, value in _DEFAULTS.items() if name not in given}
        url = conninfo.make_conninfo(self._url, **defaults)
        connection = self._psycopg.connect(url, autocommit=True)
        connection.execute("SET synchronous_commit = on")
        connection.execute(f"SET lock_timeout = '{LOCK_S}s'")
        return connection

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple]:
        """Rows of a query; retried once after a restart of the server."""
        with self.converted_errors():
            try:
                return self._rows(query, values)
            except self.lost:
                if self._connection is None or not self._connection.closed:
                    raise
                return self._rows(query, values)

    @contextmanager
    def converted_errors(self) -> Iterator[None]:
        """Convert server errors to RegistryError with the URL, without its password."""
        try:
            yield
        except RegistryError as error:
            if self.shown in str(error):
                raise
            raise RegistryError(f"{self.shown}: {error}") from error
        except (self._psycopg.Error, UnicodeDecodeError) as error:
            raise RegistryError(f"{self.shown}: {self._reason(error)}") from error

    def close(self) -> None:
        """Close the connection; later calls raise RegistryError."""
        self._closed = True
        if self._connection is not None:
            self._connection.close()

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[tuple]:
        with self.connection().cursor(binary=True) as cursor:
            return cursor.execute(query, values).fetchall()

    def _reason(self, error: Exception) -> str:
        state = getattr(error, "sqlstate", None)
        if state in _REASONS:
            return _REASONS[state]
        text = " ".join(str(error).split())
        if isinstance(error, self.lost) and (state is None or state[:2] in ("08", "57")):
            return f"the server cannot be reached, or went away ({text})"
        return text
