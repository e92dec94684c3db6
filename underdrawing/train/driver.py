"""Start one training by its module, with a recipe by name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from underdrawing.core.errors import UsageError

_MINUTES = 40.0


def start(
    module: str, data: Path, out: Path, minutes: float | None, resume: bool, recipe: str | None = None
) -> dict[str, Any]:
    """Run a training; the last row of its log, which is out/log.jsonl.

    minutes: of work over all resumptions; None: as long as the recipe says. recipe: None for the default.
    UsageError for an unknown recipe.
    """
    training = import_module(module)
    known = getattr(training, "RECIPES", None)
    if known is None:
        if recipe is not None:
            raise UsageError(f"{module} has a single recipe; leave --recipe out")
        return training.make(data, minutes or _MINUTES, out, resume)
    if recipe is not None and recipe not in known:
        raise UsageError(f"no recipe of {module} is called {recipe!r}; there are: {', '.join(known)}")
    return training.make(data, minutes, out, resume, recipe or training.DEFAULT)
