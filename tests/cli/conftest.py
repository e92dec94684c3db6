"""A photograph in a folder, the command line in this process, and a small system in place of the real one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from underdrawing import cli, zoo
from underdrawing.core.types import Signature, Verdict

IDENTITY = "0123456789abcdef"


@dataclass
class Protection:
    residual: np.ndarray
    identity: str = IDENTITY
    bits: dict[str, int] = field(default_factory=lambda: {"base": 122, "content": 60})

    def apply(self, pixels):
        return np.clip(pixels + self.residual[:, :, None], 0, 255).astype(np.uint8)


class StandIn:
    """Adds a known pattern of +-4 levels; a block counts as altered where their correlation is low."""

    def __init__(self) -> None:
        self.key: str | None = None
        self.identity = IDENTITY
        self.calls: list[dict] = []
        """Options of every protect."""
        self.verified: list[dict] = []
        """Options of every verify, and of every reading back by protect."""
        self.loaded: list[str] = []

    def protect(self, image, *, owner, identity, secret, strength):
        self.calls.append({"owner": owner, "identity": identity, "secret": secret, "strength": strength})
        self.identity = identity.hex() if identity else IDENTITY
        if owner is not None:
            self.key = owner.public.fingerprint
        return Protection(4 * self._pattern(*image.shape[:2]), self.identity)

    def verify(self, image, *, secret, find_key):
        self.verified.append({"secret": secret})
        height, width = image.shape[:2]
        rows, cols = height // 32, width // 32
        luma = image[: rows * 32, : cols * 32].mean(axis=2, dtype=np.float32)
        detail = luma - cv2.blur(luma, (3, 3))
        strength = (detail * self._pattern(*luma.shape)).reshape(rows, 32, cols, 32).mean(axis=(1, 3))
        if np.median(strength) < 1.5:
            return Verdict("unprotected", False, "No mark was found.")
        prob = cv2.resize(
            (strength < 1.5).astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST
        )
        altered = float(prob.mean())
        return Verdict(
            "altered" if altered > 0.01 else "intact",
            True,
            "A sentence for people <&>.",
            identity=self.identity,
            signature=Signature("valid" if self.key else "absent", self.key),
            tampered_prob=prob,
            recovered=image,
            source_map=(prob > 0.5).astype(np.uint8),
            confidence=1 - prob / 2,
            altered_fraction=altered,
            layers=("base",),
            details={"scale": np.float32(1), "false_accept": 1e-9, "evidence": prob, "endless": float("inf")},
        )

    @staticmethod
    def _pattern(height: int, width: int) -> np.ndarray:
        return np.random.default_rng(3).choice(np.array([-1, 1], np.float32), (4096, 4096))[:height, :width]


@pytest.fixture
def stand_in(monkeypatch) -> StandIn:
    system = StandIn()
    monkeypatch.setattr(zoo, "load", lambda name="photo", weights=None: system.loaded.append(name) or system)
    return system


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """(256, 256, 3) uint8: the head and the flag."""
    return np.ascontiguousarray(skimage.data.astronaut()[0:256, 40:296])


@pytest.fixture
def photo(tmp_path, astronaut) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(astronaut).save(path)
    return path


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def run(capsys, tmp_path) -> Callable[..., Ran]:
    """The command line, called in this process: exit code, stdout and stderr."""

    def call(*arguments: object) -> Ran:
        capsys.readouterr()
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return call
