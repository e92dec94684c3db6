"""The zoo: which systems there are, what they can do, and their weights, checked before they are loaded.

Every system has a card, `systems/NAME/card.toml`; `load` follows it: card -> sha256 of each weight -> system.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from underdrawing.core.errors import WeightsError

_SYSTEMS = Path(__file__).parent / "systems"


@dataclass(frozen=True)
class Weight:
    """One released weight file, as its card describes it."""

    path: Path
    sha256: str
    """64 hex digits."""
    size_bytes: int
    licence: str
    job: str
    """What the network does, in a few words."""
    trained: str
    """Recipe, data and commit that made it."""

    def check(self) -> None:
        """WeightsError where the file is missing or is not the one that the card names."""
        if not self.path.is_file():
            raise WeightsError(f"{self.path}: the weight file is missing; reinstall the package")
        found = hashlib.sha256(self.path.read_bytes()).hexdigest()
        if found != self.sha256:
            raise WeightsError(
                f"{self.path}: sha256 {found[:16]}..., but the card names {self.sha256[:16]}...; "
                "the file is damaged or was replaced; reinstall the package"
            )


@dataclass(frozen=True)
class Card:
    """What a system is, what it can do, and what it needs."""

    name: str
    title: str
    summary: str
    abilities: tuple[str, ...]
    """Of: protect, verify, locate, recover, identify, sign, detect, trace."""
    entry: str
    """Where the system's class lives: "package.module:Class"."""
    licence: str
    weights: tuple[Weight, ...]
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Other settings of the same system, for comparison; `load("NAME:VARIANT")` takes them."""


def names() -> list[str]:
    """Names of all systems, sorted."""
    return sorted(path.parent.name.replace("_", "-") for path in _SYSTEMS.glob("*/card.toml"))


def card(name: str) -> Card:
    """The card of one system. WeightsError for a name that no system has or a card that cannot be read."""
    folder = _SYSTEMS / name.replace("-", "_")
    if name not in names():
        raise WeightsError(f"no system is called {name!r}; there are: {', '.join(names()) or 'none'}")
    try:
        table = tomllib.loads((folder / "card.toml").read_text(encoding="utf-8"))
        weights = tuple(_weight(folder, entry) for entry in table.get("weights", ()))
        return Card(
            name=name,
            title=table["title"],
            summary=table["summary"],
            abilities=tuple(table["abilities"]),
            entry=table["entry"],
            licence=table["licence"],
            weights=weights,
            variants=table.get("variants", {}),
        )
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise WeightsError(f"{folder / 'card.toml'}: the card cannot be read ({error!r})") from error


def _weight(folder: Path, entry: dict[str, Any]) -> Weight:
    return Weight(
        path=folder / entry["file"],
        sha256=entry["sha256"],
        size_bytes=entry["bytes"],
        licence=entry["licence"],
        job=entry["job"],
        trained=entry["trained"],
    )


@lru_cache(maxsize=4)
def load(name: str = "photo", weights: Path | None = None) -> Any:
    """A system, ready to work, with its released weights or those of a file where it takes one.

    name: of a system, or of a variant of it after a colon. WeightsError where a weight is not the one that
    the card names, a file is none of the system's, or there is no such variant.
    """
    name, _, variant = name.partition(":")
    found = card(name)
    if variant and variant not in found.variants:
        known = ", ".join(found.variants) or "none"
        raise WeightsError(f"{name} has no variant {variant!r}; there are: {known}")
    settings = found.variants.get(variant, {})
    for weight in () if weights else found.weights:
        weight.check()
    module, _, attribute = found.entry.partition(":")
    made = getattr(import_module(module), attribute)
    return made(weights, **settings) if weights else made(**settings)
