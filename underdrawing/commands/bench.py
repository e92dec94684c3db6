"""Measure a study and write results/NAME/, part by part; without a name, list the studies."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from underdrawing.commands import _flags
from underdrawing.commands._output import DONE, print_result
from underdrawing.core.errors import UsageError
from underdrawing.core.extras import needs_extra

EXAMPLES = (
    "underdrawing bench",
    "underdrawing bench photo-core --data photographs/",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The study, photographs and results."""
    parser.add_argument("name", nargs="?", help="the study to run; without it all are listed")
    parser.add_argument("--data", metavar="DIR", help="folder with the sets of photographs")
    parser.add_argument("--results", default="results", metavar="DIR", help="where the results are kept")
    parser.add_argument("--photos", type=int, metavar="N", help="at most so many photographs of each set")
    parser.add_argument("--only", nargs="+", default=[], metavar="PART", help="these parts alone")
    parser.add_argument("--again", action="store_true", help="repeat parts that are done")
    _flags.add(parser, "--jobs")
    parser.add_argument("--peers-python", metavar="PYTHON", help="of the peers' environment (photo-peers)")
    parser.add_argument(
        "--weights", metavar="DIR", help="trainings, a folder for each recipe (imuge, imagenet-s)"
    )
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="NAME=VALUE", help="options of the study alone"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure what is not measured yet."""
    with needs_extra("bench"):
        from underdrawing.bench.harness.run import Run
        from underdrawing.bench.tables import find_studies, find_study
    if arguments.name is None:
        for study in find_studies().values():
            text = f"{study.name:18} {study.summary}"
            print_result(arguments, {"name": study.name, "summary": study.summary}, text)
        return DONE
    study, results = find_study(arguments.name), Path(arguments.results)
    options = {name: getattr(arguments, name) for name in ("photos", "only", "again")}
    options |= {"workers": arguments.jobs, "progress": _progress, "settings": _settings(arguments)}
    study.run(Run(results, None if arguments.data is None else Path(arguments.data), **options))
    written = str(results / study.name)
    result = {"status": "measured", "output": written, "figures": study.store(results).figures}
    print_result(arguments, result, f"{written} written")
    return DONE


def _settings(arguments: argparse.Namespace) -> dict[str, str]:
    given = {"weights": arguments.weights, "peers_python": arguments.peers_python}
    settings = {name: value for name, value in given.items() if value is not None}
    for text in arguments.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set expects NAME=VALUE, got {text!r}")
        settings[name] = value
    return settings


def _progress(part: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{part} {done}/{total}", end="", file=sys.stderr, flush=True)
