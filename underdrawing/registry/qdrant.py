"""Vector service in Qdrant: a server by URL, or Qdrant's local mode in this process for tests."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from underdrawing.core.errors import MissingExtraError, RegistryError
from underdrawing.registry import embedding
from underdrawing.registry.embedding import DIMENSIONS

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

KEY_VARIABLE = "QDRANT_API_KEY"
"""Environment variable with the server's API key, if it needs one."""
_TIMEOUT_S = 60
_SEARCH_BREADTH = 256  # hnsw_ef, at least the number of proposals
_REQUEST_VECTORS = 500  # vectors in one request, some 5 MB as JSON
_embedded: dict[str, tuple[QdrantClient, int]] = {}  # folder -> its one client, number of users
_embedded_lock = threading.RLock()


class QdrantService:
    """See searching.VectorService. A collection per registry, named after its first record, so that one
    server serves several registries."""

    def __init__(self, url: str) -> None:
        """url: qdrant+http://HOST:PORT, qdrant+https://HOST, or qdrant:///FOLDER."""
        try:
            import qdrant_client
        except ImportError as error:
            raise MissingExtraError(
                "Qdrant needs qdrant-client: pip install 'underdrawing[qdrant]'"
            ) from error
        self._url, self._name, self._folder = url, "", ""
        with self._converted_errors():
            if url.startswith("qdrant:///"):
                self._folder = url.removeprefix("qdrant:///")
                self._client = _acquire_client(self._folder)
            else:
                self._client = qdrant_client.QdrantClient(
                    url=url.removeprefix("qdrant+"),
                    api_key=os.environ.get(KEY_VARIABLE),
                    timeout=_TIMEOUT_S,
                    check_compatibility=False,  # it connects at once, outside our errors
                )

    def open(self, registry: str) -> None:
        from qdrant_client import models
        from qdrant_client.http.exceptions import ApiException

        self._name = f"underdrawing-{embedding.NAME}-{registry[:16]}"
        with self._converted_errors():
            if self._client.collection_exists(self._name):
                return
            shape = models.VectorParams(size=DIMENSIONS, distance=models.Distance.COSINE)
            try:
                self._client.create_collection(self._name, vectors_config=shape)
            except (ApiException, ValueError):
                if not self._client.collection_exists(self._name):  # nor made by another process meanwhile
                    raise

    def count(self) -> int:
        with self._converted_errors():
            return self._client.count(self._name, exact=True).count

    def present(self, numbers: Sequence[int]) -> set[int]:
        with self._converted_errors():
            found = self._client.retrieve(self._name, list(numbers), with_payload=False)
        return {int(point.id) for point in found}

    def put(self, numbers: Sequence[int], vectors: np.ndarray) -> None:
        from qdrant_client import models

        with self._converted_errors():
            for start in range(0, len(numbers), _REQUEST_VECTORS):
                here = slice(start, start + _REQUEST_VECTORS)
                batch = models.Batch(ids=list(numbers[here]), vectors=vectors[here].tolist())
                self._client.upsert(self._name, batch, wait=True)

    def ready(self) -> None:
        """Nothing: Qdrant builds its graph itself."""

    def propose(self, queries: np.ndarray, limit: int) -> list[list[int]]:
        from qdrant_client import models

        # local mode compares every vector, without a graph
        broad = None if self._folder else models.SearchParams(hnsw_ef=max(_SEARCH_BREADTH, limit))
        asked = [models.QueryRequest(query=query.tolist(), limit=limit, params=broad) for query in queries]
        with self._converted_errors():
            found = self._client.query_batch_points(self._name, asked)
        return [[int(point.id) for point in answer.points] for answer in found]

    def close(self) -> None:
        if self._folder:
            _release_client(self._folder)
            self._folder = ""
        else:
            self._client.close()

    @contextmanager
    def _converted_errors(self) -> Iterator[None]:
        """Convert errors of Qdrant to RegistryError with its URL; in local mode under a lock."""
        import httpx
        from qdrant_client.http.exceptions import ApiException

        try:
            if self._folder:
                with _embedded_lock:
                    yield
            else:
                yield
        except (ApiException, httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise RegistryError(f"{self._url}: Qdrant cannot be reached, or refuses ({reason})") from error


def _acquire_client(folder: str) -> QdrantClient:
    from qdrant_client import QdrantClient

    with _embedded_lock:
        client, users = _embedded.get(folder) or (
            QdrantClient(path=folder, force_disable_check_same_thread=True), 0
        )  # fmt: skip
        _embedded[folder] = (client, users + 1)
        return client


def _release_client(folder: str) -> None:
    with _embedded_lock:
        client, users = _embedded.pop(folder)
        if users > 1:
            _embedded[folder] = (client, users - 1)
        else:
            client.close()
