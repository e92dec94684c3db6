"""Check the limits of the style guide: sizes, import circles, retired words, and the depth of `verify`."""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

FOLDERS = ("underdrawing", "tests", "tools")
FILE_LINES, FUNCTION_LINES = (350, 450), (35, 60)
"""Limit that is counted, and hard limit."""
PARAMETERS = 7
PUBLISHED_SIGNATURES = ("underdrawing/api/one_shot.py", "underdrawing/client/client.py")
"""Files whose functions may take more parameters."""
SYSTEM_LINES, LARGE_SYSTEM_LINES, LARGE_SYSTEMS = 900, 1600, ("photo", "hidden_code")
HOPS = 5
RETIRED = {
    "told", "untold", "untell", "gist", "gists", "grain", "grains", "seen", "heard",
    "gap", "gaps", "likeness", "likenesses", "supported", "founded", "faded", "anew", "drive",
    "drives", "lift", "lifts", "say", "says",
}  # fmt: skip
"""Words of the old vocabulary that no identifier contains; the glossary names the terms in use."""
ALLOWED = {
    "GAP": "the space between two pictures of a drawing",
    "_GAP": "the space between two paragraphs of a page",
}
"""Identifiers that contain a retired word in another meaning."""


@dataclass(frozen=True)
class Source:
    """One Python file. `path` is relative to the repository."""

    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def module(self) -> str:
        return ".".join(self.path.with_suffix("").parts).removesuffix(".__init__")


def read_sources(root: Path) -> list[Source]:
    """Every Python file of the checked folders below `root`."""
    paths = sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py"))
    return [Source(path.relative_to(root), path.read_text(encoding="utf-8")) for path in paths]


def size_faults(source: Source) -> tuple[list[str], list[str]]:
    """What exceeds a hard limit of file, function or parameter list, and what exceeds a counted one."""
    hard, soft = [], []
    lines = len(source.text.splitlines())
    _compare(f"{source.path}: {lines} lines", lines, FILE_LINES, hard, soft)
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        place, lines = f"{source.path}:{node.lineno}: {node.name}", code_lines(node, source.text)
        _compare(f"{place} has {lines} code lines", lines, FUNCTION_LINES, hard, soft)
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        count = sum(argument.arg not in ("self", "cls") for argument in arguments)
        if count > PARAMETERS and source.path.as_posix() not in PUBLISHED_SIGNATURES:
            hard.append(f"{place} has {count} parameters, at most {PARAMETERS}")
    return hard, soft


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef, text: str) -> int:
    """Lines of a function's body without docstring, blank lines and comment lines."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if not body:
        return 0
    lines = text.splitlines()[body[0].lineno - 1 : node.end_lineno]
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in lines)


def _compare(fact: str, count: int, limits: tuple[int, int], hard: list[str], soft: list[str]) -> None:
    if count > limits[1]:
        hard.append(f"{fact}, at most {limits[1]}")
    elif count > limits[0]:
        soft.append(f"{fact}, better at most {limits[0]}")


def system_faults(sources: list[Source]) -> list[str]:
    """Systems whose Python, training included, is too long."""
    lines: Counter[str] = Counter()
    for source in sources:
        if source.path.parts[:2] == ("underdrawing", "systems") and len(source.path.parts) > 3:
            lines[source.path.parts[2]] += len(source.text.splitlines())
    limits = {name: LARGE_SYSTEM_LINES if name in LARGE_SYSTEMS else SYSTEM_LINES for name in lines}
    return [
        f"underdrawing/systems/{name}: {count} lines of Python, at most {limits[name]}"
        for name, count in sorted(lines.items())
        if count > limits[name]
    ]


def circle_faults(sources: list[Source]) -> list[str]:
    """Groups of the package's modules that import each other, imports in functions and for types included."""
    modules = {source.module: source for source in sources if source.path.parts[0] == "underdrawing"}
    graph = {name: _imports(source, set(modules)) - {name} for name, source in modules.items()}
    reach: dict[str, set[str]] = {}
    for name in graph:
        reached, waiting = set(), list(graph[name])
        while waiting:
            other = waiting.pop()
            if other not in reached:
                reached.add(other)
                waiting += graph[other]
        reach[name] = reached
    circles = {
        tuple(sorted(other for other in reach[name] if name in reach[other]))
        for name in graph
        if name in reach[name]
    }
    return [f"modules that import each other: {', '.join(circle)}" for circle in sorted(circles)]


def _imports(source: Source, modules: set[str]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in modules}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found |= {inner if inner in modules else node.module} & modules
    return found


def word_faults(source: Source) -> list[str]:
    """Identifiers that contain a retired word, with the line of their definition."""
    faults = []
    for line, name in sorted(_definitions(source)):
        words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
        retired = {word.lower() for word in words} & RETIRED
        if retired and name not in ALLOWED:
            faults.append(f"{source.path}:{line}: {name}: the word {', '.join(sorted(retired))} is retired")
    return faults


def _definitions(source: Source) -> Iterator[tuple[int, str]]:
    """Line and name of every class, function, parameter, assigned name or attribute, and of the module."""
    yield 1, source.path.stem
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def verify_hops(picture: Any) -> int:
    """How many functions of the package are between Session.verify and ops.dct.analyse, on the first call.

    picture: (H, W, 3) uint8 RGB, protected. Lambdas and comprehensions count as part of their function.
    """
    import underdrawing
    from underdrawing.api.session import Session
    from underdrawing.ops import dct

    folder, depths = str(Path(underdrawing.__file__).parent), []

    def record(frame: Any, event: str, _argument: Any) -> None:
        if event != "call" or frame.f_code is not dct.analyse.__code__:
            return
        between, caller = 0, frame.f_back
        while caller.f_code is not Session.verify.__code__:
            code = caller.f_code
            between += code.co_filename.startswith(folder) and "<" not in code.co_name
            caller = caller.f_back
        depths.append(between)

    with Session() as session:
        sys.setprofile(record)
        try:
            session.verify(picture)
        finally:
            sys.setprofile(None)
    return depths[0]


def protected_crop(root: Path) -> Any:
    """A crop of the bundled photograph, protected: (H, W, 3) uint8 RGB."""
    import numpy as np
    from PIL import Image

    import underdrawing

    photo = np.asarray(Image.open(root / "underdrawing" / "assets" / "astronaut.png").convert("RGB"))
    return underdrawing.protect(photo[:384]).protected.image


def hop_faults(root: Path) -> list[str]:
    """Whether too many functions are between `Session.verify` and the mathematics."""
    hops = verify_hops(protected_crop(root))
    return [f"{hops} functions between Session.verify and ops.dct, at most {HOPS}"] if hops > HOPS else []


def main(root: Path, arguments: list[str]) -> int:
    """Print faults and totals; 1 where there are faults."""
    parser = argparse.ArgumentParser(description=__doc__)
    rules = ["sizes", "systems", "circles", "words", "hops"]
    parser.add_argument("rules", nargs="*", help=f"of {', '.join(rules)}; all where none is named")
    parser.add_argument("--list", action="store_true", help="list what exceeds the counted limits, too")
    options = parser.parse_args(arguments)
    wanted = options.rules or rules
    sources = read_sources(root)
    sizes = [size_faults(source) for source in sources]
    large = [fault for _, soft in sizes for fault in soft]
    faults = [fault for hard, _ in sizes for fault in hard] if "sizes" in wanted else []
    faults += system_faults(sources) if "systems" in wanted else []
    faults += circle_faults(sources) if "circles" in wanted else []
    faults += [fault for source in sources for fault in word_faults(source)] if "words" in wanted else []
    faults += hop_faults(root) if "hops" in wanted else []
    lines = sum(len(source.text.splitlines()) for source in sources if source.path.parts[0] != "tests")
    sys.stdout.write("".join(f"{line}\n" for line in [*faults, *(large if options.list else [])]))
    sys.stdout.write(
        f"{len(sources)} files, {lines} lines of Python outside tests, {len(large)} files and functions "
        f"above the counted limits (--list names them), {len(faults)} faults\n"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parent.parent, sys.argv[1:]))
