"""The files in which the result of verify is written.

STEM.mask.png         8-bit, the calibrated probability of alteration x 255, in pixels of the received picture
STEM.recovered.png    the recovered picture
STEM.source.png       palette picture; 0 untouched, 1 decoded from the hidden code, 2 filled in by a prior,
                      3 from the registered original, 4 from the lossless layer, 5 drawn after the hidden code
                      with invented detail
STEM.unvouched.png    8-bit, 255 where no witness judges the picture; only where there are such pixels
STEM.confidence.png   8-bit, confidence of each recovered pixel x 255
STEM.content.png      the whole picture decoded from the hidden code alone
STEM.c2pa             the manifest store that the file has lost, recovered by its identity
STEM.report.json      the object that `verify --json` prints
STEM.report.html      all of it in one page without other files
STEM.report.pdf       the same on A4 pages, on demand
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from underdrawing.core.types import Verdict
from underdrawing.ops.bands import bands
from underdrawing.report.page import figures, page
from underdrawing.report.reports import VerifyReport

SOURCE_COLORS = (232, 232, 228, 30, 110, 190, 226, 140, 30, 46, 140, 80, 128, 74, 166, 200, 50, 120)
"""Palette of the source map: RGB of untouched, decoded and filled pixels, of those from the original and from
the lossless layer, and of those with invented detail."""
_NAME = re.compile(
    r"(.+)\.(?:(?:mask|recovered|source|unvouched|confidence|content)\.png|c2pa|report\.(?:json|html|pdf))",
    re.DOTALL,
)
_EXAMINED = re.compile(r"(.+\.examined)\.(?:json|html|.+\.png)", re.DOTALL)
_KINDS = {"c2pa": "manifest", "report.pdf": "pdf", "report.html": "html", "report.json": "json"}


def report_of(path: Path) -> Path | None:
    """The STEM.report.json, or STEM.examined.json of `examine`, that a file of findings belongs to.

    None where the file is none, as where there is no such report beside it.
    """
    if examined := _EXAMINED.fullmatch(path.name):
        report = path.with_name(f"{examined[1]}.json")
    elif name := _NAME.fullmatch(path.name):
        report = path.with_name(f"{name[1]}.report.json")
    else:
        return None
    return report if report.is_file() else None


def finding_files(
    report: VerifyReport, stem: str, *, folder: Path | None = None, pdf: bool = False
) -> dict[str, bytes]:
    """The content of every file of findings by its name, which starts with `stem`.

    folder: where the files will be written; STEM.report.json names them there. pdf: with STEM.report.pdf.
    MissingExtraError for a PDF without reportlab.
    """
    files = picture_files(report, stem)
    verdict, received = report.verdict, Image.fromarray(report.picture.image)
    previews = figures(received, finding_pictures(verdict), verdict.tampered_prob, verdict.unvouched)
    shown = report.to_json()
    if pdf:
        from underdrawing.report.pdf import pdf as pdf_file

        files[f"{stem}.report.pdf"] = pdf_file(shown, previews)
    files[f"{stem}.report.html"] = page(shown, previews).encode("utf-8", "replace")
    written = paths_by_kind(files, stem, folder)
    text = json.dumps(replace(report, written=written).to_json(), indent=2, allow_nan=False) + "\n"
    return files | {f"{stem}.report.json": text.encode("utf-8")}


def picture_files(report: VerifyReport, stem: str) -> dict[str, bytes]:
    """The part of `finding_files` that is not a report: PNG files, and the manifest store if recovered."""
    files = {
        f"{stem}.{kind}.png": png(image, report.picture.icc if kind == "recovered" else None)
        for kind, image in finding_pictures(report.verdict).items()
    }
    recovered = report.credentials.recovered if report.credentials else None
    if recovered is not None and recovered.manifest is not None:
        files[f"{stem}.c2pa"] = recovered.manifest
    return files


def paths_by_kind(files: Iterable[str], stem: str, folder: Path | None = None) -> dict[str, str]:
    """The paths of `finding_files` by kind, as `VerifyReport.written` has them."""
    suffixes = {name: name.removeprefix(f"{stem}.") for name in files}
    return {
        _KINDS.get(suffix, suffix.removesuffix(".png")): str(folder / name) if folder else name
        for name, suffix in suffixes.items()
    }


def finding_pictures(verdict: Verdict) -> dict[str, Image.Image]:
    """The arrays of a verdict as pictures, by kind: mask, unvouched, recovered, source and others."""
    pictures: dict[str, Image.Image] = {}
    if verdict.tampered_prob is not None:
        pictures["mask"] = Image.fromarray(levels(verdict.tampered_prob))
    if verdict.unvouched is not None and verdict.unvouched.any():
        pictures["unvouched"] = Image.fromarray(levels(verdict.unvouched))
    if verdict.recovered is not None:
        pictures["recovered"] = Image.fromarray(verdict.recovered)
    if verdict.source_map is not None:
        source = Image.fromarray(verdict.source_map.astype(np.uint8), "L")
        source.putpalette(SOURCE_COLORS)
        pictures["source"] = source
    if verdict.confidence is not None:
        pictures["confidence"] = Image.fromarray(levels(verdict.confidence))
    if verdict.content is not None:
        pictures["content"] = Image.fromarray(verdict.content)
    return pictures


def levels(unit: np.ndarray) -> np.ndarray:
    """Values in 0..1 as 0..255, uint8."""
    result = np.empty(unit.shape, np.uint8)
    for band in bands(len(unit)):
        result[band] = np.rint(np.clip(unit[band], 0, 1) * 255)
    return result


def png(image: Image.Image, icc: bytes | None = None) -> bytes:
    """The content of a PNG file, with the colour profile."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=2, icc_profile=icc)
    return buffer.getvalue()
