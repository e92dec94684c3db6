"""Every status and every witness in the HTML, the PDF, the JSON and the sentences."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pypdf
import pytest
import skimage.data
from PIL import Image

from underdrawing.commands import bulk
from underdrawing.commands._output import EXIT_CODES
from underdrawing.commands.verify import sentence
from underdrawing.core.types import REFERENCE, Assurance, Signature, Verdict, Witness
from underdrawing.data.sources import read_source
from underdrawing.report.findings import finding_files, finding_pictures
from underdrawing.report.page import overlay
from underdrawing.report.reports import VerifyReport

SIDE = 96
MARK = Witness("mark", "agrees", False, 0.98, None, "The mark is whole.")
CONTENT = Witness("signed content", "agrees", True, 0.98, 0.0213, "The picture agrees with it.")
SILENT = replace(CONTENT, state="silent", binding=False, least_area=None, message="It was not readable.")
OTHER = replace(CONTENT, state="contradicts", message="In <b>2.0 %</b> the mark was written again.")
ORIGINAL = Witness("registered original", "agrees", True, 1.0, 0.002, "The same to 0.2 %.")
PRIVATE = replace(MARK, binding=True, message="Nobody else could write it.")

VERDICTS = {
    "content": ("intact", (MARK, CONTENT)),
    "original": ("intact", (MARK, CONTENT, ORIGINAL)),
    "private": ("intact", (PRIVATE, SILENT)),
    "rewritten": ("altered", (MARK, OTHER)),
    "unsigned": ("unvouched", (MARK, SILENT)),
    "other": ("altered", (MARK, replace(OTHER, message="Another picture."))),
    "lost": ("unprotected", ()),
}


def report_of(name: str) -> VerifyReport:
    status, witnesses = VERDICTS[name]
    image = np.ascontiguousarray(skimage.data.coffee()[:SIDE, :SIDE])
    altered, black = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), bool)
    altered[16:48, 16:48] = float(status == "altered")
    black[:, 72:] = True
    present = status != "unprotected"
    verdict = Verdict(
        status,
        present,
        f"Protected; {status}.",
        identity="0123456789abcdef" if present else None,
        signature=Signature("valid", "0" * 16) if present else Signature(),
        tampered_prob=altered if present else None,
        source_map=np.full((SIDE, SIDE), REFERENCE, np.uint8) if name == "original" else None,
        content_matches=False if name == "other" else None,
        altered_fraction=float(altered.mean()) if present else None,
        assurance=Assurance(witnesses, 0.25) if present else None,
        unvouched=black if present else None,
        previous=("fedcba9876543210", "01234567") if present else None,
    )
    return VerifyReport(f"{name}.png", verdict, 0.1, read_source(image).picture, sha256="0" * 64)


@pytest.mark.parametrize("name", VERDICTS)
def test_html_and_pdf_show_each_witness_its_reach_and_what_is_not_vouched_for(name):
    report = report_of(name)
    files = finding_files(report, "a", pdf=True)
    html = files["a.report.html"].decode()
    pages = pypdf.PdfReader(io.BytesIO(files["a.report.pdf"])).pages
    printed = re.sub(r"\s+", " ", " ".join(page.extract_text() for page in pages))
    witnesses = VERDICTS[name][1]
    for text in (html.replace("&lt;", "<").replace("&gt;", ">"), printed):
        assert ("Witnesses" in text) == bool(witnesses)
        for witness in witnesses:
            assert witness.message in text and witness.name.capitalize() in text
        assert ("25 % of the picture: black" in text) == bool(witnesses)
        assert ("fedcba9876543210, signed by key 01234567..." in text) == bool(witnesses)
    assert "<b>2.0 %</b>" not in html
    if name == "content":
        assert "2.1 %" in html and "98 % of the picture" in html
    assert ("a.unvouched.png" in files) == bool(witnesses)
    assert json.loads(files["a.report.json"])["unvouched"] == ("a.unvouched.png" if witnesses else None)


SENTENCES = {
    "content": "Vouched for by the signed content: nine in ten visible edits of 2.1 % of the picture or more",
    "original": "Vouched for by the registered original: nine in ten visible edits of 0.2 % of the picture",
    "private": "Vouched for by the mark.",
    "unsigned": "Vouched for by no witness",
}


@pytest.mark.parametrize("name", VERDICTS)
def test_the_command_line_and_notebooks_name_the_strongest(name):
    result = report_of(name).to_json()
    first, *rest = sentence(result).split("\n")
    assert f": {VERDICTS[name][0].upper()}: " in first
    assert len(rest) == (name in SENTENCES)
    if name in SENTENCES:
        assert rest[0].startswith(f"  {SENTENCES[name]}")
        assert SENTENCES[name] in report_of(name)._repr_html_()


def test_bulk_counts_unvouched_pictures_and_has_their_exit_code():
    counts = {"intact": 3, "unvouched": 2}
    assert "2 unvouched" in bulk.sentence({"file": "a.tar", "output": "o", "counts": counts, "failed": []})
    assert EXIT_CODES["unvouched"] == 4


def test_the_overlay_hatches_what_no_witness_judges():
    report = report_of("rewritten")
    received = Image.fromarray(report.picture.image)
    verdict = report.verdict
    plain = np.asarray(overlay(received, verdict.tampered_prob), int)
    shown = np.asarray(overlay(received, verdict.tampered_prob, verdict.unvouched), int)
    hatched = np.abs(shown - plain).max(2) > 0
    assert 0.2 < hatched[:, 75:].mean() < 0.5 and not hatched[:, :70].any()
    red = shown[20:44, 20:44]
    assert (red[..., 0] > red[..., 1] + 40).all()


def test_source_maps_name_the_registered_original():
    source = finding_pictures(report_of("original").verdict)["source"].convert("RGB")
    red, green, blue = source.getpixel((0, 0))
    assert green > red + 40 and green > blue + 40
    text = Path(__file__).parents[2].joinpath("underdrawing/service/static/views.js").read_text()
    assert "from the registered original" in text
