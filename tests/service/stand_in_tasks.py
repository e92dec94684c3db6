"""Workers that do as the end of the picture's file says, in place of the real ones: for what is not about
pictures. Lies in a module of its own, for worker processes import it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from underdrawing.core.errors import PictureError, RegistryError

START = b"\x89PNG\r\n\x1a\n"


def order(words: str) -> bytes:
    """A file that passes for a picture and tells the worker what to do."""
    return START + words.encode()


def prepare(log: str | None = None) -> Callable[[dict], Any]:
    """The function of one task. log: a file that gets a line whenever a process is made ready."""
    if log is not None:
        with Path(log).open("a") as file:
            file.write(f"{os.getpid()}\n")
    return do


def prepare_badly(log: str) -> Callable[[dict], Any]:
    """Fails the first time."""
    if not Path(log).exists():
        Path(log).touch()
        raise RegistryError("not there yet")
    return do


def prepare_logged(log: Path) -> partial:
    return partial(prepare, str(log))


def do(task: dict[str, Any]) -> Any:
    words = Path(task["picture"]).read_bytes().removeprefix(START).decode(errors="replace").split()
    action, value = (words or ["answer"])[0], [*words, "", ""][1]
    if action == "sleep":
        time.sleep(float(value))
    elif action == "die":
        os._exit(3)
    elif action == "die-once" and not Path(value).exists():
        Path(value).touch()
        os._exit(3)
    elif action == "refuse":
        raise PictureError("not to my taste")
    elif action == "break":
        raise KeyError("secret-detail")
    elif action == "store":
        raise RegistryError("/secret/path: locked")
    elif action == "eat":
        np.ones(int(value), np.uint8)  # more than a worker may have
    if "folder" in task:
        size = int(value) if action == "large" else 1000
        (Path(task["folder"]) / "picture.received.jpg").write_bytes(b"x" * size)
    report = {
        "file": task.get("name"), "status": "intact", "present": True, "message": "As it was.",
        "record": None,
        "identity": None, "signature": {"state": "absent", "key": None, "trusted": False, "name": None},
        "altered_fraction": 0.0, "content_matches": None, "assurance": None,
        "previous": None, "recorded": None, "layers": ["base"], "details": {"pid": os.getpid()},
        "seconds": 0.0, "credentials": None, 
        "camera": None, "notes": [], "sha256": "0" * 64, "checked": "2026-01-02T03:04:05Z",
    }  # fmt: skip
    if task.get("do") == "examine":
        report |= {"status": "none", "size": [8, 8], "faces": [], "detectors": {}, "evidence": {}}
    return {"report": report, "files": ["picture.received.jpg"]}
