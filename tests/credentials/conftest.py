"""Photographs as files, a test signer, and a file that it has signed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from credential_files import IDENTITY, encoded

from underdrawing.credentials.signing import CredentialSigner, Original
from underdrawing.credentials.trial import Issued, issue

pytest.importorskip("c2pa", reason="the extra 'credentials' is not installed")


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    return np.ascontiguousarray(skimage.data.astronaut()[0:256, 40:296])


@pytest.fixture(scope="session")
def issued(tmp_path_factory) -> Issued:
    return issue(tmp_path_factory.mktemp("agency"), organization="Test Agency")


@pytest.fixture(scope="session")
def signer(issued) -> CredentialSigner:
    return CredentialSigner.load(issued.chain, issued.key)


@pytest.fixture(scope="session")
def anchors(issued) -> str:
    return Path(issued.root).read_text(encoding="ascii")


@pytest.fixture(scope="session")
def original(astronaut) -> Original:
    return Original("astronaut.jpg", encoded(astronaut), "JPEG")


@pytest.fixture(scope="session")
def signed(signer, original, astronaut) -> tuple[bytes, bytes]:
    """A JPEG file with a manifest, and the manifest store alone."""
    data = encoded(astronaut, quality=95)
    return signer.sign(data, "JPEG", identity=IDENTITY, system="photo", original=original)
