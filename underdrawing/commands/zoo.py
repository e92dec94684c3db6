"""List the systems, their weights, licences and abilities."""

from __future__ import annotations

import argparse
from typing import Any

from underdrawing.commands._output import DONE, FAILED, print_result
from underdrawing.core.errors import UnderdrawingError

EXAMPLES = (
    "underdrawing zoo",
    "underdrawing zoo --json",
)
EXIT_HELP = "0 all weights are whole, 3 one is damaged."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No flags of its own."""


def run(arguments: argparse.Namespace) -> int:
    """List every card; FAILED where a weight is damaged."""
    from underdrawing import zoo

    code = DONE
    for card in map(zoo.card, zoo.names()):
        weights = [_weight(weight) for weight in card.weights]
        result = {
            "name": card.name,
            "title": card.title,
            "abilities": list(card.abilities),
            "extra": card.extra,
            "weights": weights,
        }
        lines = [f"{card.name}: {card.title}", f"  {card.summary}", f"  does: {', '.join(card.abilities)}"]
        if card.extra is not None:
            lines.append(f'  needs: pip install "underdrawing[{card.extra}]"')
        for weight in weights:
            size = f"{weight['bytes'] / 1e6:.2f} MB"
            lines.append(
                f"  {weight['file']}: {weight['job']}; {size}, {weight['licence']}; {weight['state']}"
            )
        print_result(arguments, result, "\n".join(lines))
        if any(weight["state"] != "ok" for weight in weights):
            code = FAILED
    return code


def _weight(weight: Any) -> dict[str, Any]:
    state = "ok"
    try:
        weight.check()
    except UnderdrawingError as error:
        state = str(error)
    return {
        "file": weight.path.name,
        "bytes": weight.size_bytes,
        "licence": weight.licence,
        "sha256": weight.sha256,
        "job": weight.job,
        "state": state,
    }
