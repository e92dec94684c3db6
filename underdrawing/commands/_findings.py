"""Findings of an earlier run of `verify` or `examine`: a later run replaces those of the same picture."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from underdrawing.report.findings import report_of


def earlier(target: Path, name: str, source: Path | BinaryIO, kind: str = "report") -> list[Path]:
    """The files of findings that are at `target` (folder / stem) already; none where they are of another
    picture. name: what reports call the picture; kind: "report" of verify, "examined" of examine."""
    report = target.with_name(f"{target.name}.{kind}.json")
    try:
        found = json.loads(report.read_text(encoding="utf-8"))
        same_name = Path(found["file"] or "").absolute() == Path(name).absolute()
        if not same_name and found["sha256"] != _sha256(source):
            return []
    except (OSError, ValueError, KeyError, TypeError):  # none, or no report of ours
        return []
    return [path for path in target.parent.iterdir() if report_of(path) == report]


def remove_stale(paths: Iterable[Path], written: Iterable[str]) -> None:
    """Remove the earlier findings that were not written again, as the mask of what is unprotected now."""
    current = {Path(path).name for path in written}
    for path in paths:
        if path.name not in current:
            path.unlink(missing_ok=True)


def _sha256(source: Path | BinaryIO) -> str:
    if isinstance(source, Path):
        return hashlib.sha256(source.read_bytes()).hexdigest()
    data = source.read()
    source.seek(0)
    return hashlib.sha256(data).hexdigest()
