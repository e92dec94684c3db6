"""The program `underdrawing`: every file NAME.py of commands/ is the command NAME.

A command's module holds `add_arguments(parser)` and `run(arguments) -> exit code`, and may hold EXAMPLES and
EXIT_HELP for its help, of which the first line of the file is the summary. Results go to stdout, with --json
one object a line; errors, counts and progress go to stderr.

Exit codes: 0 done, intact, found, or no signs of forgery; 1 altered, broken, or signs of forgery; 2 no mark,
nothing found, or cannot tell; 3 a file could not be read or written (the others are still done), or a fault
of the program; 4 unvouched; 64 wrong usage; 130 interrupted.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from underdrawing.commands._output import FAILED, print_error
from underdrawing.commands._parser import USAGE, command_module, program_parser
from underdrawing.core.errors import UnderdrawingError, UsageError

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. argv: without the program's name; None: of the process."""
    _print_any_name()
    os.environ.setdefault(
        "OMP_NUM_THREADS", "1"
    )  # of NumPy, OpenCV and the networks; waiting threads cost CPU
    given = list(sys.argv[1:] if argv is None else argv)
    parser = program_parser(given)
    if not given:
        print_error(parser.format_help())
        return USAGE
    arguments = parser.parse_args(given)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return command_module(arguments.command).run(arguments)
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
    except Exception as error:  # Python's own exit code would be that of an altered picture
        if arguments.verbose:
            traceback.print_exc()
        fault = f"internal error, please report it: {type(error).__name__}: {error}"
        print_error(f"underdrawing {arguments.command}: {fault}")
        return FAILED


def _print_any_name() -> None:
    """Let stdout and stderr print names of files that the locale cannot encode, as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
