"""The zoo: systems, carriers and blocks by their cards; every weight is checked by its sha256 before use.

    systems/NAME/card.toml                  a system: protector, carrier, detector, localizer or codec
    attacks/*/*.toml, carriers/*/*.toml, content/*/*.toml, judging/*/*.toml, faces/*.toml
                                            carriers, and blocks that several systems use

A `card.toml` is named after its folder, any other card after its file. Folders are searched on the `__path__`
of the packages, so that a system can live outside this one.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from underdrawing import attacks, carriers, content, faces, judging, systems
from underdrawing.core.errors import MissingExtraError, UsageError, WeightsError
from underdrawing.core.extras import needs_extra
from underdrawing.judging.marked_bits import MarkedBits

TURNED = "turned"
"""Variant of every carrier of faces that protects."""
_TURNS = 2  # as it is and by a quarter: codes of low frequencies are alike where mirrored or by a half
KINDS = ("protector", "carrier", "detector", "localizer", "codec", "block")
_SYSTEMS = ((systems, "*/card.toml"),)
_ROOMS = (
    *_SYSTEMS,
    (attacks, "*/*.toml"),
    (carriers, "*/*.toml"),
    (content, "*/*.toml"),
    (judging, "*/*.toml"),
    (faces, "*.toml"),
)


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
class Training:
    """One training that `underdrawing train NAME` starts."""

    name: str
    module: str
    """Module with RECIPES, DEFAULT and `make`; see train.run."""
    makes: str
    """File in the output folder."""
    command: str
    """The command of the released weights."""


@dataclass(frozen=True)
class Card:
    """What a system, a carrier or a block is, what it can do, and what it needs."""

    name: str
    kind: str
    """Of KINDS."""
    title: str
    summary: str
    abilities: tuple[str, ...]
    """Of: protect, verify, locate, recover, identify, sign, examine, trace, embed, read, encode, decode."""
    class_path: str
    """"package.module:Class"."""
    licence: str
    extra: str | None
    """The extra of this package that the class needs; None: it runs on the plain install."""
    behaviour: int
    """Raised with every change of the output; measurements record it."""
    paper: str | None
    own_weights: tuple[Weight, ...]
    uses: tuple[Card, ...]
    """Blocks, each with weights of its own."""
    trainings: tuple[Training, ...]
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Other arguments of the class, for comparison; `load("NAME:VARIANT")` takes them."""

    @property
    def weights(self) -> tuple[Weight, ...]:
        """Own weights and those of the blocks."""
        return self.own_weights + tuple(weight for block in self.uses for weight in block.weights)


def names(kind: str | None = None) -> list[str]:
    """Names of all systems, sorted; with a kind, of all systems, carriers or blocks of that kind."""
    if kind is None:
        return sorted(_files(_SYSTEMS))
    return [name for name in sorted(_files(_ROOMS)) if card(name).kind == kind]


def card(name: str) -> Card:
    """The card of a system, a carrier or a block. WeightsError for an unknown name or an unreadable card."""
    path = _files(_ROOMS).get(name)
    if path is None:
        raise WeightsError(f"no system is called {name!r}; there are: {', '.join(names()) or 'none'}")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        if table["kind"] not in KINDS:
            raise WeightsError(f"{path}: kind {table['kind']!r}; there are: {', '.join(KINDS)}")
        return Card(
            name=name,
            kind=table["kind"],
            title=table["title"],
            summary=table["summary"],
            abilities=_abilities(table),
            class_path=table["class"],
            licence=table["licence"],
            extra=table.get("extra"),
            behaviour=table["behaviour"],
            paper=table.get("paper"),
            own_weights=tuple(_weight(path.parent, entry) for entry in table.get("weights", ())),
            uses=tuple(card(block) for block in table.get("uses", ())),
            trainings=tuple(Training(**entry) for entry in table.get("trainings", ())),
            variants=table.get("variants", {}),
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise WeightsError(f"{path}: the card cannot be read ({error!r})") from error


def training(name: str) -> Training:
    """The training of that name, of any card. UsageError for an unknown name."""
    known = {entry.name: entry for path_name in _files(_ROOMS) for entry in card(path_name).trainings}
    if name not in known:
        raise UsageError(f"nothing to train is called {name!r}; there are: {', '.join(sorted(known))}")
    return known[name]


@lru_cache(maxsize=4)
def load(name: str = "photo", weights: Path | None = None) -> Any:
    """A system, a carrier or a block, with its released weights or those of a file where its class takes one.

    name: of a card, or NAME:VARIANT. WeightsError where a weight is not the one that the card names, a file
    does not fit, or there is no such variant; MissingExtraError where an optional package is missing.
    """
    name, _, variant = name.partition(":")
    found = card(name)
    if variant and variant not in found.variants:
        known = ", ".join(found.variants) or "none"
        raise WeightsError(f"{name} has no variant {variant!r}; there are: {known}")
    settings = found.variants.get(variant, {})
    for weight in () if weights else found.weights:
        weight.check()
    module, _, attribute = found.class_path.partition(":")
    with needs_extra(found.extra or "research"):
        make = getattr(import_module(module), attribute)
    return make(weights, **settings) if weights else make(**settings)


def protector(name: str = "photo", weights: Path | None = None) -> Any:
    """A system that protects and verifies: as it is, or a carrier as a protector of its own (MarkedBits).

    NAME:turned is a carrier of faces whose second protections leave the first (MarkedBits.turns). Errors:
    those of `load`; UsageError for a system whose card lacks these abilities.
    """
    base, _, variant = name.partition(":")
    found = card(base)
    if not {"protect", "verify"} <= set(found.abilities):
        raise UsageError(f"{name} does not protect; there are: {', '.join(protectors())}")
    if found.kind != "carrier":
        return load(name, weights)
    if variant == TURNED:
        return MarkedBits(load(base, weights), turns=_TURNS)
    return MarkedBits(load(name, weights))


def protectors() -> list[str]:
    """Names of all systems that protect and verify, sorted: protectors, and carriers of an identity."""
    return [name for name in names() if {"protect", "verify"} <= set(card(name).abilities)]


def available(kind: str) -> tuple[dict[str, Any], dict[str, str]]:
    """By name, all of a kind with their variants that can be loaded here, and why the others cannot."""
    loaded: dict[str, Any] = {}
    absent: dict[str, str] = {}
    for name in names(kind):
        for full_name in (name, *(f"{name}:{variant}" for variant in card(name).variants)):
            try:
                loaded[full_name] = load(full_name)
            except (MissingExtraError, WeightsError) as error:
                absent[full_name] = str(error)
    return loaded, absent


def _files(rooms: tuple) -> dict[str, Path]:
    """Card name -> file."""
    paths = [
        path for room, pattern in rooms for folder in room.__path__ for path in Path(folder).glob(pattern)
    ]
    return {
        (path.parent.name if path.name == "card.toml" else path.stem).replace("_", "-"): path
        for path in paths
    }


def _abilities(table: dict[str, Any]) -> tuple[str, ...]:
    """Those of a card; a carrier that protects also verifies and identifies, as MarkedBits does."""
    named = tuple(table["abilities"])
    if table["kind"] != "carrier" or "protect" not in named:
        return named
    return (*named, *(ability for ability in ("verify", "identify") if ability not in named))


def _weight(folder: Path, entry: dict[str, Any]) -> Weight:
    return Weight(
        path=folder / entry["file"],
        sha256=entry["sha256"],
        size_bytes=entry["bytes"],
        licence=entry["licence"],
        job=entry["job"],
        trained=entry["trained"],
    )
