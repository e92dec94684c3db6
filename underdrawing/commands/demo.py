"""Protect a bundled photograph, alter and recompress it, verify and recover it, and draw the strip."""

from __future__ import annotations

import argparse
from pathlib import Path

from underdrawing.commands import _flags
from underdrawing.commands._output import DONE, FAILED, print_result

_FOLDER = "underdrawing_demo"

EXAMPLES = (
    "underdrawing demo",
    "underdrawing demo -o strip/",
)
EXIT_HELP = "0 the alteration was found, 3 it was not."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The output folder."""
    parser.add_argument("-o", "--output", default=_FOLDER, metavar="OUT", help="folder for the pictures")
    _flags.add(parser, "--force")


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration; it succeeds where the alteration is found."""
    from underdrawing.demo import run_demo

    # The default folder holds nothing else, so a second run may overwrite the first.
    overwrite = arguments.force or arguments.output == _FOLDER
    demo = run_demo(Path(arguments.output), overwrite=overwrite)
    print_result(arguments, demo.to_json(), "\n".join(demo.lines))
    return DONE if demo.verdict.status == "altered" else FAILED
