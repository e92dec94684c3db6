"""Vectors in the registry's own PostgreSQL, found by pgvector's graph (HNSW over half precision)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from underdrawing.core.errors import RegistryError
from underdrawing.registry import embedding
from underdrawing.registry.embedding import DIMENSIONS
from underdrawing.registry.postgres_link import Link
from underdrawing.registry.postgres_schema import MIGRATING, SCHEMA
from underdrawing.registry.searching import LocalSearch, RemoteSearch, Search

_NAME = f"nearby_{embedding.NAME.replace('-', '_')}"
_TABLE = f"{SCHEMA}.{_NAME}"
_BREADTH = 256  # of the walk through the graph; at least as many as are proposed
_TABLE_THERE = (
    f"SELECT EXISTS (SELECT FROM pg_tables WHERE (schemaname, tablename) = ('{SCHEMA}', '{_NAME}'))"
)
_AT_HAND = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')"
_MAKE = f"""
    CREATE EXTENSION IF NOT EXISTS vector;
    CREATE TABLE {_TABLE} (number bigint PRIMARY KEY, vector halfvec({DIMENSIONS}) NOT NULL);
"""
_GRAPH_THERE = f"""
    SELECT EXISTS (SELECT FROM pg_indexes WHERE (schemaname, tablename) = ('{SCHEMA}', '{_NAME}')
                   AND position('USING hnsw' IN indexdef) > 0)
"""
_MAKE_GRAPH = f"CREATE INDEX ON {_TABLE} USING hnsw (vector halfvec_ip_ops)"
_MEMORY = "2GB"  # for making the graph of what is there; beyond it the server goes on more slowly


class PgvectorService:
    """See searching.VectorService. A table beside the records, on a connection of its own."""

    def __init__(self, url: str) -> None:
        self._link = Link(url)

    def open(self, registry: str) -> None:
        """Make the table where there is none. A database has one registry, so its hash says nothing here."""
        make(self._link)

    def count(self) -> int:
        return self._link.rows(f"SELECT count(*) FROM {_TABLE}")[0][0]

    def present(self, numbers: Sequence[int]) -> set[int]:
        rows = self._link.rows(f"SELECT number FROM {_TABLE} WHERE number = ANY(%s)", (list(numbers),))
        return {number for (number,) in rows}

    def put(self, numbers: Sequence[int], vectors: np.ndarray) -> None:
        with self._link.named():
            self._link.connection().execute(
                f"INSERT INTO {_TABLE} SELECT number, vector::halfvec "
                "FROM unnest(%s::bigint[], %s::text[]) AS new (number, vector) ON CONFLICT DO NOTHING",
                (list(numbers), [_text(vector) for vector in vectors]),
            )

    def ready(self) -> None:
        """Make the graph where there is none: at once over all that is there, which takes a fraction of the
        time that adding one after the other to a graph takes."""
        with self._link.named():
            if self._link.rows(_GRAPH_THERE)[0][0]:
                return
            connection = self._link.connection()
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATING,))
                connection.execute("SELECT set_config('maintenance_work_mem', %s, true)", (_MEMORY,))
                if not self._link.rows(_GRAPH_THERE)[0][0]:  # nor made by another process just now
                    connection.execute(_MAKE_GRAPH)

    def propose(self, queries: np.ndarray, limit: int) -> list[list[int]]:
        query = f"SELECT number FROM {_TABLE} ORDER BY vector <#> %s::halfvec LIMIT %s"
        self._link.rows("SELECT set_config('hnsw.ef_search', %s, false)", (str(max(_BREADTH, limit)),))
        return [[number for (number,) in self._link.rows(query, (_text(q), limit))] for q in queries]

    def close(self) -> None:
        self._link.close()


def make(link: Link) -> None:
    """Make the table where there is none; RegistryError where the server or the user cannot."""
    with link.named():
        if link.rows(_TABLE_THERE)[0][0]:
            return
        if not link.rows(_AT_HAND)[0][0]:
            raise RegistryError("the server has no pgvector; install it there, or use vectors=memory")
        connection = link.connection()
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATING,))
            if not link.rows(_TABLE_THERE)[0][0]:
                connection.execute(_MAKE)


def usual_search(url: str, link: Link, made: bool) -> Search:
    """pgvector where its table is there, or can be made with a registry made just now; else memory."""
    if made and link.rows(_AT_HAND)[0][0]:
        try:
            make(link)
        except RegistryError:  # the user may not install it, or it is older than half precision
            return LocalSearch()
    if link.rows(_TABLE_THERE)[0][0]:
        return RemoteSearch(PgvectorService(url))
    return LocalSearch()


def _text(vector: np.ndarray) -> str:
    return "[" + ",".join(f"{value:.4g}" for value in vector.tolist()) + "]"
