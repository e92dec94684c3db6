"""Every kind of registry, empty, under one name; a new kind has to be added here and nowhere else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from underdrawing.registry.store import Registry, open_registry


def sqlite_address(folder: Path) -> str:
    return f"sqlite:///{folder / 'registry.db'}"


@pytest.fixture(params=[sqlite_address])
def address(request, tmp_path) -> str:
    """Path or URL of a registry that is not there yet."""
    return request.param(tmp_path)


@pytest.fixture
def registry(address) -> Registry:
    with open_registry(address, create=True) as opened:
        yield opened


@pytest.fixture
def reopened(address, registry) -> Callable[[], Registry]:
    """Another user of the same registry."""
    return lambda: open_registry(address)
