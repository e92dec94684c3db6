"""Carriers by name, and which of them can be had on this machine."""

from __future__ import annotations

from collections.abc import Callable

from underdrawing.carriers.carrier import Carrier
from underdrawing.carriers.lattice.carrier import LatticeCarrier
from underdrawing.carriers.third_party.dwt_dct_svd import DwtDctSvd
from underdrawing.carriers.third_party.rivagan import RivaGan
from underdrawing.carriers.third_party.trustmark import TrustMark
from underdrawing.core.errors import MissingExtraError, UsageError, WeightsError

POST_HOC: dict[str, Callable[[], Carrier]] = {
    "lattice": LatticeCarrier,
    "lattice-jpeg70": lambda: LatticeCarrier("jpeg70", strength=2.1),
    "lattice-jpeg90": lambda: LatticeCarrier("jpeg90"),
    "trustmark": TrustMark,
    "rivagan": RivaGan,
    "dwt-dct-svd": DwtDctSvd,
}
"""Those that mark any picture. A pipeline of one's own becomes a carrier by in_generation.pipeline."""


def carrier(name: str) -> Carrier:
    """A post-hoc carrier by name.

    UsageError for an unknown name; MissingExtraError or WeightsError where its package or weights are not on
    this machine.
    """
    if name not in POST_HOC:
        raise UsageError(f"no carrier {name!r}; there are {', '.join(POST_HOC)}")
    return POST_HOC[name]()


def available() -> tuple[dict[str, Carrier], dict[str, str]]:
    """All that can be had here by name, and for every other the reason why it cannot."""
    found: dict[str, Carrier] = {}
    absent: dict[str, str] = {}
    for name in POST_HOC:
        try:
            found[name] = carrier(name)
        except (MissingExtraError, WeightsError) as error:
            absent[name] = str(error)
    return found, absent
