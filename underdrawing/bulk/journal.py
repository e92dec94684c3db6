"""The journal of a bulk run: one JSON object per line, appended as results arrive.

    {"journal": 1, "settings": {...}}                    first line: the settings, with the seed
    {"file": "a/b.jpg", "status": "done", ...}           a unit that is written
    {"file": "a/c.jpg", "status": "error", ...}          one that failed; tried again when the run is resumed

An incomplete last line is dropped. Outputs are written before their line, atomically, and are reproduced
exactly, or kept where they are signed: a lost line costs time only.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from pathlib import Path
from typing import Any

from underdrawing.core.errors import OutputError, UsageError

FORMAT = 1
_SEED_BYTES = 16


class Journal:
    """The journal of one run, locked by one process at a time."""

    def __init__(self, path: str | Path, settings: dict[str, Any]):
        """Open or create a journal. settings: a "seed" of None becomes that of the journal, or a random one.

        UsageError for the journal of another run and for other files; OutputError where it cannot be written,
        or another process has locked it.
        """
        self.path = Path(path)
        self.done: set[str] = set()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b")
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror})") from error
        try:
            self._lock()
            self.settings = self._read(settings)
        except BaseException:
            self._file.close()
            raise

    def add(self, result: dict[str, Any]) -> None:
        """Append the result of one unit. OutputError where the disk is full."""
        self._append(result)
        if result["status"] != "error":
            self.done.add(result["file"])

    def close(self) -> None:
        """Close and unlock the file."""
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _append(self, line: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(line, allow_nan=False).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror})") from error

    def _lock(self) -> None:
        with contextlib.suppress(ImportError):  # Windows: no lock
            import fcntl

            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise OutputError(f"{self.path}: another process is at this run") from error

    def _read(self, settings: dict[str, Any]) -> dict[str, Any]:
        self._file.seek(0)
        data = self._file.read()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) != len(data):
            self._file.truncate(len(whole))
        if not whole:
            settings = settings | {"seed": settings["seed"] or secrets.token_hex(_SEED_BYTES)}
            self._append({"journal": FORMAT, "settings": settings})
            return settings
        try:
            first, *lines = map(json.loads, whole.splitlines())
            known = first["settings"]
            if first["journal"] != FORMAT or not isinstance(known, dict):
                raise ValueError
            self.done = {line["file"] for line in lines if line["status"] != "error"}
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{self.path}: not a journal of this version; name another file") from error
        other = sorted(key for key in settings.keys() | known.keys() if settings.get(key) != known.get(key))
        if [key for key in other if key != "seed" or settings.get("seed")]:
            differences = ", ".join(f"{key} {known.get(key)!r}" for key in other)
            raise UsageError(
                f"{self.path}: the journal of another run, with {differences}; name another file"
            )
        return known
