"""A registry in one SQLite file: write-ahead log, numbered migrations, columns computed from the text.

records   number, text (canonical JSON), hash (of the chain); indexed columns are computed from the text, so
          that they cannot differ from the hashed text
vectors   number, embedding, vector; the text holds the vector's hash
renditions number, file (WebP, of the original); the text holds its hash
head      one row: count and hash; writers lock it, so numbers have no gaps
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from underdrawing.core.errors import MissingRegistryError, RegistryError
from underdrawing.registry import chain
from underdrawing.registry.chain import Audit, Head
from underdrawing.registry.embedding import View
from underdrawing.registry.queries import INDEXED_PATHS, KEY_DIGITS, RecordQueries, rendition_rows
from underdrawing.registry.record import Entry, Record, stored_faults, vector_hash
from underdrawing.registry.searching import LocalSearch, Search
from underdrawing.registry.vectors import Neighbour

APPLICATION_ID = 0x554E4472
"""In the file's header, "UNDr"; files of other programs are refused."""
_BUSY_MS = 30_000
"""How long to wait for other processes."""
_RETRY_S = 0.01
_COMPUTED = ",\n".join(
    f"{name} TEXT GENERATED ALWAYS AS (substr(json_extract(text, '$.{path}'), 1, {KEY_DIGITS})) VIRTUAL"
    for name, path in INDEXED_PATHS.items()
)
_INDEXES = "".join(f"CREATE INDEX records_{name} ON records ({name});\n" for name in INDEXED_PATHS)


def _append_only(*tables: str) -> str:
    return "".join(
        f"CREATE TRIGGER {table}_{event} BEFORE {event} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'records are never changed'); END;\n"
        for table in tables
        for event in ("UPDATE", "DELETE")
    )


MIGRATIONS = (
    f"""
    CREATE TABLE records (
        number INTEGER PRIMARY KEY, text TEXT NOT NULL, hash BLOB NOT NULL,
        {_COMPUTED}
    );
    {_INDEXES}
    CREATE TABLE vectors (
        number INTEGER PRIMARY KEY REFERENCES records, embedding TEXT NOT NULL, vector BLOB NOT NULL
    );
    CREATE TABLE head (
        one INTEGER PRIMARY KEY CHECK (one = 1), count INTEGER NOT NULL, hash BLOB NOT NULL
    );
    INSERT INTO head VALUES (1, 0, zeroblob(32));
    {_append_only("records", "vectors")}
    """,
    f"""
    CREATE TABLE renditions (number INTEGER PRIMARY KEY REFERENCES records, file BLOB NOT NULL);
    {_append_only("renditions")}
    """,
)
"""Item n migrates a file from user_version n to n + 1, in one transaction."""


class SqliteRegistry(RecordQueries):
    """See store.Registry. One connection, shared by all threads under a lock."""

    _select = "SELECT number, hash, text, vector FROM records LEFT JOIN vectors USING (number) "
    _records, _vectors, _renditions = "records", "vectors", "renditions"

    def __init__(self, path: Path, *, create: bool = False, search: Search | None = None) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        self._search = search or LocalSearch()
        if not create and not self.path.is_file():
            raise MissingRegistryError(
                f"{self.path}: there is no such registry; `protect --registry` makes one"
            )
        with self._converted_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                self.path, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(create)
            except BaseException:
                self._database.close()
                raise

    def add(self, records: Sequence[Record]) -> list[int]:
        texts = [record.to_text() for record in records]
        with self._writing():
            head, rows = _read_head(self._database), []
            first = head.count + 1
            for text in texts:
                head = head.extend(text)
                rows.append((head.count, text, head.hash))
            vectors = [
                (number, record.embedding, record.vector)
                for number, record in enumerate(records, first)
                if record.vector is not None
            ]
            self._database.executemany("INSERT INTO records (number, text, hash) VALUES (?, ?, ?)", rows)
            self._database.executemany("INSERT INTO vectors VALUES (?, ?, ?)", vectors)
            self._database.executemany("INSERT INTO renditions VALUES (?, ?)", rendition_rows(records, first))
            self._database.execute("UPDATE head SET count = ?, hash = ?", (head.count, head.hash))
        with self._lock:
            self._search.added(self)
        return list(range(first, head.count + 1))

    def get(self, numbers: Iterable[int]) -> list[Entry]:
        return [entry for n in numbers for entry in self._entries("WHERE number = %s", (n,))]

    def nearest(self, views: Iterable[View], limit: int) -> list[Neighbour]:
        with self._lock, self._converted_errors():
            return self._search.nearest(self, views, limit)

    def vectors_of(self, numbers: Collection[int]) -> list[tuple[int, bytes]]:
        """See searching.VectorSource."""
        known = json.dumps(sorted(numbers))  # as one value, whatever their number
        query = "SELECT number, vector FROM vectors WHERE number IN (SELECT value FROM json_each(%s))"
        return self._rows(query, (known,))

    def head(self) -> Head:
        with self._lock, self._converted_errors():
            return _read_head(self._database)

    def audit(self, exported: Head | None = None) -> Audit:
        """See store.Registry; checks the structure of the file, too. Works on a snapshot: records added
        during the check are not included."""
        with self._converted_errors(), closing(self._snapshot()) as database:
            stored = _read_head(database)
            walked = chain.walk(
                database.execute("SELECT number, text, hash FROM records ORDER BY number"), stored, exported
            )
            faults = [*walked.faults, *_vector_faults(database), *_rendition_faults(database)]
            (state,) = database.execute("PRAGMA integrity_check(1)").fetchone()
            if state != "ok":
                faults.append(f"the file is damaged: {state}")
        return Audit(walked.head, tuple(faults[: chain.MOST_FAULTS]))

    def close(self) -> None:
        with self._lock:
            self._search.close()
            self._database.close()

    # --- private ---------------------------------------------------------------------------------------

    def _prepare(self, create: bool) -> None:
        """Migrate the file to the latest version; RegistryError for later versions and other programs."""
        database, version = self._database, self._checked_version(create)
        self._use_write_ahead_log()
        database.execute("PRAGMA synchronous = FULL")  # a commit survives loss of power
        database.execute("PRAGMA cache_size = -65536")  # KiB
        database.execute("PRAGMA wal_autocheckpoint = 16384")  # pages; a batch touches thousands
        if version == len(MIGRATIONS):
            return
        with self._writing():
            version = self._checked_version(create)  # another process may have migrated it
            for script in MIGRATIONS[version:]:
                for statement in _statements(script):
                    database.execute(statement)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _checked_version(self, create: bool) -> int:
        """The user_version of a registry, or of an empty file with `create`; RegistryError for others."""
        # tables first: a process that makes them just now sets the other two in the same transaction
        (tables,) = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = self._database.execute("PRAGMA application_id").fetchone()
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID and (tables or not create):
            raise RegistryError(f"{self.path}: a database of another program, not a registry")
        if version > len(MIGRATIONS):
            raise RegistryError(f"{self.path}: written by a later version of underdrawing; update this one")
        return version

    def _use_write_ahead_log(self) -> None:
        """Switch the file to its write-ahead log, if it has none yet.

        The switch upgrades a read lock, where SQLite fails at once instead of waiting for other processes.
        All other transactions read only or begin IMMEDIATE, and wait for the connection's timeout.
        """
        until = time.monotonic() + _BUSY_MS / 1000
        while self._database.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            try:
                self._database.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or time.monotonic() > until:
                    raise
            time.sleep(_RETRY_S)

    def _rows(self, query: str, values: tuple = ()) -> list[tuple]:
        with self._lock, self._converted_errors():
            return self._database.execute(query.replace("%s", "?"), values).fetchall()

    def _snapshot(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=_BUSY_MS / 1000, isolation_level=None)
        # damaged text is reported by the chain
        database.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        database.execute("BEGIN")
        return database

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction, with an exclusive lock among the writers of all processes."""
        with self._lock, self._converted_errors():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _converted_errors(self) -> Iterator[None]:
        """Convert database errors to RegistryError with the path of the file."""
        try:
            yield
        except RegistryError as error:
            if str(self.path) in str(error):
                raise
            raise RegistryError(f"{self.path}: {error}") from error
        except (sqlite3.Error, OSError) as error:
            raise RegistryError(f"{self.path}: {_reason(error)}") from error


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, to run in one transaction: executescript would commit first."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _read_head(database: sqlite3.Connection) -> Head:
    row = database.execute("SELECT count, hash FROM head").fetchone()
    if row is None:
        raise RegistryError("the note of its last record is missing; go back to a copy")
    return Head(*row)


def _vector_faults(database: sqlite3.Connection) -> Iterator[str]:
    """Vectors that are missing, differ from their hash, or have no record."""
    hash_in_text = "CASE WHEN json_valid(text) THEN json_extract(text, '$.vector') END"
    columns = f"SELECT number, {hash_in_text}, vector FROM records LEFT JOIN vectors USING (number)"
    for number, digest, vector in database.execute(f"{columns} ORDER BY number"):
        if (None if vector is None else vector_hash(vector)) != digest:
            yield f"record {number}: its vector is {'missing' if vector is None else 'another one'}"
    without_record = "SELECT number FROM vectors WHERE number NOT IN (SELECT number FROM records)"
    for (number,) in database.execute(without_record):
        yield f"record {number}: a vector without a record"


def _rendition_faults(database: sqlite3.Connection) -> Iterator[str]:
    """Renditions that are missing, differ from their hash, or have no record; signatures that do not hold."""
    columns = "SELECT number, text, file FROM records LEFT JOIN renditions USING (number) ORDER BY number"
    for number, text, file in database.execute(columns):
        yield from stored_faults(number, text, file)
    without_record = "SELECT number FROM renditions WHERE number NOT IN (SELECT number FROM records)"
    for (number,) in database.execute(without_record):
        yield f"record {number}: a rendition without a record"


def _is_busy(error: sqlite3.Error) -> bool:
    """Whether another process holds the file."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _reason(error: sqlite3.Error | OSError) -> str:
    if isinstance(error, OSError):
        return f"cannot be written ({error.strerror})"
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return "the disk is full; nothing of this batch was kept"
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return f"not a registry, or a damaged one ({error}); go back to a copy"
    if _is_busy(error):
        return f"another process has held it for {_BUSY_MS // 1000} s; try again"
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR):
        return f"cannot be opened or written ({error})"
    return f"{error}"
