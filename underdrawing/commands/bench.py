"""Measure the system on a folder of photographs and write results/NAME.json, part by part."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from underdrawing.commands import _flags
from underdrawing.commands._output import DONE, print_result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The protocol, photographs and results."""
    parser.add_argument(
        "name",
        choices=["photo-core", "photo-peers", "imuge-table1", "imuge-table3", "imagenet-s"],
        help="the protocol to run",
    )
    parser.add_argument("--data", required=True, metavar="DIR", help="folder with the sets of photographs")
    parser.add_argument("--results", default="results", metavar="DIR", help="where the results are kept")
    parser.add_argument("--photos", type=int, metavar="N", help="at most so many photographs of each set")
    parser.add_argument("--only", nargs="+", metavar="PART", help="these parts alone")
    parser.add_argument("--again", action="store_true", help="repeat parts that are done")
    _flags.add_jobs(parser)
    parser.add_argument("--peers-python", metavar="PYTHON", help="of the peers' environment (photo-peers)")
    parser.add_argument(
        "--weights", metavar="DIR", help="trainings, a folder for each recipe (imuge-table3, imagenet-s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure what is not measured yet."""
    import secrets

    from underdrawing import zoo as cards
    from underdrawing.bench.harness.run import RunOptions
    from underdrawing.bench.harness.subjects import Subject
    from underdrawing.bench.start import start
    from underdrawing.coding.keys import Owner

    def subject(name: str, weights: Path | None = None) -> Subject:
        card = cards.card(name.partition(":")[0])
        owner = Owner.create() if "sign" in card.abilities else None
        return Subject(name, cards.load(name, weights), owner, secrets.token_bytes(8))

    peers, trainings = arguments.peers_python, arguments.weights
    options = RunOptions(arguments.again, arguments.jobs, _progress, peers, trainings)
    folders = Path(arguments.data), Path(arguments.results)
    chosen = {"photos": arguments.photos, "only": arguments.only, "options": options}
    table = start(arguments.name, subject, *folders, **chosen)
    written = str(Path(arguments.results) / f"{arguments.name}.json")
    result = {"status": "measured", "output": written, "figures": table["figures"]}
    print_result(arguments, result, f"{written} written")
    return DONE


def _progress(part: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{part} {done}/{total}", end="", file=sys.stderr, flush=True)
