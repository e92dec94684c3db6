"""The PDF of a real verdict: all that was found is in it, readable, with its pictures."""

import io
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pypdf
import pytest
import skimage.data
from PIL import Image

from underdrawing import api, cli
from underdrawing.coding.keys import Owner
from underdrawing.core.errors import MissingExtraError
from underdrawing.report.findings import finding_pictures
from underdrawing.report.page import figures
from underdrawing.report.pdf import pdf

FACTS = {"caption": "A cup of coffee. Чашка кофе. 王", "who": ["Łukasz Żółć", "José"], "when": "2024-05-03"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A registered photograph, altered since, in a folder with its registry and its owner's key."""
    folder = tmp_path_factory.mktemp("desk")
    owner = Owner.create()
    api.add_trusted(owner.public, "the desk", folder / "trust")
    made = api.protect(
        skimage.data.coffee()[80:336, 120:440], sign=owner, registry=folder / "photos.db", facts=FACTS
    )
    image = made.protected.image.copy()
    image[96:176, 120:216] = image[160:240, 8:104]
    Image.fromarray(image).save(folder / "suspect.png")
    return folder


@pytest.fixture(scope="module")
def report(desk):
    return api.verify(desk / "suspect.png", trust=desk / "trust", registry=desk / "photos.db")


def printed(report) -> bytes:
    received = Image.fromarray(report.picture.image)
    pictures = finding_pictures(report.verdict)
    return pdf(report.to_json(), figures(received, pictures, report.verdict.tampered_prob))


def text_of(data: bytes) -> str:
    pages = pypdf.PdfReader(io.BytesIO(data), strict=True).pages
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in pages))


def test_all_findings_are_shown(report, desk):
    text = text_of(printed(report))
    found = report.to_json()
    for words in (
        "suspect.png", "Altered", found["message"], found["identity"], found["signature"]["key"],
        "trusted here as the desk", found["sha256"], f"{100 * found['altered_fraction']:.2f} %",
        "A cup of coffee. Чашка кофе. [U+738B]", "Łukasz Żółć, José", "2024-05-03", "none in this file",
        found["checked"][:10], f"underdrawing {found['version']}", "neither fake nor real", "page 1 of ",
    ):  # fmt: skip
        assert words in text, words


def test_pictures_are_there_as_they_were_found(report):
    reader = pypdf.PdfReader(io.BytesIO(printed(report)))
    shown = [np.asarray(image.image.convert("L")) for page in reader.pages for image in page.images]
    assert len(shown) == 7
    mask = next(image for image in shown if (image < 10).mean() > 0.7)
    assert mask[136, 168] > 200 and mask[20, 20] < 30
    fonts = [
        font.get_object()
        for page in reader.pages
        for font in page["/Resources"]["/Font"].get_object().values()
    ]
    assert fonts and all("/FontFile2" in font["/FontDescriptor"] for font in fonts)
    assert reader.metadata.creation_date.strftime("%Y-%m-%dT%H:%M:%SZ") == report.checked
    assert reader.metadata.title == "suspect.png: Altered"


def test_the_same_findings_give_the_same_file(report):
    assert printed(report) == printed(report)
    assert printed(report) != printed(replace(report, checked="2026-01-01T00:00:00Z"))


@pytest.mark.parametrize(
    "name", ["\u202egnp.exe", "王小明" * 80, "\ud800.jpg", "محمد علی.jpg", "a\nb", "(" * 400]
)
def test_no_name_breaks_it(report, name):
    text = text_of(printed(replace(report, file=name)))
    assert "Altered" in text and "\u202e" not in text


def test_long_captions_go_on_over_pages(report):
    facts = report.record["facts"] | {"caption": "\n".join(f"line {n}" for n in range(200))}
    text = text_of(printed(replace(report, record=report.record | {"facts": facts})))
    assert all(f"line {number} " in text for number in range(200))


def test_a_copied_mark_is_called_one(report):
    verdict = replace(report.verdict, content_matches=False)
    text = text_of(printed(replace(report, verdict=verdict)))
    assert "Mark of another picture" in text and "is ANOTHER picture's" in text


def test_command_line(desk, tmp_path, capsys):
    arguments = ["verify", desk / "suspect.png", "--trust", desk / "trust", "--registry", desk / "photos.db"]
    assert cli.main([*map(str, arguments), "-o", str(tmp_path), "--pdf"]) == 1
    data = (tmp_path / "suspect.report.pdf").read_bytes()
    assert data.startswith(b"%PDF-1.") and "Łukasz Żółć" in text_of(data)
    assert "Łukasz Żółć" in (tmp_path / "suspect.report.html").read_text(encoding="utf-8")
    assert cli.main([*map(str, arguments), "--pdf"]) == 64
    assert "-o" in capsys.readouterr().err


def test_without_the_package_nothing_is_written(desk, tmp_path, monkeypatch):
    from underdrawing.report import pdf as module

    module._register.cache_clear()
    monkeypatch.setitem(sys.modules, "reportlab.pdfbase", None)
    with pytest.raises(MissingExtraError, match=r"underdrawing\[pdf\]"):
        api.verify(desk / "suspect.png", tmp_path / "out", trust=desk / "trust", pdf=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext: apt-get install poppler-utils")
def test_another_reader_reads_the_same(report, tmp_path):
    path = tmp_path / "report.pdf"
    path.write_bytes(printed(report))
    ran = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    for words in (report.sha256, report.verdict.identity, "Чашка кофе", "Łukasz Żółć"):
        assert words in ran.stdout
