"""Registry: the interface of every kind of storage, and `open_registry`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from underdrawing.coding.keys import PublicKey
from underdrawing.core.errors import RegistryError
from underdrawing.registry.addresses import split_vectors, without_password
from underdrawing.registry.chain import Audit, Head
from underdrawing.registry.embedding import View
from underdrawing.registry.record import Entry, Record
from underdrawing.registry.searching import LocalSearch, RemoteSearch, Search
from underdrawing.registry.vectors import Neighbour


class Registry(Protocol):
    """Append-only records: a later record of the same identity replaces the earlier one.

    Several processes and threads may use one registry at once. Every method raises RegistryError with the
    name of the registry where it cannot be read or written.
    """

    def add(self, records: Sequence[Record]) -> list[int]:
        """Append records in one transaction, on the disk at return; their numbers."""

    def by_identity(self, identity: str) -> list[Entry]:
        """The records of an identity (16 hex digits), the latest first."""

    def by_file(self, digest: str) -> list[Entry]:
        """The records whose original or protected file has this SHA-256, the latest first."""

    def by_pixels(self, digest: str) -> list[Entry]:
        """The records whose original or protected pixels have this hash, the latest first."""

    def find_key(self, short: bytes) -> PublicKey | None:
        """The public key of a registered owner whose fingerprint starts with these bytes, or None."""

    def get(self, numbers: Iterable[int]) -> list[Entry]:
        """The records of these numbers, in their order, without missing ones."""

    def rendition(self, number: int) -> bytes | None:
        """The file of the original's rendition that is kept with a record, or None. Not checked: see
        rendition.Rendition.image."""

    def linked(self, number: int) -> bool:
        """Whether a record's hash follows from its text and the hash of the record before."""

    def nearest(self, views: Iterable[View], limit: int) -> list[Neighbour]:
        """The records nearest to any of the views, best evidence first, at most `limit`."""

    def __iter__(self) -> Iterator[Entry]:
        """Every record, in order of number; records added during the iteration are not included."""

    def __len__(self) -> int:
        """Number of records."""

    def head(self) -> Head:
        """The end of the chain. An exported head shows later whether records were removed."""

    def audit(self, exported: Head | None = None) -> Audit:
        """Check every record against the chain, and the chain against a head that was exported before."""

    def close(self) -> None:
        """Close files and connections; later calls raise RegistryError."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_registry(where: str | Path, *, create: bool = False) -> Registry:
    """Open the registry at a path or URL; docs/REGISTRY.md has examples.

        PATH                                        one SQLite file
        sqlite:///PATH[?vectors=V]                  the same
        postgresql://USER@HOST/DATABASE[?vectors=V] tables in an existing database

    V selects the nearest-neighbour search: memory; pgvector (in that database, the default where it is
    available); qdrant+http://HOST:PORT, qdrant+https://HOST, or qdrant:///FOLDER for Qdrant in this process.

    create: make an empty registry where there is none. RegistryError for a missing registry otherwise, and
    for another kind of file or database. MissingExtraError where a package is not installed.
    """
    if isinstance(where, Path) or "://" not in where:
        address, vectors = f"sqlite:///{where}", None
    else:
        address, vectors = split_vectors(where)
    scheme = address.partition("://")[0]
    if scheme == "sqlite" and len(address) > len("sqlite:///"):
        from underdrawing.registry.sqlite import SqliteRegistry

        path = Path(address.removeprefix("sqlite:///"))
        return SqliteRegistry(path, create=create, search=_search(vectors, address, where))
    if scheme in ("postgresql", "postgres"):
        from underdrawing.registry.postgres import PostgresRegistry

        return PostgresRegistry(address, create=create, search=_search(vectors, address, where))
    raise RegistryError(f"{without_password(where)}: expected a path, sqlite:///PATH or postgresql://...")


def _search(vectors: str | None, address: str, where: str | Path) -> Search | None:
    """The search of the option `vectors`; None for the registry's default."""
    if vectors is None:
        return None
    if vectors == "memory":
        return LocalSearch()
    if vectors == "pgvector" and address.startswith("postgres"):
        from underdrawing.registry.pgvector import PgvectorService

        return RemoteSearch(PgvectorService(address))
    if vectors.startswith(("qdrant+http://", "qdrant+https://", "qdrant:///")):
        from underdrawing.registry.qdrant import QdrantService

        return RemoteSearch(QdrantService(vectors))
    raise RegistryError(
        f"{without_password(where)}: vectors={vectors} is not known; use memory, pgvector (in PostgreSQL), "
        f"qdrant+http://HOST:PORT or qdrant:///FOLDER"
    )
