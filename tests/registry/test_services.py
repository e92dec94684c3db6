"""Services that propose neighbours: lost vectors come back, services that are away cost no record."""

import logging

import numpy as np
import pytest
from sample_records import record, view

from underdrawing.core.errors import RegistryError
from underdrawing.registry.addresses import split_vectors, without_password
from underdrawing.registry.searching import RemoteSearch
from underdrawing.registry.sqlite import SqliteRegistry
from underdrawing.registry.store import open_registry

NOBODY = "qdrant+http://127.0.0.1:9"  # no server listens there
VIEWS = [view(n, noise=0.7, part=part) for n, part in ((4, 1.0), (9, 0.5), (15, 0.6))]


class WrongService:
    """Proposes what was never asked for, and records that there are not."""

    def __init__(self) -> None:
        self.there: dict[int, np.ndarray] = {}

    def open(self, registry: str) -> None:
        assert len(registry) == 64

    def count(self) -> int:
        return len(self.there)

    def present(self, numbers):
        return self.there.keys() & set(numbers)

    def put(self, numbers, vectors) -> None:
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        self.there |= dict(zip(numbers, vectors, strict=True))

    def ready(self) -> None:
        assert self.there

    def propose(self, queries, limit):
        return [[3, 700, 5] for _ in queries]

    def close(self) -> None:
        self.there = {}


@pytest.fixture
def with_pgvector(postgres_with_pgvector):
    return postgres_with_pgvector


def filled(url: str, count: int = 20):
    registry = open_registry(url, create=True)
    registry.add([record(n) for n in range(1, count + 1)])
    return registry


def test_finds_what_memory_finds_with_the_same_evidence(with_pgvector):
    url = with_pgvector.url()
    with filled(url) as served, open_registry(url + "&vectors=memory") as local:
        for asked in (VIEWS, VIEWS[1:2]):
            ours, theirs = local.nearest(asked, 3), served.nearest(asked, 3)
            assert [one.number for one in ours] == [one.number for one in theirs]
            assert np.allclose([one.evidence for one in ours], [one.evidence for one in theirs], atol=1e-4)
    assert with_pgvector.ask("SELECT count(*) FROM underdrawing.nearby_grids_1") == "20"


def test_what_pgvector_lost_comes_back(with_pgvector):
    url = with_pgvector.url()
    filled(url).close()
    with_pgvector.ask("DELETE FROM underdrawing.nearby_grids_1 WHERE number IN (4, 9)")
    with open_registry(url) as registry:
        assert [found.number for found in registry.nearest(VIEWS[:1], 1)] == [4]
    with_pgvector.ask("DROP TABLE underdrawing.nearby_grids_1")
    with open_registry(url) as registry:  # falls back to memory
        assert [found.number for found in registry.nearest(VIEWS[:1], 1)] == [4]
    with open_registry(url + "&vectors=pgvector") as registry:
        assert [found.number for found in registry.nearest(VIEWS[1:2], 1)] == [9]
    assert with_pgvector.ask("SELECT count(*) FROM underdrawing.nearby_grids_1") == "20"


def test_pgvector_links_what_was_there_before_at_once(with_pgvector):
    url = with_pgvector.url()
    filled(url + "&vectors=memory", 300).close()
    of_graphs = (
        "SELECT indexdef FROM pg_indexes WHERE tablename = 'nearby_grids_1' AND indexdef LIKE '%hnsw%'"
    )
    with_pgvector.ask("DROP TABLE IF EXISTS underdrawing.nearby_grids_1")
    for _ in range(2):
        with open_registry(url + "&vectors=pgvector") as registry:
            assert registry.nearest(VIEWS[:1], 1)[0].number == 4
            registry.add([record(registry.head().count + 1)])
        assert len(with_pgvector.ask(of_graphs).splitlines()) == 1
    assert with_pgvector.ask("SELECT count(*) FROM underdrawing.nearby_grids_1") == "302"
    # a process that was killed between vectors and graph
    with_pgvector.ask("DROP INDEX underdrawing.nearby_grids_1_vector_idx")
    with open_registry(url) as registry:
        assert registry.nearest(VIEWS[1:2], 1)[0].number == 9
    assert with_pgvector.ask(of_graphs)


def test_pgvector_that_is_not_there_is_reported(postgres):
    if postgres.ask("SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'") == "1":
        pytest.skip("every PostgreSQL at hand has pgvector")
    with open_registry(postgres.url(), create=True) as registry:
        registry.add([record(1)])
        assert registry.nearest([view(1)], 1)[0].number == 1  # in memory, by its own choice
    with (
        open_registry(postgres.url() + "&vectors=pgvector", create=True) as registry,
        pytest.raises(RegistryError, match="has no pgvector"),
    ):
        registry.add([record(1)])
        registry.nearest([view(1)], 1)


def test_what_qdrant_lost_comes_back(tmp_path):
    pytest.importorskip("qdrant_client", reason="pip install 'underdrawing[qdrant]'")
    url = f"sqlite:///{tmp_path / 'registry.db'}?vectors=qdrant:///{tmp_path / 'vectors'}"
    filled(url).close()
    with open_registry(f"{url.partition('?')[0]}?vectors=qdrant:///{tmp_path / 'emptied'}") as registry:
        assert [found.number for found in registry.nearest(VIEWS, 3)][:1] == [4]
        (name,) = [one.name for one in registry._search._service._client.get_collections().collections]
        assert name == f"underdrawing-grids-1-{registry.get([1])[0].hash.hex()[:16]}"
        registry._search._service._client.delete(name, [9])
    with open_registry(f"{url.partition('?')[0]}?vectors=qdrant:///{tmp_path / 'emptied'}") as registry:
        assert [found.number for found in registry.nearest(VIEWS[1:2], 1)] == [9]


def test_registries_share_one_qdrant(tmp_path):
    pytest.importorskip("qdrant_client", reason="pip install 'underdrawing[qdrant]'")
    vectors = f"?vectors=qdrant:///{tmp_path / 'vectors'}"
    with (
        filled(f"sqlite:///{tmp_path / 'one.db'}{vectors}", 3) as one,
        open_registry(f"sqlite:///{tmp_path / 'two.db'}{vectors}", create=True) as two,
    ):
        two.add([record(15), record(9)])
        assert [found.number for found in one.nearest(VIEWS, 9)] != [1, 2]
        assert [found.number for found in two.nearest(VIEWS[1:2], 9)] == [2, 1]
        assert one.nearest(VIEWS[:1], 9)[0].score < 0.3


def test_a_service_that_is_away_costs_no_record(tmp_path, caplog):
    pytest.importorskip("qdrant_client", reason="pip install 'underdrawing[qdrant]'")
    path = tmp_path / "registry.db"
    with open_registry(f"sqlite:///{path}?vectors={NOBODY}", create=True) as registry:
        with caplog.at_level(logging.WARNING):
            assert registry.add([record(1), record(2)]) == [1, 2]
        assert NOBODY in caplog.text and "next search" in caplog.text
        with pytest.raises(RegistryError, match="Qdrant cannot be reached") as caught:
            registry.nearest([view(1)], 1)
        assert NOBODY in str(caught.value)
        assert registry.by_identity(record(2).identity)[0].number == 2
    with open_registry(path) as registry:
        assert len(registry) == 2 and registry.audit().ok and registry.nearest([view(1)], 1)[0].number == 1


def test_a_service_proposes_and_the_registry_decides(tmp_path):
    with SqliteRegistry(
        tmp_path / "registry.db", create=True, search=RemoteSearch(WrongService())
    ) as registry:
        registry.add([record(n) for n in range(1, 8)])
        found = registry.nearest([view(5, noise=0.5)], 9)
        assert [one.number for one in found] == [5, 3]
        assert found[0].score > 0.8 and abs(found[1].score) < 0.3
        nothing = view(5)
        nothing.vector[:] = 0
        assert registry.nearest([nothing], 3) == []


def test_addresses():
    with_both = "postgresql://ada:s3cret@db.example/photos?sslmode=require&vectors=qdrant%2Bhttp://q:6333"
    address, vectors = split_vectors(with_both)
    assert (address, vectors) == (
        "postgresql://ada:s3cret@db.example/photos?sslmode=require",
        "qdrant+http://q:6333",
    )
    assert split_vectors("sqlite:///what?.db") == ("sqlite:///what?.db", None)
    assert "s3cret" not in without_password(with_both) and "ada@db.example" in without_password(with_both)
    for wrong in (
        "sqlite:///a.db?vectors=pgvector",
        "sqlite:///a.db?vectors=faiss",
        "mysql://a/b",
        "sqlite:///",
    ):
        with pytest.raises(RegistryError, match=r"not known|expected a path"):
            open_registry(wrong, create=True)
