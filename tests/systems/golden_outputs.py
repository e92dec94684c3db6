"""Golden outputs of released weights: compared, and written anew with their hash in behaviour.json."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from underdrawing import zoo

GOLDEN = Path(__file__).parents[1] / "golden"


def released(kind: str) -> list[str]:
    """Systems of a kind with released weights."""
    return [name for name in zoo.names(kind) if zoo.card(name).own_weights]


def compare(name: str, found: dict[str, np.ndarray]) -> None:
    """The outputs of a system with its golden file, within 1 %."""
    with np.load(_path(name)) as golden:
        assert set(golden.files) == set(found)
        for part, values in found.items():
            np.testing.assert_allclose(values, golden[part], rtol=0.01, atol=0.01, err_msg=part)


def write(name: str, found: dict[str, np.ndarray]) -> None:
    """The golden file, and its hash as that of the behaviour that the card names."""
    recorded = GOLDEN / "behaviour.json"
    np.savez(_path(name), **found)
    hashes = json.loads(recorded.read_text())
    digest = hashlib.sha256(_path(name).read_bytes()).hexdigest()
    hashes.setdefault(name, {})[str(zoo.card(name).behaviour)] = digest
    recorded.write_text(json.dumps(hashes, indent=1, sort_keys=True) + "\n")


def _path(name: str) -> Path:
    return GOLDEN / f"{name.replace('-', '_')}.npz"
