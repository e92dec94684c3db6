"""Train one of the shipped networks again, or go on with a training that was stopped."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from underdrawing.commands._output import DONE, print_result
from underdrawing.core.extras import needs_extra

EXAMPLES = (
    "underdrawing train imuge --recipe lean-cpu-2h --data shards/ -o runs/imuge",
    "underdrawing train photo-sketch --data shards/ -o runs/sketch --minutes 60 --resume",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The training, its data and its output."""
    parser.add_argument("name", metavar="SYSTEM", help="what to train, as imuge or photo-sketch")
    parser.add_argument(
        "--recipe", metavar="RECIPE", help="one of the system's named recipes, as lean-cpu-2h"
    )
    parser.add_argument("--data", required=True, metavar="DIR", help="folder of tar shards with photographs")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="folder of checkpoint and log")
    parser.add_argument("--without", metavar="KINDS", help="kinds of forgeries to leave out, as swap,blend")
    parser.add_argument(
        "--trunk", metavar="FILE", help="what the trunks of a detector start from: file of face-trunk"
    )
    parser.add_argument("--minutes", type=float, help="time of work over all resumptions")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in OUT")


def run(arguments: argparse.Namespace) -> int:
    """Train."""
    from underdrawing import zoo

    with needs_extra("train"):
        from underdrawing.train.run import start
    module = zoo.training(arguments.name).module
    data, output = Path(arguments.data), Path(arguments.output)
    changes: dict[str, Any] = {"without": tuple(arguments.without.split(","))} if arguments.without else {}
    if arguments.trunk:
        changes["trunk"] = arguments.trunk
    last = start(module, data, output, arguments.minutes, arguments.resume, arguments.recipe, changes)
    result = {"status": "trained", "output": arguments.output, "last": str(last)}
    print_result(arguments, result, f"trained: {last}")
    return DONE
