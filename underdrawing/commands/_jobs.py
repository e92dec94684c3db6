"""Jobs of a command: the pictures that its arguments name, and where the result of each is written."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from underdrawing.batch import Job
from underdrawing.core.errors import PictureError, UsageError
from underdrawing.data import files
from underdrawing.data.containers import format_of
from underdrawing.report.findings import report_of

STREAM = "-"
"""As input stdin, as output stdout."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_OF_A_REPORT = frozenset({".html", ".json", ".pdf"})
_LONGEST_STEM_BYTES = 191
"""Of a name of 255 bytes, the most that file systems allow, the rest is for suffixes, as .report.html."""


@dataclass(frozen=True)
class Plan:
    """The jobs of a command, and the files that it leaves out with the reason."""

    jobs: list[Job]
    skipped: dict[Path, str] = field(default_factory=dict)


def file_plan(paths: Sequence[str], output: str, *, overwrite: bool, animated: bool = False) -> Plan:
    """Jobs whose target is one picture: `output` itself for one input file, else a file below `output`.

    An output that ends in a slash, or that exists as a folder, is a folder; one with the suffix of a file is
    a file; without a suffix it is a folder. "-" is stdout: the job has no target.
    animated: whether GIF files are taken, too.
    UsageError where a file is named for several inputs, or its suffix is no format that is written.
    """
    suffixes = _suffixes(animated)
    inputs, skipped = _inputs(paths, suffixes)
    single = len(inputs) == 1 and len(paths) == 1 and not files.is_folder(paths[0])
    if output == STREAM:
        return Plan([_to_stdout(inputs, single)], skipped)
    if _is_file(output, suffixes, single=single, count=len(inputs)):
        targets = [Path(output)]
    elif any(job.data is not None for job, _ in inputs):
        raise UsageError(f"{output}: a picture from stdin has no name; name a file, or - for stdout")
    else:
        targets = [Path(output) / relative for _, relative in inputs]
    inputs_by_target = Counter(targets)
    jobs = []
    for (job, _), target in zip(inputs, targets, strict=True):
        problem = _problem(job, target, suffixes, overwrite)
        if inputs_by_target[target] > 1:
            problem = f"{target}: several inputs would be written there; protect their folders one by one"
        jobs.append(Job(job.path, target, problem, job.url, job.data))
    return Plan(jobs, skipped)


def stem_plan(paths: Sequence[str], output: str | None, *, animated: bool = False) -> Plan:
    """Jobs whose target is folder / stem of several files, or None; equal stems keep their suffixes.

    Stems that are too long for the names of results are cut, and end in a part of their hash.
    animated: as in file_plan.
    UsageError where `output` is a file or looks like one.
    """
    inputs, skipped = _inputs(paths, _suffixes(animated))
    if output is None:
        return Plan([job for job, _ in inputs], skipped)
    _check_folder(output)
    stems = Counter(relative.with_suffix("") for _, relative in inputs)
    jobs = []
    for job, relative in inputs:
        stem = relative.with_suffix("")
        named = stem if stems[stem] == 1 else relative
        target = Path(output) / named.with_name(_short(named.name))
        jobs.append(Job(job.path, target, None, job.url, job.data))
    return Plan(jobs, skipped)


def is_file_name(output: str, suffixes: Collection[str] = files.PICTURE_SUFFIXES) -> bool:
    """Whether an output is stdout or has the suffix of a picture, and is no folder."""
    return output == STREAM or (
        Path(output).suffix.lower() in suffixes
        and not output.endswith(("/", os.sep))
        and not files.is_folder(output)
    )


def is_url(text: str) -> bool:
    """Whether an argument is a URL."""
    return _URL.match(text) is not None


def _suffixes(animated: bool) -> frozenset[str]:
    return files.PICTURE_SUFFIXES | files.ANIMATION_SUFFIXES if animated else files.PICTURE_SUFFIXES


def _inputs(
    paths: Sequence[str], suffixes: Collection[str]
) -> tuple[list[tuple[Job, Path]], dict[Path, str]]:
    """Jobs without targets for all pictures below `paths`, each once, with their places relative to the
    argument that named them; and what was skipped.

    An argument that names nothing is a job as well: the error comes when the file is read. Findings of
    `verify` and `examine` are skipped, unless one is all that is named.
    """
    found: dict[str, tuple[Job, Path]] = {}
    skipped: dict[Path, str] = {}
    for path in map(_local, paths):
        if path == STREAM:
            found.setdefault(path, (Job(Path(STREAM), data=_read_stdin()), Path("stdin")))
        elif is_url(path):
            name = PurePosixPath(urlsplit(path).path).name or "picture"
            found.setdefault(path, (Job(Path(name), url=path), Path(name)))
        else:
            try:
                for entry in files.find_pictures([path], skipped, suffixes):
                    found.setdefault(str(entry.path), (Job(entry.path), entry.relative))
            except PictureError:
                found.setdefault(path, (Job(Path(path)), Path(Path(path).name)))
    if len(paths) > 1 or not files.exists(paths[0]) or files.is_folder(paths[0]):
        findings = [path for path in map(Path, found) if report_of(path) is not None]
        for path in findings:
            del found[str(path)]
            skipped[path] = "a finding of verify or examine"
    return list(found.values()), skipped


def _local(path: str) -> str:
    """The path of a file:// URL; other arguments as they are."""
    if not path.startswith("file://"):
        return path
    from urllib.request import url2pathname  # brings the whole HTTP client

    return url2pathname(urlsplit(path).path)


def _read_stdin() -> bytes:
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("-: expected a picture on stdin, which is the terminal")
    return sys.stdin.buffer.read()


def _to_stdout(inputs: list[tuple[Job, Path]], single: bool) -> Job:
    if not single:
        raise UsageError("-: stdout takes one picture; name one file, or a folder for the output")
    if sys.stdout.isatty():
        raise UsageError("-: stdout is the terminal; redirect it to a file")
    return inputs[0][0]


def _is_file(output: str, suffixes: Collection[str], *, single: bool, count: int) -> bool:
    """Whether an output is a file. UsageError where it looks like one and cannot be."""
    _check_local(output)
    if is_file_name(output, suffixes):
        if not single:
            raise UsageError(f"{output}: is one file, for {count} pictures; for a folder write {output}/")
        return True
    is_folder = output.endswith(("/", os.sep)) or files.is_folder(output) or not Path(output).suffix
    if single and not is_folder:
        known = ", ".join(sorted(suffixes))
        raise UsageError(f"{output}: expected a suffix of {known}; for a folder write {output}/")
    return False


def _check_folder(output: str) -> None:
    if output == STREAM:
        raise UsageError("-: the results are several files; name a folder, or print one with --json")
    _check_local(output)
    like_file = Path(output).suffix.lower() in files.PICTURE_SUFFIXES | _OF_A_REPORT
    if output.endswith(("/", os.sep)) or files.is_folder(output):
        return
    if like_file or files.exists(output):
        raise UsageError(f"{output}: is a file; name a folder for the results, as {output}/")


def _check_local(output: str) -> None:
    if not output:
        raise UsageError("the output has no name")
    if is_url(output):
        raise UsageError(f"{output}: only `underdrawing bulk` writes to URLs; name a file or folder here")


def _problem(job: Job, target: Path, suffixes: frozenset[str], overwrite: bool) -> str | None:
    """Why a picture cannot be written to its target, as far as that is known before it is read."""
    try:
        if target.suffix.lower() not in suffixes & files.ANIMATION_SUFFIXES:
            format_of(target)
    except PictureError as error:
        return f"{target}: {error}"
    if overwrite or not files.exists(target):
        return None
    if job.url is None and files.exists(job.path) and target.samefile(job.path):
        return f"{target}: is the input itself; choose another output, or ask for it with --force"
    return f"{target}: exists already; --force overwrites it"


def _short(stem: str) -> str:
    """A stem that leaves room for suffixes, whatever bytes its name has."""
    name = os.fsencode(stem)
    if len(name) <= _LONGEST_STEM_BYTES:
        return stem
    kept = stem
    while len(os.fsencode(kept)) > _LONGEST_STEM_BYTES - 9:
        kept = kept[:-1]
    return f"{kept}~{hashlib.sha256(name).hexdigest()[:8]}"
