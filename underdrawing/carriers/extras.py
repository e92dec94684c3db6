"""Optional packages of the carriers: imported when they are needed, never fetched."""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType

from underdrawing.core.errors import MissingExtraError


def optional(module: str, extra: str) -> ModuleType:
    """Import a module of an optional package.

    MissingExtraError where it, or a package that it needs, is not installed or cannot be loaded.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except (ImportError, OSError, RuntimeError) as error:  # a binary that fits no torch raises the last two
        raise MissingExtraError(
            f'{module} cannot be imported ({error}); install it with: pip install "underdrawing[{extra}]"'
        ) from error
