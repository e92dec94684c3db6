"""Vector service in the registry's PostgreSQL: pgvector's HNSW graph over half precision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from underdrawing.core.errors import RegistryError
from underdrawing.registry import embedding
from underdrawing.registry.embedding import DIMENSIONS
from underdrawing.registry.postgres_connection import Link
from underdrawing.registry.postgres_schema import MIGRATION_LOCK, SCHEMA
from underdrawing.registry.searching import LocalSearch, RemoteSearch, Search

_NAME = f"nearby_{embedding.NAME.replace('-', '_')}"
_TABLE = f"{SCHEMA}.{_NAME}"
_SEARCH_BREADTH = 256  # hnsw.ef_search, at least the number of proposals
_TABLE_EXISTS = (
    f"SELECT EXISTS (SELECT FROM pg_tables WHERE (schemaname, tablename) = ('{SCHEMA}', '{_NAME}'))"
)
_EXTENSION_AVAILABLE = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')"
_MAKE = f"""
    CREATE EXTENSION IF NOT EXISTS vector;
    CREATE TABLE {_TABLE} (number bigint PRIMARY KEY, vector halfvec({DIMENSIONS}) NOT NULL);
"""
_GRAPH_EXISTS = f"""
    SELECT EXISTS (SELECT FROM pg_indexes WHERE (schemaname, tablename) = ('{SCHEMA}', '{_NAME}')
                   AND position('USING hnsw' IN indexdef) > 0)
"""
_MAKE_GRAPH = f"CREATE INDEX ON {_TABLE} USING hnsw (vector halfvec_ip_ops)"
_MEMORY = "2GB"  # for building the graph; beyond it the server is slower


class PgvectorService:
    """See searching.VectorService. A table beside the records, on a separate connection."""

    def __init__(self, url: str) -> None:
        self._link = Link(url)

    def open(self, registry: str) -> None:
        """Make the table where there is none. A database has one registry, so its hash is not needed."""
        make(self._link)

    def count(self) -> int:
        return self._link.rows(f"SELECT count(*) FROM {_TABLE}")[0][0]

    def present(self, numbers: Sequence[int]) -> set[int]:
        rows = self._link.rows(f"SELECT number FROM {_TABLE} WHERE number = ANY(%s)", (list(numbers),))
        return {number for (number,) in rows}

    def put(self, numbers: Sequence[int], vectors: np.ndarray) -> None:
        with self._link.converted_errors():
            self._link.connection().execute(
                f"INSERT INTO {_TABLE} SELECT number, vector::halfvec "
                "FROM unnest(%s::bigint[], %s::text[]) AS new (number, vector) ON CONFLICT DO NOTHING",
                (list(numbers), [_text(vector) for vector in vectors]),
            )

    def ready(self) -> None:
        """Build the graph where there is none: over all vectors at once, which takes a fraction of the time
        of single insertions."""
        with self._link.converted_errors():
            if self._link.rows(_GRAPH_EXISTS)[0][0]:
                return
            connection = self._link.connection()
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
                connection.execute("SELECT set_config('maintenance_work_mem', %s, true)", (_MEMORY,))
                if not self._link.rows(_GRAPH_EXISTS)[0][0]:  # nor built by another process meanwhile
                    connection.execute(_MAKE_GRAPH)

    def propose(self, queries: np.ndarray, limit: int) -> list[list[int]]:
        query = f"SELECT number FROM {_TABLE} ORDER BY vector <#> %s::halfvec LIMIT %s"
        self._link.rows("SELECT set_config('hnsw.ef_search', %s, false)", (str(max(_SEARCH_BREADTH, limit)),))
        return [[number for (number,) in self._link.rows(query, (_text(q), limit))] for q in queries]

    def close(self) -> None:
        self._link.close()


def make(link: Link) -> None:
    """Make the table where there is none; RegistryError without pgvector or the permission."""
    with link.converted_errors():
        if link.rows(_TABLE_EXISTS)[0][0]:
            return
        if not link.rows(_EXTENSION_AVAILABLE)[0][0]:
            raise RegistryError("the server has no pgvector; install it there, or use vectors=memory")
        connection = link.connection()
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            if not link.rows(_TABLE_EXISTS)[0][0]:
                connection.execute(_MAKE)


def default_search(url: str, link: Link, created: bool) -> Search:
    """pgvector where its table exists, or can be created with a new registry; else memory."""
    if created and link.rows(_EXTENSION_AVAILABLE)[0][0]:
        try:
            make(link)
        except RegistryError:  # no permission to install it, or a version without half precision
            return LocalSearch()
    if link.rows(_TABLE_EXISTS)[0][0]:
        return RemoteSearch(PgvectorService(url))
    return LocalSearch()


def _text(vector: np.ndarray) -> str:
    return "[" + ",".join(f"{value:.4g}" for value in vector.tolist()) + "]"
