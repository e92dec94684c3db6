"""Systems that requests may name: the main one, and carriers of an identity whose weights are released."""

from __future__ import annotations

from functools import cache

from underdrawing.service.problems import Problem

MAIN = "photo"


@cache
def systems() -> tuple[str, ...]:
    """Names, the main one first."""
    from underdrawing import zoo

    marks = (name for name in zoo.protectors() if zoo.card(name).kind == "carrier")
    return (MAIN, *(name for name in marks if zoo.card(name).own_weights))


@cache
def takes_animations() -> bool:
    """Whether protect and verify take animated files."""
    from underdrawing.api import animated

    return animated.system_of(MAIN) is not None


def checked_system(name: str) -> str:
    """The name. Problem 422 where this server has no such system."""
    if name not in systems():
        raise Problem(422, "no-such-system", f"system: this server has {', '.join(systems())}, not that one")
    return name
