"""Hold the limits of the style guide on the sizes of files, functions and parameter lists."""

from __future__ import annotations

import ast
import statistics
import sys
from pathlib import Path

FILE_LINES, FUNCTION_LINES, PARAMETERS, MEDIAN_LINES = 500, 60, 7, 120
FOLDERS = ("underdrawing", "tests", "tools")


def faults(path: Path) -> list[str]:
    """What in one Python file is larger than allowed."""
    text = path.read_text(encoding="utf-8")
    found = []
    if len(text.splitlines()) > FILE_LINES:
        found.append(f"{path}: {len(text.splitlines())} lines, at most {FILE_LINES}")
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = code_lines(node, text)
        if lines > FUNCTION_LINES:
            found.append(
                f"{path}:{node.lineno}: {node.name} has {lines} code lines, at most {FUNCTION_LINES}"
            )
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        count = sum(argument.arg not in ("self", "cls") for argument in arguments)
        if count > PARAMETERS:
            found.append(f"{path}:{node.lineno}: {node.name} has {count} parameters, at most {PARAMETERS}")
    return found


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef, text: str) -> int:
    """Lines of a function that hold code: no docstring, blank lines or lines of comment."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if not body:
        return 0
    lines = text.splitlines()[body[0].lineno - 1 : node.end_lineno]
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in lines)


def main(root: Path) -> int:
    """Check every Python file below `root`; 1 where one is too large."""
    paths = sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py"))
    found = [fault for path in paths for fault in faults(path)]
    package = [path for path in paths if path.is_relative_to(root / "underdrawing")]
    counts = [len(path.read_text(encoding="utf-8").splitlines()) for path in package]
    counts = [count for count in counts if count > 2]  # an empty __init__ says nothing of how files are cut
    median = statistics.median(counts)
    if median > MEDIAN_LINES:
        found.append(f"underdrawing: the median file has {median:.0f} lines, at most {MEDIAN_LINES}")
    sys.stdout.write("".join(f"{fault}\n" for fault in found))
    sys.stdout.write(f"{len(paths)} files, median {median:.0f} lines, {len(found)} too large\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parent.parent))
