"""The program `underdrawing`: every file NAME.py of commands/ is the command NAME.

A command's module holds `add_arguments(parser)` and `run(arguments) -> exit code`; the first line of the file
is its help. Results go to stdout, with --json one object a line; errors and progress go to stderr.

Exit codes: 0 done, intact or found; 1 altered or broken; 2 no mark or nothing found; 3 a file could not be
read or written (the others are still done); 64 wrong usage; 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import FrameType, ModuleType
from typing import NoReturn

from underdrawing import __version__
from underdrawing.commands._output import FAILED, print_error
from underdrawing.core.errors import UnderdrawingError, UsageError

USAGE, INTERRUPTED = 64, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. argv: without the program's name; None: of the process."""
    arguments = _parser(sys.argv[1:] if argv is None else argv).parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _command(arguments.command).run(arguments)
    except UsageError as error:
        print_error(f"underdrawing {arguments.command}: {error}")
        return USAGE
    except BrokenPipeError:  # the reader of stdout is gone (`| head`): nothing may be flushed to it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (UnderdrawingError, OSError) as error:
        print_error(f"underdrawing {arguments.command}: {error}")
        return FAILED
    except KeyboardInterrupt:
        print_error("\ninterrupted; files written so far are whole, the rest was not begun")
        return INTERRUPTED


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def summaries() -> dict[str, str]:
    """The first line of help of every command, by name. Read from the files, since imports take longer."""
    found = {}
    for path in sorted(Path(__file__).with_name("commands").glob("[!_]*.py")):
        with path.open(encoding="utf-8") as file:
            found[path.stem] = file.readline().strip().strip('"')
    return found


def _command(name: str) -> ModuleType:
    return import_module(f"underdrawing.commands.{name}")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the program, with the arguments of the command in `argv` alone."""
    parser = _Parser(
        prog="underdrawing", description="Hide in a photograph a sketch of itself; find what was altered."
    )
    parser.add_argument("--version", action="version", version=f"underdrawing {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    chosen = next((argument for argument in argv if not argument.startswith("-")), None)
    for name, summary in summaries().items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name == chosen:
            command.add_argument("--json", action="store_true", help="print one JSON object a line")
            _command(name).add_arguments(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
