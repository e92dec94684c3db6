"""The files in which the result of examine is written.

STEM.examined.json                     the object that `examine --json` prints
STEM.examined.html                     all of it in one page without other files
STEM.examined.faceN.NAME.png           face N as detector NAME received it, with its heat: red towards forged,
                                       blue towards real
STEM.examined.map.NAME.png             8-bit, probability of manipulation x 255 of localizer NAME
STEM.examined.reliability.NAME.png     8-bit, weight of that probability x 255
STEM.examined.joint.png                8-bit, joint map of several localizers x 255
STEM.examined.evidence.NAME.png        8-bit, map of classical method NAME x 255, longest side at most 1280 px
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from underdrawing.report.examination import REASONS, STATES, ExamineReport, FaceFinding, outlined
from underdrawing.report.findings import levels, png
from underdrawing.report.page import figure, fill, overlay, preview

_RED, _BLUE = np.float32([214, 40, 30]), np.float32([30, 90, 200])
_DECIDES_NOTHING = (
    "Traces that methods without learning find in the whole picture. They are shown for people who can weigh "
    "them, and are no part of the result above: untouched pictures have such traces, too."
)
_EVIDENCE_PX = 1280
"""Longest side of the maps of classical evidence, which is coarse."""
_WORKERS = 2  # pictures coded at a time
_MEANING = (
    "A probability is the share of forged faces among test pictures with such traces; another kind of "
    "forgery may leave none of them. No signs found proves nothing. Signs of forgery are a reason to ask "
    "for the original, no proof: retouching and strong filters leave traces, too."
)


def examined_files(report: ExamineReport, stem: str, *, folder: Path | None = None) -> dict[str, bytes]:
    """The content of every file by its name, which starts with `stem`.

    folder: where the files will be written; STEM.examined.json names them there.
    """
    pictures = _pictures(report)
    with ThreadPoolExecutor(_WORKERS) as pool:
        coded = list(pool.map(png, pictures.values()))
    files = {f"{stem}.examined.{kind}.png": data for kind, data in zip(pictures, coded, strict=True)}
    files[f"{stem}.examined.html"] = _page(report, pictures).encode("utf-8", "replace")
    written = examined_paths(files, stem, folder)
    text = json.dumps(replace(report, written=written).to_json(), indent=2, allow_nan=False) + "\n"
    return files | {f"{stem}.examined.json": text.encode("utf-8")}


def examined_paths(files: Iterable[str], stem: str, folder: Path | None = None) -> dict[str, str]:
    """The paths of `examined_files` by kind, as `ExamineReport.written` has them."""
    kinds = {name: name.removeprefix(f"{stem}.examined.").removesuffix(".png") for name in files}
    return {kind: str(folder / name) if folder else name for name, kind in kinds.items()}


def _pictures(report: ExamineReport) -> dict[str, Image.Image]:
    found = {
        f"face{number}.{name}": _heated(finding, heat)
        for number, finding in enumerate(report.faces, 1)
        for name, heat in finding.heat.items()
    }
    for name, localization in report.localizations.items():
        found[f"map.{name}"] = Image.fromarray(levels(localization.tampered_prob))
        found[f"reliability.{name}"] = Image.fromarray(levels(localization.reliability))
    if report.agreement is not None and len(report.localizations) > 1:
        found["joint"] = Image.fromarray(levels(report.agreement.joint))
    for name, evidence in report.evidence.items():
        if evidence.map is not None:
            found[f"evidence.{name}"] = _small(evidence.map)
    return found


def _small(unit: np.ndarray) -> Image.Image:
    picture = Image.fromarray(levels(unit))
    picture.thumbnail((_EVIDENCE_PX, _EVIDENCE_PX))
    return picture


def _heated(finding: FaceFinding, heat: np.ndarray) -> Image.Image:
    """The crop, pale, with the places that speak for either answer; the strongest one is opaque."""
    assert finding.crop is not None
    strongest = max(float(np.abs(heat).max()), 1e-12)
    weight = 0.75 * np.abs(heat)[..., None] / strongest
    color = np.where(heat[..., None] > 0, _RED, _BLUE)
    pale = 0.7 * finding.crop.image + 0.3 * 255
    return Image.fromarray(np.rint(pale * (1 - weight) + color * weight).astype(np.uint8))


def _page(report: ExamineReport, pictures: dict[str, Image.Image]) -> str:
    shown = [figure("Faces", "numbered, largest first", outlined(report))]
    received = preview(Image.fromarray(report.picture.shown)).convert("L")  # red is of the maps alone
    for kind, picture in pictures.items():
        plain = kind.startswith(("face", "reliability", "evidence.error-level"))
        small = picture if plain else picture.resize(received.size)
        over = picture if plain else overlay(received, np.asarray(small, np.float32) / 255)
        shown.append(figure(*_title(kind), over))
    rows = [("File", str(report.file or "-")), ("Examined", report.checked)]
    if report.sha256:
        rows.insert(1, ("SHA-256 of the file", report.sha256))
    rows += [(f"{name} was trained on", text) for name, text in report.detectors.items()]
    rows += [("Text about the picture", report.text)] if report.text else []
    rows += [("Note", note) for note in report.notes]
    texts = (report.message, "", _MEANING)
    return fill(report.file, STATES[report.status], texts, _table(report) + _evidence(report), rows, shown)


def _title(kind: str) -> tuple[str, str]:
    part, _, name = kind.partition(".")
    if part == "map":
        return f"Manipulation: {name}", "the redder, the likelier"
    if part == "joint":
        return "Manipulation: all localizers together", "the redder, the likelier"
    if kind == "evidence.error-level":
        return "Error level (ELA)", "white = 16 levels; edges and texture are bright in every picture"
    if part == "evidence":
        return f"Classical evidence: {name}", "red: where; it decides nothing"
    if part == "reliability":
        return f"Reliability: {name}", "weight of the probability, white = 1"
    number = part.removeprefix("face")
    return f"Face {number}: {name}", "red: speaks for a forgery; blue: against it"


def _table(report: ExamineReport) -> str:
    """The table of faces and what each detector finds in them."""
    if not report.faces:
        return ""
    names = list(report.detectors)
    heads = "".join(f"<th>{escape(text)}</th>" for text in ("Face", "Result", *names))
    lines = "\n".join(
        f"<tr><th>{number}</th><td>{escape(_answer(face))}</td>"
        + "".join(f"<td>{escape(_probability(face, name))}</td>" for name in names)
        + "</tr>"
        for number, face in enumerate(report.faces, 1)
    )
    table = f'<table class="faces"><thead><tr>{heads}</tr></thead>\n<tbody>{lines}</tbody></table>'
    return f"<h2>Faces</h2>\n{table}"


def _evidence(report: ExamineReport) -> str:
    """The table of classical evidence."""
    if not report.evidence:
        return ""
    heads = "".join(f"<th>{text}</th>" for text in ("Method", "What was found", "What it can mean besides"))
    lines = "\n".join(
        f"<tr><th>{escape(name)}</th><td>{escape(one.sentence)}</td><td>{escape(one.innocent)}</td></tr>"
        for name, one in report.evidence.items()
    )
    note = f'<p class="note">{escape(_DECIDES_NOTHING)}</p>'
    table = f'<table class="faces"><thead><tr>{heads}</tr></thead>\n<tbody>{lines}</tbody></table>'
    return f"<h2>Classical evidence</h2>\n{note}\n{table}"


def _answer(face: FaceFinding) -> str:
    title = STATES[face.status][0]
    if face.reason is not None:
        return f"{title}: {REASONS[face.reason]}"
    return title if face.joint_prob is None else f"{title} ({100 * face.joint_prob:.0f} %)"


def _probability(face: FaceFinding, name: str) -> str:
    if name not in face.evidence:
        return "-"
    found = face.evidence[name]
    return "does not know such faces" if found.outside else f"{100 * found.fake_prob:.0f} %"
