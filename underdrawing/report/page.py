"""The HTML page of one verdict: the pictures side by side, in one file without scripts or outside parts."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from PIL import Image

PREVIEW_PX = 720
"""Longest side of the pictures inside the page."""

_TITLES = {
    "overlay": ("Altered area", "what the evidence says was changed, in red"),
    "mask": ("Mask", "probability of alteration, white = 1"),
    "recovered": ("Recovered", "what was there"),
    "source": (
        "Where each pixel comes from",
        "pale: untouched; blue: decoded from the hidden code; orange: filled in",
    ),
    "confidence": ("Confidence", "how sure each recovered pixel is, white = 1"),
    "content": ("The hidden sketch alone", "the whole picture as the hidden code tells it"),
}
_STATES = {
    "intact": ("Intact", "#1d7a46"),
    "altered": ("Altered", "#b3261e"),
    "unprotected": ("No mark found", "#5f6368"),
}
_SIGNATURES = {
    "valid": "valid",
    "invalid": "INVALID: it does not hold for this key",
    "absent": "none was read",
    "unknown": "cannot be checked: no key with this fingerprint is at hand",
}


def page(
    facts: dict[str, Any],
    received: Image.Image,
    pictures: dict[str, Image.Image],
    tampered_prob: np.ndarray | None,
) -> str:
    """The page's HTML. `facts`: the report's JSON object; `pictures`: of `findings.finding_pictures`."""
    figures = [_figure("Received", "what was handed in", received)]
    shown = dict(pictures)
    if tampered_prob is not None:
        shown = {"overlay": overlay(received, tampered_prob), **shown}
    figures += [_figure(*_TITLES[kind], shown[kind]) for kind in _TITLES if kind in shown]
    title, color = _STATES[facts["status"]]
    template = Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        name=escape(Path(facts["file"] or "picture").name),
        color=color,
        title=title,
        message=escape(facts["message"]),
        rows="\n".join(
            f"<tr><th>{escape(key)}</th><td>{escape(value)}</td></tr>" for key, value in _rows(facts)
        ),
        figures="\n".join(figures),
    )


def overlay(received: Image.Image, tampered_prob: np.ndarray) -> Image.Image:
    """The received picture, small enough for the page, with its altered area in red."""
    small = _preview(received)
    prob = Image.fromarray(np.rint(tampered_prob * 255).astype(np.uint8)).resize(small.size)
    weight = np.asarray(prob, np.float32)[:, :, None] / 255
    pale = 0.55 * np.asarray(small.convert("RGB"), np.float32) + 0.45 * 255
    red = np.array([214, 40, 30], np.float32)
    return Image.fromarray(np.rint(pale * (1 - 0.65 * weight) + red * 0.65 * weight).astype(np.uint8))


def _rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    signature = facts["signature"]
    rows = [("File", str(facts["file"] or "-")), ("Identity", facts["identity"] or "none read")]
    rows.append(("Signature", _SIGNATURES[signature["state"]]))
    if signature["key"]:
        trusted = f"in your trust store as {signature['name']}"
        trust = trusted if signature["trusted"] else "not in your trust store"
        rows.append(("Signer's key", f"{signature['key']} ({trust})"))
    if facts["altered_fraction"] is not None:
        rows.append(("Altered area", f"{100 * facts['altered_fraction']:.2f} % of the picture"))
    if facts["content_matches"] is not None:
        rows.append(
            ("Signed content", "is this picture's" if facts["content_matches"] else "is ANOTHER picture's")
        )
    if facts["credentials"] is not None:
        rows.append(("Content Credentials", facts["credentials"]["message"]))
    rows.append(("Parts of the code read", ", ".join(facts["layers"]) or "none"))
    rows.append(("Time", f"{facts['seconds']:.2f} s"))
    return rows


def _preview(image: Image.Image) -> Image.Image:
    small = image.convert("RGB")
    small.thumbnail((PREVIEW_PX, PREVIEW_PX))
    return small


def _figure(title: str, note: str, image: Image.Image) -> str:
    buffer = io.BytesIO()
    _preview(image).save(buffer, "JPEG", quality=88)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return (
        f'<figure><img alt="{escape(title)}" src="data:image/jpeg;base64,{data}">'
        f"<figcaption><b>{escape(title)}</b><br>{escape(note)}</figcaption></figure>"
    )
