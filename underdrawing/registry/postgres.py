"""A registry in a PostgreSQL database, with the same records, chain and interface as in a file."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING

from underdrawing.core.errors import RegistryError
from underdrawing.registry import chain
from underdrawing.registry.chain import Audit, Head
from underdrawing.registry.embedding import View
from underdrawing.registry.pgvector import default_search
from underdrawing.registry.postgres_connection import Link
from underdrawing.registry.postgres_schema import MIGRATION_LOCK, MIGRATIONS, SCHEMA
from underdrawing.registry.queries import PAGE, RecordQueries, rendition_rows
from underdrawing.registry.record import Entry, Record, stored_faults, vector_hash
from underdrawing.registry.searching import Search
from underdrawing.registry.vectors import Neighbour

if TYPE_CHECKING:
    import psycopg

_JOINED = (
    f"{SCHEMA}.records LEFT JOIN {SCHEMA}.vectors USING (number) LEFT JOIN {SCHEMA}.renditions USING (number)"
)
_HEAD = f"SELECT count, hash FROM {SCHEMA}.head"
_RECONNECT_S = 20  # of waiting for a restarted server, to ask whether it committed


class PostgresRegistry(RecordQueries):
    """See store.Registry. One connection, shared by all threads under a lock."""

    _select = (  # no join: without statistics, as after many insertions, it may read all vectors
        f"SELECT number, hash, text, (SELECT vector FROM {SCHEMA}.vectors v WHERE v.number = records.number) "
        f"FROM {SCHEMA}.records "
    )
    _records, _vectors = f"{SCHEMA}.records", f"{SCHEMA}.vectors"
    _renditions = f"{SCHEMA}.renditions"

    def __init__(self, url: str, *, create: bool = False, search: Search | None = None) -> None:
        """url: postgresql://..., of an existing database. create: make missing tables."""
        self._lock = threading.RLock()
        self._link = Link(url)
        try:
            with self._link.converted_errors():
                created = self._prepare(create)
                self._search = search or default_search(url, self._link, created)
        except BaseException:
            self._link.close()
            raise

    def add(self, records: Sequence[Record]) -> list[int]:
        with self._lock:
            texts = [record.to_text() for record in records]
            with self._link.converted_errors():
                first, head = self._append(texts, records)
            self._search.added(self)
        return list(range(first, head.count + 1))

    def get(self, numbers: Iterable[int]) -> list[Entry]:
        wanted = list(numbers)
        found = {entry.number: entry for entry in self._entries("WHERE number = ANY(%s)", (wanted,))}
        return [found[number] for number in wanted if number in found]

    def nearest(self, views: Iterable[View], limit: int) -> list[Neighbour]:
        with self._lock, self._link.converted_errors():
            return self._search.nearest(self, views, limit)

    def vectors_of(self, numbers: Collection[int]) -> list[tuple[int, bytes]]:
        """See searching.VectorSource."""
        query = f"SELECT number, vector FROM {SCHEMA}.vectors WHERE number = ANY(%s)"
        return self._rows(query, (sorted(numbers),))

    def head(self) -> Head:
        with self._link.converted_errors():
            return _head_of(self._rows(_HEAD))

    def audit(self, exported: Head | None = None) -> Audit:
        """See store.Registry. Works on a snapshot: records added during the check are not included."""
        faults: list[str] = []
        with self._lock, self._link.converted_errors(), closing(self._link.new_connection()) as connection:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            stored = _head_of(connection.execute(_HEAD).fetchall())
            walked = chain.walk(_audited_rows(connection, faults), stored, exported)
            for table, name in (("vectors", "vector"), ("renditions", "rendition")):
                without_record = (
                    f"SELECT number FROM {SCHEMA}.{table} v WHERE NOT EXISTS "
                    f"(SELECT FROM {SCHEMA}.records r WHERE r.number = v.number) LIMIT {chain.MOST_FAULTS}"
                )
                faults += [
                    f"record {number}: a {name} without a record"
                    for (number,) in connection.execute(without_record)
                ]
        return Audit(walked.head, (*walked.faults, *faults)[: chain.MOST_FAULTS])

    def close(self) -> None:
        with self._lock:
            self._search.close()
            self._link.close()

    # --- private ---------------------------------------------------------------------------------------

    def _prepare(self, create: bool) -> bool:
        """Migrate the tables to the latest version; True where they were created. RegistryError for a later
        version or another program's schema."""
        version = self._version()
        if version is None and not create:
            raise RegistryError("there is no such registry; `protect --registry` makes one")
        if version == len(MIGRATIONS):
            return False
        connection = self._link.connection()
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            version = self._version()  # another process may have migrated them
            for script in MIGRATIONS[version or 0 :]:
                connection.execute(script)
            connection.execute(f"UPDATE {SCHEMA}.about SET version = {len(MIGRATIONS)}")
        return version is None

    def _version(self) -> int | None:
        """Version of the tables; None without tables."""
        encoding, schema, ours = (
            self._rows(  # not to_regclass, which may miss tables of concurrent transactions
                "SELECT current_setting('server_encoding'), "
                "EXISTS (SELECT FROM pg_namespace WHERE nspname = %s), "
                "EXISTS (SELECT FROM pg_tables WHERE schemaname = %s AND tablename = 'about')",
                (SCHEMA, SCHEMA),
            )[0]
        )
        if encoding != "UTF8":
            raise RegistryError(f"the database keeps text as {encoding}; make one with ENCODING 'UTF8'")
        if not ours:
            if schema:
                raise RegistryError(f"its schema {SCHEMA} is of another program, not a registry")
            return None
        version = self._rows(f"SELECT version FROM {SCHEMA}.about")[0][0]
        if version > len(MIGRATIONS):
            raise RegistryError("written by a later version of underdrawing; update this one")
        return version

    def _append(self, texts: list[str], records: Sequence[Record]) -> tuple[int, Head]:
        """Number of the first record and the new head. If the connection is lost during the commit, the
        server is asked whether it committed."""
        connection, written = self._link.connection(), None
        try:
            with connection.transaction():
                head = _head_of(connection.execute(f"{_HEAD} FOR UPDATE").fetchall())
                first = head.count + 1
                head = _copy(connection, head, texts, records)
                connection.execute(f"UPDATE {SCHEMA}.head SET count = %s, hash = %s", (head.count, head.hash))
                written = head
        except self._link.lost as error:
            if not connection.closed:
                raise
            if written is None:
                raise RegistryError(
                    f"the server went away; nothing of this batch was kept ({error})"
                ) from error
            if not self._committed(written, first):
                raise RegistryError(
                    f"the server went away before it kept this batch; nothing of it was ({error})"
                ) from error
        return first, head

    def _committed(self, head: Head, first: int) -> bool:
        """Whether the server committed a batch; its transaction may still hold the lock on the head."""
        try:
            connection = self._link.connection(_RECONNECT_S)
            with connection.transaction():
                connection.execute(f"{_HEAD} FOR UPDATE")
                found = connection.execute(
                    f"SELECT hash FROM {SCHEMA}.records WHERE number = %s", (head.count,)
                ).fetchall()
        except self._link.lost as error:
            raise RegistryError(
                f"the server went away while it kept records {first} to {head.count}; look whether they are "
                f"there before adding them again ({error})"
            ) from error
        return found == [(head.hash,)]

    def _rows(self, query: str, values: tuple = ()) -> list[tuple]:
        with self._lock:
            return self._link.rows(query, values)

    def _converted_errors(self) -> AbstractContextManager[None]:
        return self._link.converted_errors()


def _copy(connection: psycopg.Connection, head: Head, texts: list[str], records: Sequence[Record]) -> Head:
    """Append records after a head; the new head."""
    vectors, renditions = [], rendition_rows(records, head.count + 1)
    with connection.cursor().copy(f"COPY {SCHEMA}.records (number, text, hash) FROM STDIN") as copy:
        for text, record in zip(texts, records, strict=True):
            head = head.extend(text)
            copy.write_row((head.count, text, head.hash))
            if record.vector is not None:
                vectors.append((head.count, record.embedding, record.vector))
    with connection.cursor().copy(f"COPY {SCHEMA}.vectors FROM STDIN") as copy:
        for row in vectors:
            copy.write_row(row)
    with connection.cursor().copy(f"COPY {SCHEMA}.renditions FROM STDIN") as copy:
        for rendition in renditions:
            copy.write_row(rendition)
    return head


def _audited_rows(connection: psycopg.Connection, faults: list[str]) -> Iterator[tuple[int, str, bytes]]:
    """(number, text, hash) in order of number; faults of vectors, renditions and signatures are
    appended to `faults`."""
    query = f"SELECT number, convert_to(text, 'UTF8'), hash, vector, file FROM {_JOINED} ORDER BY number"
    with connection.cursor("audit", binary=True) as cursor:
        cursor.itersize = PAGE
        for number, data, digest, vector, file in cursor.execute(query):
            text = data.decode("utf-8", "surrogateescape")  # damaged text is reported by the chain
            if (None if vector is None else vector_hash(vector)) != _hash_in_text(text):
                faults.append(
                    f"record {number}: its vector is {'missing' if vector is None else 'another one'}"
                )
            faults += stored_faults(number, text, file)
            yield number, text, digest


def _hash_in_text(text: str) -> str | None:
    try:
        return json.loads(text)["vector"]
    except (ValueError, TypeError, KeyError):  # damaged text is reported by the chain
        return None


def _head_of(rows: list[tuple]) -> Head:
    if not rows:
        raise RegistryError("the note of its last record is missing; go back to a copy")
    return Head(rows[0][0], bytes(rows[0][1]))
