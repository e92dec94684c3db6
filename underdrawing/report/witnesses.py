"""Witnesses of a verdict in words: rows for HTML and PDF reports, one sentence for the command line."""

from __future__ import annotations

from typing import Any, NamedTuple

from underdrawing.coding.summary import MOST_FACES

TITLE = "Witnesses"
HEADINGS = ("Witness", "What it says", "Covers", "Smallest edit it would have found")
NOTE = (
    "A witness that proves something cannot be made to agree with this program alone, without the owner's "
    "key or secret; only such a witness makes a picture intact. Of edits of the smallest size it finds nine "
    "in ten."
)
_NAMES = {
    "mark": "Mark",
    "signed content": "Signed content",
    "lossless layer": "Lossless layer",
    "registered original": "Registered original",
}


class Row(NamedTuple):
    """One witness."""

    name: str
    state: str
    """Of a stylesheet: agrees, unproven, contradicts or silent."""
    answer: str
    """The same in words."""
    message: str
    covers: str
    smallest: str


def rows(report: dict[str, Any]) -> list[Row]:
    """The witnesses of a report. report: the object of `verify --json`, here and below."""
    return [_row(witness) for witness in (report["assurance"] or {}).get("witnesses", ())]


def sentence(report: dict[str, Any]) -> str | None:
    """Who vouches for an unaltered picture, and from which area on an edit would have been found."""
    assurance = report["assurance"]
    if assurance is None or report["status"] == "altered":
        return None
    binding = [w for w in assurance["witnesses"] if w["binding"] and w["state"] == "agrees"]
    if not binding:
        return "Vouched for by no witness: somebody with this program could have hidden an edit."
    name, least = binding[-1]["name"], binding[-1]["least_area"]
    if least is None:
        return f"Vouched for by the {name}."
    edits = f"nine in ten visible edits of {percent(least)} of the picture or more would have been found"
    return f"Vouched for by the {name}: {edits}."


def not_vouched(report: dict[str, Any]) -> str | None:
    """The share of the picture that no witness judges; None where there is none."""
    share = 0.0 if report["assurance"] is None else report["assurance"]["unvouched_share"]
    if share < 0.0005:
        return None
    return f"{percent(share)} of the picture: black, clipped, flat or outside of the protected frame"


def lossless_layer(report: dict[str, Any]) -> str | None:
    """What is left of the layer of lossless copies; None where the system has none."""
    details = report["details"]
    if "lossless_layer" not in details:
        return None
    found = details["lossless_layer"]
    if found is None:
        return "not in this copy: it was re-encoded, resized or cropped since, or is of a lossy format"
    return f"whole in {percent(found['exact_share'])} of the blocks{', signed' if found['signed'] else ''}"


def previous(report: dict[str, Any]) -> str | None:
    """An earlier protection, as the present protector states it; None where none is stated."""
    earlier = report["previous"]
    if earlier is None:
        return None
    signed = f", signed by key {earlier['key']}..." if earlier["key"] else ", not signed"
    return f"{earlier['identity']}{signed} (the present protector says so)"


def recorded(report: dict[str, Any]) -> str | None:
    """What the mark records of the picture as protected; None without anything."""
    facts = report["recorded"]
    if facts is None:
        return None
    count, parts = facts["faces"], []
    if facts["label"] is not None:
        parts.append(_label(facts["label"], facts["confidence"]))
    if count is not None:
        parts.append(f"{count} or more faces" if count == MOST_FACES else f"{count} face{'s' * (count != 1)}")
    if facts["caption"] is not None:
        parts.append(f"a caption with the hash {facts['caption']}")
    proven = "" if report["signature"]["state"] == "valid" else " (no valid signature proves it)"
    return f"{', '.join(parts)}{proven}"


def _label(name: str, confidence: float | None) -> str:
    """As "ostrich (.93)": of a classifier; "ostrich (named)": of somebody."""
    return f"{name} (named)" if confidence is None else f"{name} ({confidence:.2f})".replace("(0.", "(.")


def percent(share: float) -> str:
    """A share 0..1 with the digits that matter: 0.4 %, 2.5 %, 12 %."""
    return f"{100 * share:.1f} %" if 0 < share < 0.0995 else f"{100 * share:.0f} %"


def _row(witness: dict[str, Any]) -> Row:
    state = witness["state"]
    if state == "agrees" and not witness["binding"]:
        state = "unproven"
    answers = {
        "agrees": "agrees",
        "unproven": "agrees, proves nothing",
        "contradicts": "contradicts",
        "silent": "silent",
    }
    least = "-" if witness["least_area"] is None else percent(witness["least_area"])
    covers = f"{percent(witness['share'])} of the picture"
    return Row(_NAMES[witness["name"]], state, answers[state], witness["message"], covers, least)
