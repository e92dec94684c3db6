"""Start a benchmark by name, with the systems that it measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from underdrawing.bench.harness.run import RunOptions, run_bench
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies.imagenet_s.study import run_imagenet_s
from underdrawing.bench.studies.imuge import run_imuge_ablation, run_imuge_tables
from underdrawing.bench.studies.photo_peers.study import run_peers
from underdrawing.bench.tables_imuge import TABLE3
from underdrawing.core.errors import UsageError

ABLATION = tuple(TABLE3)
_VARIANTS = ("tokens", "256-bits", "64-bits")
IMAGENET_S_SYSTEMS = ("photo", "hidden-code", *(f"hidden-code:{variant}" for variant in _VARIANTS))
SINGLE_SCALE = "hidden-code:single-scale"
"""Measured where its weights are given: DIR/single-scale/tokens.safetensors."""


def _row(subject: Callable[..., Subject], recipe: str, weights: str | None) -> Subject:
    if not weights:
        raise UsageError("imuge-table3 needs --weights DIR, where DIR/RECIPE is the output of each training")
    loaded = subject("imuge", Path(weights) / recipe / "imuge.safetensors")
    return replace(loaded, name=recipe)


def start(
    name: str,
    subject: Callable[..., Subject],
    data: Path,
    results: Path,
    *,
    photos: int | None,
    only: Sequence[str] | None,
    options: RunOptions,
) -> dict:
    """The merged table of a benchmark, which is also in results/NAME.json.

    subject: loads a system by its name, from other weights than the released ones where a file of them is
    given too. photos and only: as in run_bench.
    """
    if name == "photo-peers":
        if not options.peers_python:
            raise UsageError("photo-peers needs --peers-python,see its requirements.txt")
        peers = Path(options.peers_python)
        return run_peers(subject("photo"), data, results, peers, photos=photos, progress=options.progress)
    if name == "imagenet-s":
        told = [subject(system) for system in IMAGENET_S_SYSTEMS]
        if options.weights:
            told.append(subject(SINGLE_SCALE, Path(options.weights) / "single-scale" / "tokens.safetensors"))
        told = [replace(system, owner=None) for system in told]  # nobody signs in the paper
        return run_imagenet_s(told, data, results, photos=photos, only=only, options=options)
    if name == "imuge-table1":
        both = [subject("imuge"), subject("photo")]
        return run_imuge_tables(both, data, results, photos=photos, only=only, options=options)
    if name == "imuge-table3":
        rows = [_row(subject, recipe, options.weights) for recipe in ABLATION]
        return run_imuge_ablation(rows, data, results, photos=photos, only=only, options=options)
    return run_bench(subject("photo"), data, results, photos=photos, only=only, options=options)
