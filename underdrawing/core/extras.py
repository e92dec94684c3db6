"""Optional packages: an import that fails names the extra to install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from underdrawing.core.errors import MissingExtraError


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Imports of packages of an extra. MissingExtraError where one is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "underdrawing":
            raise
        text = f'this needs the package {package}: pip install "underdrawing[{extra}]"'
        raise MissingExtraError(text) from error
