"""vector-indexes: the registry's search for neighbours beside those of faiss.

Vectors are random, or of parts of photographs where --data is given. Each index proposes 128 records a view,
which are ranked by their cosine over what counts, as the registry ranks proposals of a service. The views are
vectors with noise of .6 of their size: whole; with half of the numbers left out; and 27 at once, of which one
is of a record and the others of vectors that are in no index. `exact` compares everything. Medians
of processor time. Needs faiss-cpu (extra bench).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from underdrawing.bench.harness.record import Protocol, Store, conditions, part_of
from underdrawing.bench.harness.render import Block, Table
from underdrawing.bench.harness.run import Run, Study
from underdrawing.bench.infrastructure.registry import UNSURE_PART, UNSURE_VIEWS, noisy
from underdrawing.data.files import find_pictures
from underdrawing.data.pictures import load_picture
from underdrawing.registry.embedding import DIMENSIONS, View, embed, pack
from underdrawing.registry.searching import PROPOSED
from underdrawing.registry.vectors import BYTES_PER_VECTOR, VectorIndex, best_of, ranked

PROTOCOL = Protocol("vector-indexes")
_ASKED, _UNSURE_ASKED = 100, 20
_PART = (0.35, 1.0)  # sides of parts of photographs
_BATCH = 10_000
_MOST_FOR_GRAPH = 100_000  # building a graph over more takes an hour of a core
Asked = dict[str, list[tuple[int, list[View]]]]
"""By kind of question, the row that is wanted and the views that are asked with."""


class Ours:
    """VectorIndex. All indexes have these methods.

    add: append (n, 496) int8 vectors; propose: rows whose cosine with each view is worth computing; size:
    bytes held, without the int8 vectors that rank what is proposed.
    """

    def __init__(self) -> None:
        self._index = VectorIndex()

    def add(self, vectors: np.ndarray) -> None:
        there = len(self._index)
        self._index.add(range(there, there + len(vectors)), [row.tobytes() for row in vectors])

    def propose(self, views: list[View]) -> list[np.ndarray]:
        return self._index.candidates(views)

    def size(self) -> int:
        return len(self._index) * (BYTES_PER_VECTOR - DIMENSIONS)


class Faiss:
    """An index of faiss by inner product; numbers that do not count are 0 in the query."""

    def __init__(self, index: Any) -> None:
        self._index = index

    def add(self, vectors: np.ndarray) -> None:
        self._index.add(_directions(vectors))

    def propose(self, views: list[View]) -> list[np.ndarray]:
        found = self._index.search(np.stack([view.vector for view in views]), PROPOSED)[1]
        return [rows[rows >= 0] for rows in found]

    def size(self) -> int:
        import faiss

        return faiss.serialize_index(self._index).nbytes


class BothSigns:
    """faiss's Hamming distance over each sign beside its opposite. What a view leaves out is neither, so
    every record differs in one of the two there, and the order is by what counts alone."""

    def __init__(self) -> None:
        import faiss

        self._index = faiss.IndexBinaryFlat(1024)

    def add(self, vectors: np.ndarray) -> None:
        self._index.add(_bits(vectors > 0, vectors <= 0))

    def propose(self, views: list[View]) -> list[np.ndarray]:
        counts = np.stack([view.counts for view in views])
        signs = np.stack([view.vector > 0 for view in views])
        return list(self._index.search(_bits(signs & counts, ~signs & counts), PROPOSED)[1])

    def size(self) -> int:
        return self._index.ntotal * self._index.code_size


Index = Ours | Faiss | BothSigns


def indexes(vectors: np.ndarray) -> Iterator[tuple[str, Callable[[], Index]]]:
    """Names and makers of what is compared; the first is ours. vectors: to train on."""
    import faiss

    faiss.omp_set_num_threads(1)
    inner = faiss.METRIC_INNER_PRODUCT

    def inverted() -> Faiss:
        lists = int(len(vectors) ** 0.5)
        index = faiss.index_factory(DIMENSIONS, f"IVF{lists},SQ8", inner)
        index.train(_directions(vectors[:: max(1, len(vectors) // (40 * lists))]))
        index.nprobe = lists // 16
        return Faiss(index)

    def graph() -> Faiss:
        index = faiss.index_factory(DIMENSIONS, "HNSW32,SQ8", inner)
        index.train(_directions(vectors[:_BATCH]))
        index.hnsw.efSearch = 256
        return Faiss(index)

    yield "signs, as here", Ours
    yield "faiss flat, signs and their opposites", BothSigns
    yield "faiss flat, float32", lambda: Faiss(faiss.IndexFlatIP(DIMENSIONS))
    yield "faiss IVF, 8 bits, a 16th of the lists", inverted
    if len(vectors) <= _MOST_FOR_GRAPH:
        yield "faiss HNSW 32, 8 bits, breadth 256", graph


def _bits(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    both = np.zeros((len(left), 1024), bool)
    both[:, :DIMENSIONS], both[:, 512 : 512 + DIMENSIONS] = left, right
    return np.packbits(both, axis=1)


def measure(make: Callable[[], Index], vectors: np.ndarray, asked: Asked) -> dict[str, float]:
    """Bytes, speed and recall of one index over (n, 496) int8."""
    start = time.process_time()
    index = make()
    for begin in range(0, len(vectors), _BATCH):
        index.add(vectors[begin : begin + _BATCH])
    seconds = time.process_time() - start
    figures = {
        "bytes_per_vector": index.size() / len(vectors),
        "inserted_per_processor_s": len(vectors) / seconds,
    }
    for kind, questions in asked.items():
        hits, spent = [], []
        for row, views in questions:
            start = time.process_time()
            first = _best(vectors, views, index.propose(views))
            spent.append(time.process_time() - start)
            hits.append(first == row)
        figures |= {f"{kind}_ms": 1000 * statistics.median(spent), f"{kind}_recall": statistics.mean(hits)}
    return figures


def _best(vectors: np.ndarray, views: list[View], proposed: list[np.ndarray]) -> int:
    found = [
        one
        for view, rows in zip(views, proposed, strict=True)
        for one in ranked(rows, vectors[rows], view, 5)
    ]
    first = best_of(found, 1)
    return first[0].number if first else -1


def exact(vectors: np.ndarray, asked: Asked) -> dict[str, float]:
    """Recall where everything is compared."""
    views = [view for questions in asked.values() for _, found in questions for view in found]
    queries = np.stack([view.vector for view in views], 1)
    counts = np.stack([view.counts for view in views], 1).astype(np.float32)
    sizes, root = np.linalg.norm(queries, axis=0), np.sqrt(counts.sum(0))
    best, rows = np.full(len(views), -np.inf), np.zeros(len(views), np.int64)
    for begin in range(0, len(vectors), _BATCH):
        part = vectors[begin : begin + _BATCH].astype(np.float32)
        cosines = (part @ queries) / np.maximum(np.sqrt(np.square(part) @ counts) * sizes, 1e-6)
        row = cosines.argmax(0)
        sure = np.arctanh(np.minimum(cosines[row, np.arange(len(views))], 0.9999)) * root
        rows = np.where(sure > best, begin + row, rows)
        best = np.maximum(sure, best)
    figures, place = {}, 0
    for kind, questions in asked.items():
        hits = []
        for wanted, found in questions:
            here = slice(place, place + len(found))
            hits.append(rows[here][best[here].argmax()] == wanted)
            place += len(found)
        figures[f"{kind}_recall"] = statistics.mean(map(float, hits))
    return figures


def questions(vectors: np.ndarray, others: np.ndarray) -> Asked:
    """Views of some of the records; among 27, all but one are of others."""
    rng = np.random.default_rng([PROTOCOL.seed, len(vectors)])
    rows = rng.choice(len(vectors), 2 * _ASKED + _UNSURE_ASKED, replace=False).tolist()
    asked: Asked = {"whole": [], "half": [], "unsure": []}
    for row in rows[:_ASKED]:
        asked["whole"].append((row, [noisy(vectors[row], rng, 1.0)]))
    for row in rows[_ASKED : 2 * _ASKED]:
        asked["half"].append((row, [noisy(vectors[row], rng, 0.5)]))
    for row in rows[2 * _ASKED :]:
        strangers = rng.choice(len(others), UNSURE_VIEWS - 1, replace=False)
        views = [noisy(others[stranger], rng, UNSURE_PART) for stranger in strangers]
        views.insert(int(rng.integers(UNSURE_VIEWS)), noisy(vectors[row], rng, UNSURE_PART))
        asked["unsure"].append((row, views))
    return asked


def random_vectors(count: int) -> np.ndarray:
    """(count, 496) int8 of nothing."""
    rng = np.random.default_rng([PROTOCOL.seed, 1])
    made = np.empty((count, DIMENSIONS), np.int8)
    for begin in range(0, count, _BATCH):
        part = rng.standard_normal((min(_BATCH, count - begin), DIMENSIONS), np.float32)
        made[begin : begin + len(part)] = np.rint(part * (127 / np.abs(part).max(1, keepdims=True)))
    return made


def photograph_vectors(folder: Path, count: int) -> np.ndarray:
    """(count, 496) int8 of parts of the photographs below a folder, as many of each, in random order."""
    rng = np.random.default_rng([PROTOCOL.seed, 2])
    paths = [found.path for found in find_pictures([str(folder)])]
    made = [
        pack(view)
        for path in paths
        for view in _parts(load_picture(path).image, -(-count // len(paths)), rng)
    ]
    vectors = np.frombuffer(b"".join(made), np.int8).reshape(-1, DIMENSIONS)
    return vectors[rng.permutation(len(vectors))[:count]]


def _parts(image: np.ndarray, count: int, rng: np.random.Generator) -> Iterator[View]:
    height, width = image.shape[:2]
    for _ in range(count):
        size = rng.uniform(*_PART)
        tall, wide = int(size * height), int(size * width)
        top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
        yield embed(np.ascontiguousarray(image[top : top + tall, left : left + wide]))


def _directions(vectors: np.ndarray) -> np.ndarray:
    found = vectors.astype(np.float32)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    vectors: int = 100_000


def run(run: Run) -> None:
    """Measure all indexes; every index is written, so that a stopped run keeps its figures."""
    settings, store = run.read_settings(Settings), STUDY.store(run.results)
    count, spare = settings.vectors, 10 * UNSURE_VIEWS
    made = photograph_vectors(run.data, count + spare) if run.data else random_vectors(count + spare)
    vectors, others = made[:count], made[count:]
    asked = questions(vectors, others)
    at = conditions(PROTOCOL) | {"faiss": version("faiss-cpu")}
    kind = "parts of photographs" if run.data else "random"
    rows = [{"index": "everything compared"} | exact(vectors, asked)]
    for name, make in indexes(vectors):
        rows.append({"index": name} | measure(make, vectors, asked))
        part = part_of(PROTOCOL, at, {}, vectors=count, kind=kind, rows=rows)
        store.write(kind.replace(" ", "-"), f"{kind}, {count}", part)


COLUMNS = (
    ("bytes_per_vector", "bytes a vector, beside the 496 of the vector", "{:,.0f}"),
    ("inserted_per_processor_s", "inserted a second", "{:,.0f}"),
    ("whole_ms", "one view, ms", "{:.1f}"),
    ("whole_recall", "recall@1", "{:.3f}"),
    ("half_ms", "half left out, ms", "{:.1f}"),
    ("half_recall", "recall@1", "{:.3f}"),
    ("unsure_ms", "27 views, ms", "{:.1f}"),
    ("unsure_recall", "recall@1", "{:.3f}"),
)


def table(store: Store) -> Sequence[Block] | None:
    """A row for each index over each collection of vectors."""
    if not store.parts:
        return None
    rows, lines = [], []
    for name, part in store.parts.items():
        of = f"{part['vectors']:,} {part['kind']}"
        for row in part["rows"]:
            cells = [form.format(row[key]) if key in row else "-" for key, _, form in COLUMNS]
            rows.append([store.marked(name, of), row["index"], *cells])
        at = part["conditions"]
        faiss = f"faiss-cpu {at['faiss']}, " if "faiss" in at else ""
        about = f"{store.measured_at(name)}, {at['device']}, {faiss}load {at['load']}"
        lines.append(f"- {of}: {about}")
    return [
        Table(("vectors", "index", *(head for _, head, _ in COLUMNS)), rows),
        "One thread, processor time. Conditions:",
        "\n".join(lines),
        store.stale_note(),
    ]


STUDY = Study(
    "vector-indexes",
    "search for neighbours: the registry's index and those of faiss",
    run,
    {"registry-indexes": table},
    Settings,
)
