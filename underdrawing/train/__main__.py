"""Train one of the shipped networks.

python -m underdrawing.train NAME --data DIR --out runs/x [--recipe R] [--minutes M] [--resume]
"""

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

from underdrawing.core.errors import UsageError

SYSTEMS = {
    "hidden-code-recovery": "underdrawing.systems.hidden_code.training_recovery",
    "hidden-code-tokens": "underdrawing.systems.hidden_code.training_tokens",
    "imuge": "underdrawing.systems.imuge.training",
    "photo-fusion": "underdrawing.systems.photo.training_fusion",
    "photo-reader": "underdrawing.systems.photo.training_locator",
    "photo-sketch": "underdrawing.systems.photo.training_sketch",
    "photo-sketch-code": "underdrawing.systems.photo.training_context",
}
_MINUTES = 40.0


def start(
    name: str, data: Path, out: Path, minutes: float | None, resume: bool, recipe: str | None = None
) -> dict[str, Any]:
    """Train by name; the last row of the log, which is out/log.jsonl.

    minutes: of work over all resumptions; None: as long as the recipe says, or 40.
    recipe: one of the system's named recipes; None: its default. UsageError where there is none of that name.
    """
    if name not in SYSTEMS:
        raise UsageError(f"nothing to train is called {name!r}; there are: {', '.join(SYSTEMS)}")
    module = importlib.import_module(SYSTEMS[name])
    known = getattr(module, "RECIPES", None)
    if known is None:
        if recipe is not None:
            raise UsageError(f"{name} has a single recipe; leave --recipe out")
        return module.make(data, minutes or _MINUTES, out, resume)
    if recipe is not None and recipe not in known:
        raise UsageError(f"no recipe of {name} is called {recipe!r}; there are: {', '.join(known)}")
    return module.make(data, minutes, out, resume, recipe or module.DEFAULT)


def main() -> int:
    """Find the recipe by name and run it; the log is out/log.jsonl."""
    parser = argparse.ArgumentParser(prog="python -m underdrawing.train", description=__doc__)
    parser.add_argument("name", choices=sorted(SYSTEMS))
    parser.add_argument("--data", type=Path, required=True, help="folder of tar shards with photographs")
    parser.add_argument("--recipe", help="one of the system's named recipes")
    parser.add_argument("--minutes", type=float, help="time of work over all resumptions")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and the log")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    given = parser.parse_args()
    try:
        last = start(given.name, given.data, given.out, given.minutes, given.resume, given.recipe)
    except UsageError as error:
        parser.error(str(error))
    sys.stderr.write(f"trained: {last}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
