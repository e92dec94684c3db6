"""Versions of systems, carriers and blocks, by which a measurement is known to be stale."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from underdrawing import zoo
from underdrawing.core.errors import WeightsError


def versions_of(name: str, other_weights: bool = False) -> dict[str, str]:
    """Card name -> "BEHAVIOUR WEIGHTS" of one card and the blocks it uses; empty where there is no such card.

    BEHAVIOUR is the number in the card, WEIGHTS 12 hex digits over the sha256 of its own weights. With other
    weights than the released ones the card's own version is BEHAVIOUR alone.
    """
    name = name.partition(":")[0]
    try:
        card = zoo.card(name)
    except WeightsError:
        return {}
    cards = [card, *card.uses]
    versions = {found.name: _version(found) for found in cards}
    return versions | ({name: str(card.behaviour)} if other_weights else {})


def outdated(measured: Mapping[str, str]) -> list[str]:
    """Names whose version is no longer the recorded one; a recorded BEHAVIOUR alone fits any weights."""
    names = []
    for name, recorded in measured.items():
        current = versions_of(name).get(name, "").split()
        if current[: len(recorded.split())] != recorded.split():
            names.append(name)
    return names


def _version(card: zoo.Card) -> str:
    weights = "".join(weight.sha256 for weight in card.own_weights)
    return f"{card.behaviour} {sha256(weights.encode()).hexdigest()[:12]}" if weights else str(card.behaviour)
