"""Records of nothing in particular, for tests."""

import numpy as np

from underdrawing.registry import embedding
from underdrawing.registry.embedding import DIMENSIONS, View, pack
from underdrawing.registry.facts import Facts
from underdrawing.registry.record import Copy, Record
from underdrawing.registry.rendition import Rendition, render


def vector(seed: int) -> np.ndarray:
    return np.random.default_rng([seed, 7]).standard_normal(DIMENSIONS).astype(np.float32)


def view(seed: int, noise: float = 0.0, part: float = 1.0) -> View:
    """The view of a record's vector, disturbed, of which a part counts."""
    rng = np.random.default_rng([seed, 8])
    counts = rng.random(DIMENSIONS) < part
    disturbed = vector(seed) + noise * rng.standard_normal(DIMENSIONS).astype(np.float32)
    return View(np.where(counts, disturbed, 0).astype(np.float32), counts)


def rendition(seed: int) -> Rendition:
    """Of a small picture of a few colours."""
    rng = np.random.default_rng([seed, 9])
    return render(np.kron(rng.integers(0, 256, (3, 4, 3), np.uint8), np.ones((8, 8, 1), np.uint8)))


def record(seed: int, **changes) -> Record:
    rng = np.random.default_rng(seed)

    def copy(place: str) -> Copy:
        return Copy(rng.bytes(32).hex(), rng.bytes(8).hex(), rng.bytes(32).hex(), place)

    given = {
        "original": copy(f"/archive/{seed}.jpg"),
        "protected": copy(f"/published/{seed}.jpg"),
        "size": (640, 480),
        "registered": "2026-01-02T03:04:05Z",
        "identity": rng.bytes(8).hex(),
        "code": rng.bytes(40),
        "vector": pack(View(vector(seed), np.ones(DIMENSIONS, bool))),
        "embedding": embedding.NAME,
        "facts": Facts(caption=f"Number {seed}: a bridge, 橋, und „Anführung“", who=("Ada", "Bob")),
    }
    return Record(**(given | changes))
