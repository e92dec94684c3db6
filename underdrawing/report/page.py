"""The HTML page of one verdict: the pictures side by side, in one file without scripts or outside parts."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from underdrawing.report import labels, witnesses

PREVIEW_PX = 720
"""Longest side of the pictures in a report."""
NOTEBOOK_PX = 240
"""Longest side of the pictures in a notebook."""
_RED = np.array([214, 40, 30], np.float32)
_GRAY = np.array([90, 90, 90], np.float32)
_HATCH_PX = 9


class Figure(NamedTuple):
    """One picture of a report."""

    title: str
    note: str
    jpeg: bytes
    size: tuple[int, int]
    """Of the JPEG: width and height, px."""


def figures(
    received: Image.Image,
    pictures: dict[str, Image.Image],
    tampered_prob: np.ndarray | None,
    unvouched: np.ndarray | None = None,
) -> list[Figure]:
    """The pictures of a report, small. `pictures`: of `findings.finding_pictures`."""
    shown = {"received": received, **pictures}
    if tampered_prob is not None:
        shown["overlay"] = overlay(received, tampered_prob, unvouched)
    return [figure(*labels.PICTURES[kind], shown[kind]) for kind in labels.PICTURES if kind in shown]


def page(report: dict[str, Any], shown: Sequence[Figure]) -> str:
    """The page's HTML. `report`: the object of `verify --json`; `shown`: of `figures`."""
    title, color = labels.state(report)
    table = labels.rows(report)
    if report["credentials"] is not None:
        table.append(("Content Credentials", report["credentials"]["message"]))
    if report["record"] is not None:
        table += [
            (f"Registered: {name.lower()}", text) for name, text in labels.record_rows(report["record"])
        ]
    texts = (report["message"], witnesses.sentence(report) or "", labels.MEANING)
    return fill(report["file"], (title, color), texts, _witnesses(report), table, shown)


def fill(
    file: str | None,
    state: tuple[str, str],
    texts: tuple[str, str, str],
    details: str,
    rows: labels.Rows,
    shown: Sequence[Figure],
) -> str:
    """A page of the common form. state: title and colour; texts: message, a second sentence, and what the
    result means; details: HTML between message and rows."""
    template = Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))
    title, color = state
    message, sentence, meaning = map(escape, texts)
    return template.substitute(
        name=escape(Path(file or "picture").name),
        color=color,
        title=title,
        message=message,
        sentence=sentence,
        details=details,
        rows="\n".join(f"<tr><th>{escape(key)}</th><td>{escape(value)}</td></tr>" for key, value in rows),
        figures="\n".join(map(_html, shown)),
        meaning=meaning,
    )


def overlay(
    received: Image.Image, tampered_prob: np.ndarray, unvouched: np.ndarray | None = None
) -> Image.Image:
    """The received picture, small enough for the page, with its altered area in red and the area that no
    witness judges hatched in gray."""
    small = preview(received)
    pale = 0.55 * np.asarray(small.convert("RGB"), np.float32) + 0.45 * 255
    if unvouched is not None:
        hatch = _resized(unvouched.astype(np.float32), small.size) * _hatching(small.size)
        pale = pale * (1 - hatch) + _GRAY * hatch
    weight = 0.65 * _resized(tampered_prob, small.size)
    return Image.fromarray(np.rint(pale * (1 - weight) + _RED * weight).astype(np.uint8))


def _resized(unit: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A map (H, W) in 0..1 at another size (width, height) -> (h, w, 1) float32."""
    levels = Image.fromarray(np.rint(unit * 255).astype(np.uint8)).resize(size)
    return np.asarray(levels, np.float32)[:, :, None] / 255


def _hatching(size: tuple[int, int]) -> np.ndarray:
    """(h, w, 1) 0 or 1: diagonal lines."""
    across, down = np.arange(size[0]), np.arange(size[1])[:, None]
    return ((across + down) % _HATCH_PX < _HATCH_PX // 3).astype(np.float32)[:, :, None]


def _witnesses(report: dict[str, Any]) -> str:
    """The table of witnesses; empty where a system has none."""
    rows = witnesses.rows(report)
    if not rows:
        return ""
    heads = "".join(f"<th>{escape(heading)}</th>" for heading in witnesses.HEADINGS)
    lines = "\n".join(
        f'<tr><th>{escape(row.name)}</th><td><b class="{row.state}">{escape(row.answer)}</b><br>'
        f"{escape(row.message)}</td><td>{escape(row.covers)}</td><td>{escape(row.smallest)}</td></tr>"
        for row in rows
    )
    note = escape(witnesses.NOTE)
    return (
        f'<h2>{witnesses.TITLE}</h2>\n<table class="witnesses"><thead><tr>{heads}</tr></thead>\n'
        f'<tbody>{lines}</tbody></table>\n<p class="note">{note}</p>'
    )


def notebook_html(title: str, color: str, message: str, pictures: dict[str, Image.Image]) -> str:
    """A result for notebooks: title and message, with small pictures below. color: #rrggbb."""
    shown = "".join(_html(figure(name, "", image, NOTEBOOK_PX)) for name, image in pictures.items())
    shown = shown.replace("<figure>", '<figure style="margin: 0">')
    return (
        f'<div><p><b style="color: {color}">{escape(title)}</b>: {escape(message)}</p>'
        f'<div style="display: flex; flex-wrap: wrap; gap: 8px">{shown}</div></div>'
    )


def preview(image: Image.Image, longest_px: int = PREVIEW_PX) -> Image.Image:
    """The picture in RGB, at most `longest_px` wide and high."""
    small = image.convert("RGB")
    small.thumbnail((longest_px, longest_px))
    return small


def figure(title: str, note: str, image: Image.Image, longest_px: int = PREVIEW_PX) -> Figure:
    """A picture of a report, at most `longest_px` wide and high."""
    buffer = io.BytesIO()
    small = preview(image, longest_px)
    small.save(buffer, "JPEG", quality=88)
    return Figure(title, note, buffer.getvalue(), small.size)


def _html(figure: Figure) -> str:
    data = base64.b64encode(figure.jpeg).decode("ascii")
    return (
        f'<figure><img alt="{escape(figure.title)}" src="data:image/jpeg;base64,{data}">'
        f"<figcaption><b>{escape(figure.title)}</b><br>{escape(figure.note)}</figcaption></figure>"
    )
