"""Start a benchmark by name, with the systems that it measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from underdrawing.bench.immunized import run_imuge_tables
from underdrawing.bench.peers.run import run_peers
from underdrawing.bench.run import RunOptions, run_bench
from underdrawing.bench.subject import Subject
from underdrawing.core.errors import UsageError


def start(
    name: str,
    subject: Callable[[str], Subject],
    data: Path,
    results: Path,
    *,
    photos: int | None,
    only: Sequence[str] | None,
    options: RunOptions,
) -> dict:
    """The merged table of photo-core, photo-peers or imuge-table1, which is also in results/NAME.json.

    subject: loads a system by its name. photos and only: as in run_bench.
    """
    if name == "photo-peers":
        if not options.peers_python:
            raise UsageError("photo-peers needs --peers-python, see bench/peers/requirements.txt")
        peers = Path(options.peers_python)
        return run_peers(subject("photo"), data, results, peers, photos=photos, progress=options.progress)
    if name == "imuge-table1":
        both = [subject("imuge"), subject("photo")]
        return run_imuge_tables(both, data, results, photos=photos, only=only, options=options)
    return run_bench(subject("photo"), data, results, photos=photos, only=only, options=options)
