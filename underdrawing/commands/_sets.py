"""Arguments and output that the commands for labelled sets have in common."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underdrawing.commands._output import print_error, print_result
from underdrawing.core.errors import UsageError

if TYPE_CHECKING:
    from underdrawing.batch import Job, Result
    from underdrawing.data.face_identity import Identify


def identity_rule(rule: str) -> Identify:
    """By file, by folder, or by a CSV. UsageError where it cannot be read."""
    from underdrawing.data.face_identity import IdentityTable, by_file, by_folder

    return {"file": by_file, "folder": by_folder}.get(rule) or IdentityTable.read(Path(rule))


def source_and_path(argument: str) -> tuple[str, Path]:
    """(name of the set of pictures, path) of FOLDER or NAME=FOLDER. UsageError where there is none."""
    name, equals, place = argument.partition("=")
    path = Path(place if equals else argument)
    if not path.exists():
        raise UsageError(f"{path}: no such folder or file")
    return (name if equals else path.resolve().stem), path


def kinds_of(arguments: argparse.Namespace, kinds: Iterable[str], taef2: str) -> tuple[str, ...]:
    """Kinds that `--kinds` names, all by default; `taef2` is one where `--taef2` gives its folder.

    UsageError for others, and for a folder that is not there.
    """
    known = (*kinds, *((taef2,) if arguments.taef2 else ()))
    chosen = tuple(arguments.kinds.split(",")) if arguments.kinds else known
    if unknown := set(chosen) - set(known):
        raise UsageError(f"no kind is called {min(unknown)!r}; there are: {', '.join(known)}")
    if arguments.taef2 and not Path(arguments.taef2).is_dir():
        raise UsageError(f"--taef2 {arguments.taef2}: no such folder")
    return chosen


def jobs_below(path: Path) -> list[Job]:
    """A job for each picture file."""
    from underdrawing.batch import Job
    from underdrawing.data.files import find_pictures

    return [Job(found.path) for found in find_pictures([path])]


def relative_to(root: Path, path: Path) -> Path:
    """Of a file below an argument's folder, or of the argument itself."""
    return path.relative_to(root) if root.is_dir() else Path(path.name)


def without_entries(results: Iterator[Result], entries: list[Any]) -> Iterator[Result]:
    """The results without their entries of the set, which are added to the list."""
    for result in results:
        entries += result.pop("entries", [])
        yield result


def print_summary(arguments: argparse.Namespace, status: str, pictures: Iterable[tuple[str, str]]) -> None:
    """Print what is in a set, from the (split, kind) of its pictures."""
    counts: dict[str, dict[str, int]] = {}
    for split, kind in pictures:
        kinds = counts.setdefault(split, {})
        kinds[kind] = kinds.get(kind, 0) + 1
    text = "\n".join(
        f"{split}: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        for split, kinds in sorted(counts.items())
    )
    if arguments.quiet and not arguments.json:
        return
    print_result(arguments, {"status": status, "output": arguments.output, "pictures": counts}, text)
    total = sum(sum(kinds.values()) for kinds in counts.values())
    print_error(f"{total} pictures in {arguments.output}")
