"""The parser of the program: its commands, the flags that all of them take, suggestions for misspelt words.

Only the module of the command in use is imported: each takes a while.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from underdrawing import __version__

USAGE = 64
"""Exit code of wrong usage."""
_DESCRIPTION = "Hide in a photograph a sketch of itself; find what was altered."


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that ends with exit code 64 and suggests the option that was meant."""

    _given: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As in the base class, but an unknown argument is an error of the command that it was given to."""
        self._given = list(sys.argv[1:] if args is None else args)
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return namespace, unknown

    def error(self, message: str) -> NoReturn:
        """Print usage and message, and exit."""
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {self._unknown_option() or message}\n")

    def _unknown_option(self) -> str | None:
        """A message about the first option that does not exist, whatever else is wrong."""
        options = list(self._option_string_actions)
        for argument in self._given:
            name = argument.partition("=")[0]
            if argument == "--":
                return None
            if name.startswith("--") and not any(option.startswith(name) for option in options):
                return f"there is no option {name}{_meant(name, options)}"
        return None


def program_parser(argv: Sequence[str]) -> Parser:
    """The parser of the program, with the arguments of the command in `argv` alone."""
    parser = Parser(prog="underdrawing", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"underdrawing {__version__}")
    known = summaries()
    chosen = next((argument for argument in argv if not argument.startswith("-")), None)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for name, summary in known.items():
        command = commands.add_parser(name, help=summary)
        if name == chosen:
            _fill(command, name, summary)
    if chosen is not None and chosen not in known:
        parser.error(_unknown_command(chosen, known))
    return parser


def command_parsers() -> dict[str, Parser]:
    """The parser of every command, by name."""
    parsers = {}
    for name, summary in summaries().items():
        parsers[name] = Parser(prog=f"underdrawing {name}")
        _fill(parsers[name], name, summary)
    return parsers


def command_module(name: str) -> ModuleType:
    """The module of a command."""
    return import_module(f"underdrawing.commands.{name}")


def summaries() -> dict[str, str]:
    """The first line of help of every command, by name. Read from the files, since imports take longer."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        with path.open(encoding="utf-8") as file:
            found[path.stem] = file.readline().strip().strip('"')
    return found


def _fill(parser: Parser, name: str, summary: str) -> None:
    module = command_module(name)
    parser.description = summary
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _epilog(getattr(module, "EXAMPLES", ()), getattr(module, "EXIT_HELP", ""))
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, warnings, counts, sentences")
    parser.add_argument("-v", "--verbose", action="store_true", help="name what is skipped; more of a result")
    module.add_arguments(parser)


def _epilog(examples: Sequence[str], codes: str) -> str:
    parts = ["\n  ".join(["examples:", *examples])] if examples else []
    return "\n\n".join([*parts, *([f"exit codes: {codes}"] if codes else [])])


def _unknown_command(name: str, known: Iterable[str]) -> str:
    if Path(name).suffix and not get_close_matches(name, known, 1):
        return f"{name}: a command comes first, as in `underdrawing verify {name}`"
    return f"there is no command {name}{_meant(name, known)}"


def _meant(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]}?" if close else ""
