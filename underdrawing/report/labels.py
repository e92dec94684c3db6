"""Labels and rows of the HTML and PDF reports."""

from __future__ import annotations

from typing import Any

from underdrawing.report import witnesses

PICTURES = {
    "received": ("Received", "what was handed in"),
    "overlay": ("Altered area", "in red: changed; hatched: no witness judges it"),
    "mask": ("Mask", "probability of alteration, white = 1"),
    "recovered": ("Recovered", "what was there"),
    "source": (
        "Where each pixel comes from",
        "pale: untouched; blue: decoded from the hidden code; violet: from the lossless layer; green: from "
        "the registered original; orange: filled in; pink: drawn after the hidden code, with invented detail",
    ),
    "confidence": ("Confidence", "how sure each recovered pixel is, white = 1"),
    "content": ("The hidden sketch alone", "the whole picture as the hidden code tells it"),
}
"""Title and note of each picture, in the order in which they are shown."""
_STATES = {
    "intact": ("Intact", "#1d7a46"),
    "altered": ("Altered", "#b3261e"),
    "unvouched": ("Not vouched for", "#8a5a00"),
    "unprotected": ("No mark found", "#5f6368"),
    "unknown": ("Cannot tell", "#5f6368"),
}
_SIGNATURES = {
    "valid": "valid",
    "invalid": "INVALID: it does not hold for this key",
    "absent": "none was read",
    "unknown": "cannot be checked: its key, or the registry that keeps it, is not at hand",
}
_CREDENTIALS = {
    "none": "none in this file",
    "valid": "they hold, and a certificate trusted here vouches for the signer",
    "untrusted": "they hold, but no certificate trusted here vouches for the signer",
    "invalid": "they do NOT hold for this file",
    "unread": "cannot be read here",
}
FACTS = {
    "caption": "Caption", "who": "Who", "where": "Where", "when": "When", "source": "Source",
    "label": "Label", "licence": "Licence",
}  # fmt: skip
MEANING = (
    "No mark found means unknown: neither fake nor real. Recovered detail is evidence from the hidden code; "
    "the source map tells it apart from what was filled in."
)

Rows = list[tuple[str, str]]


def state(report: dict[str, Any]) -> tuple[str, str]:
    """Title and colour (#rrggbb) of a verdict. report: the object of `verify --json`, here and below."""
    if report["content_matches"] is False:
        return "Mark of another picture", _STATES["altered"][1]
    return _STATES[report["status"]]


def rows(report: dict[str, Any]) -> Rows:
    """The content of the mark, and the file it was read from."""
    signature = report["signature"]
    found = [("File", str(report["file"] or "-"))]
    if report["sha256"]:
        found.append(("SHA-256 of the file", report["sha256"]))
    found.append(("Identity", report["identity"] or "none read"))
    found.append(("Signature", _SIGNATURES[signature["state"]]))
    if signature["key"]:
        trusted = f"trusted here as {signature['name']}"
        trust = trusted if signature["trusted"] else "not among those trusted here"
        found.append(("Signer's key", f"{signature['key']} ({trust})"))
    if report["altered_fraction"] is not None:
        found.append(("Altered area", f"{100 * report['altered_fraction']:.2f} % of the picture"))
    if report["content_matches"] is not None:
        matches = "is this picture's" if report["content_matches"] else "is ANOTHER picture's"
        found.append(("Signed content", matches))
    for name, value in (
        ("Not vouched for", witnesses.not_vouched(report)),
        ("Lossless layer", witnesses.lossless_layer(report)),
        ("Protected before as", witnesses.previous(report)),
        ("Recorded by the protector", witnesses.recorded(report)),
    ):
        if value is not None:
            found.append((name, value))
    if report["layers"]:
        found.append(("Parts of the code read", ", ".join(report["layers"])))
    found.append(("Checked", f"{date(report['checked'])}, in {report['seconds']:.2f} s"))
    found.append(("Program", f"underdrawing {report['version']}"))
    return found


def record_rows(record: dict[str, Any]) -> Rows:
    """The registry's record of an identity. record: `record` of the same object."""
    if not record["proven"]:
        return [("Record", "registered under this identity, not proven for this picture; facts withheld")]
    facts = record["facts"]
    found = [(title, _text(facts[name])) for name, title in FACTS.items() if facts.get(name)]
    found.append(("Registered", date(record["registered"])))
    found.append(("Size of the original", f"{record['size'][0]} x {record['size'][1]} px"))
    if record["owner"]:
        found.append(("Owner's key", record["owner"]["fingerprint"]))
    return found


def credential_rows(credentials: dict[str, Any]) -> Rows:
    """The content of a manifest. credentials: `credentials` of the same object, or its `recovered`."""
    binding = credentials["soft_binding"]
    agrees = {True: "the one read from the picture", False: "ANOTHER than the one read from the picture"}
    found = [
        ("State", _CREDENTIALS[credentials["state"]]),
        ("Signed by", ", ".join(dict.fromkeys(filter(None, (credentials["issuer"], credentials["signer"]))))),
        ("Signed at", credentials["signed"]),
        ("Title", credentials["title"]),
        ("Made with", credentials["generator"]),
        ("What was done", ", ".join(credentials["actions"])),
        ("Names the mark", binding and f"{binding['algorithm']}: {binding['value']}"),
        ("That identity is", binding and agrees.get(binding["agrees"])),
        ("What does not hold", ", ".join(credentials["problems"])),
    ]
    return [(name, value) for name, value in found if value]


def date(text: str) -> str:
    """A time as 2026-01-02T03:04:05Z in a readable form."""
    return text.replace("T", " ").replace("Z", " UTC")


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)
