"""The PDF report of a verdict: labels and pictures on A4 pages, fonts embedded.

The same report gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from underdrawing.core.errors import MissingExtraError
from underdrawing.report import labels, witnesses
from underdrawing.report.lettering import drawable, is_leftward, visual_order, wrapped
from underdrawing.report.page import Figure

_FONTS = Path(__file__).parent / "fonts"
_PLAIN, _BOLD = "Underdrawing", "Underdrawing-Bold"
_WIDTH, _HEIGHT = 595.28, 841.89  # A4, points
_MARGIN, _FOOT, _GAP, _LABEL = 48.0, 60.0, 16.0, 128.0
_INK, _QUIET, _LINE, _PALE = "#1c1b1a", "#55534f", "#d5d2ca", "#f4f2ed"
_TALLEST = 250.0  # of a picture
_PICTURE_NOTE = "Pictures are shown small; the files beside this report have every pixel."

Draw = Callable[[Any], None]


def pdf(report: dict[str, Any], figures: Sequence[Figure]) -> bytes:
    """The PDF file. report: the object of `verify --json`; figures: of `page.figures`.

    MissingExtraError where reportlab is not installed.
    """
    title, color = labels.state(report)
    name = Path(report["file"] or "picture").name
    sheet = Sheet()
    sheet.text(name, 13, bold=True)
    sheet.space(6)
    vouched = witnesses.sentence(report)
    said = [report["message"], *([] if vouched is None else [vouched])]
    sheet.box([(title, 19, True, color), *((text, 10, False, _INK) for text in said)], color)
    sheet.space(6)
    sheet.text(labels.MEANING, 8.5, color=_QUIET)
    if found := witnesses.rows(report):
        sheet.rows(witnesses.TITLE, [_witness(row) for row in found])
        sheet.text(witnesses.NOTE, 8.5, color=_QUIET)
    sheet.rows("What the mark says", labels.rows(report))
    credentials = report["credentials"]
    if credentials is not None:
        sheet.rows("Content Credentials", labels.credential_rows(credentials))
        if credentials["recovered"] is not None:
            sheet.rows(
                "Content Credentials that this file lost, found again by its identity",
                labels.credential_rows(credentials["recovered"]),
            )
    if report["record"] is not None:
        sheet.rows("What the registry keeps of that identity", labels.record_rows(report["record"]))
    sheet.heading("Pictures", _TALLEST + 90)
    sheet.text(_PICTURE_NOTE, 8.5, color=_QUIET)
    sheet.space(8)
    sheet.figures(figures)
    mark = f"SHA-256 {report['sha256']}" if report["sha256"] else name
    return sheet.finish(
        f"{name}: {title}", f"underdrawing {report['version']}", labels.date(report["checked"]), mark
    )


def _witness(row: witnesses.Row) -> tuple[str, str]:
    found = f"covers {row.covers}; smallest edit it would have found: {row.smallest}"
    return row.name, f"{row.answer}; {found}\n{row.message}"


class Sheet:
    """Pages, filled from top to bottom. Lengths in points."""

    def __init__(self) -> None:
        _register()
        self._pages: list[list[Draw]] = [[]]
        self._top = _HEIGHT - _MARGIN
        self._inner = _WIDTH - 2 * _MARGIN

    def space(self, height: float) -> None:
        """Skip a height."""
        self._top -= height

    def text(self, text: str, size: float, *, bold: bool = False, color: str = _INK) -> None:
        """A paragraph."""
        for line in _lines(text, size, bold, self._inner):
            self._need(1.4 * size)
            self._put(line, _MARGIN, self._top - size, (size, bold, color))
            self._top -= 1.4 * size

    def heading(self, text: str, content_height: float = 90) -> None:
        """A section title, on the same page as at least `content_height` points of its content."""
        self._need(content_height)
        self.space(16)
        self.text(text, 11.5, bold=True)
        self.space(3)

    def box(self, paragraphs: Sequence[tuple[str, float, bool, str]], color: str) -> None:
        """Paragraphs (text, size, bold, colour) on a pale background with a coloured bar at the left."""
        inset = 16.0
        lines = [
            (line, size, bold, ink)
            for text, size, bold, ink in paragraphs
            for line in _lines(text, size, bold, self._inner - 2 * inset)
        ]
        height = sum(1.4 * size for _, size, _, _ in lines) + 22
        self._need(height)
        bottom = self._top - height
        self._pages[-1].append(lambda canvas: _box(canvas, bottom, height, self._inner, color))
        top = self._top - 10
        for line, size, bold, ink in lines:
            self._put(line, _MARGIN + inset, top - size, (size, bold, ink))
            top -= 1.4 * size
        self._top = bottom

    def rows(self, title: str, rows: labels.Rows) -> None:
        """A table of names and values under a title."""
        self.heading(title)
        size, step = 9.0, 13.0
        for name, value in rows:
            names = _lines(name, size, True, _LABEL - 10)
            values = _lines(value, size, False, self._inner - _LABEL)
            self._need(step * min(max(len(names), len(values)), 4) + 5)
            for number in range(max(len(names), len(values))):
                self._need(step)
                for lines, left, bold in ((names, 0, True), (values, _LABEL, False)):
                    if number < len(lines):
                        self._put(lines[number], _MARGIN + left, self._top - size - 1, (size, bold, _INK))
                self._top -= step
            self._rule(self._top - 2)
            self._top -= 5

    def figures(self, figures: Sequence[Figure]) -> None:
        """Pictures in two columns, each with its title and note below."""
        width = (self._inner - _GAP) / 2
        for start in range(0, len(figures), 2):
            pair = figures[start : start + 2]
            notes = [_lines(f"{figure.title}: {figure.note}", 8.5, False, width) for figure in pair]
            sizes = [_fitted(figure.size, width) for figure in pair]
            tallest = max(height for _, height in sizes)
            block = tallest + 12.0 * max(map(len, notes)) + 8
            self._need(block)
            for column, (figure, (wide, high)) in enumerate(zip(pair, sizes, strict=True)):
                left = _MARGIN + column * (width + _GAP)
                self._picture(figure.jpeg, left, self._top - high, wide, high)
                for number, line in enumerate(notes[column]):
                    self._put(line, left, self._top - high - 12.0 * (number + 1), (8.5, False, _INK))
            self._top -= block + 8

    def finish(self, title: str, program: str, when: str, mark: str) -> bytes:
        """The PDF with a footer on every page. mark: text that identifies the verified file."""
        from reportlab.pdfgen.canvas import Canvas

        buffer = io.BytesIO()
        look = {"pageCompression": 1, "initialFontName": _PLAIN, "lang": "en"}
        canvas = Canvas(buffer, (_WIDTH, _HEIGHT), invariant=1, **look)
        digits = "".join(letter for letter in when if letter.isdecimal())
        canvas.setDateFormatter(lambda *_now: f"D:{digits}Z")
        canvas.setTitle(_safe(title))
        canvas.setSubject("Who protected a photograph, whether and where it was altered, and what was there")
        canvas.setCreator(program)
        canvas.setProducer(program)
        canvas.setAuthor("")
        for number, page in enumerate(self._pages, 1):
            for draw in page:
                draw(canvas)
            for bottom, text in ((40, f"Report of {program}, {when}"), (29, mark)):
                _put(canvas, _lines(text, 7.5, False, self._inner)[0], _MARGIN, bottom, (7.5, False, _QUIET))
            canvas.setFont(_PLAIN, 7.5)
            canvas.drawRightString(_WIDTH - _MARGIN, 40, f"page {number} of {len(self._pages)}")
            canvas.showPage()
        canvas.save()
        return buffer.getvalue()

    def _need(self, height: float) -> None:
        """Start a new page where less height remains, unless the page is empty."""
        if self._top - height < _FOOT and self._pages[-1]:
            self._pages.append([])
            self._top = _HEIGHT - _MARGIN

    def _put(self, line: str, left: float, bottom: float, look: tuple[float, bool, str]) -> None:
        self._pages[-1].append(lambda canvas: _put(canvas, line, left, bottom, look))

    def _rule(self, height: float) -> None:
        self._pages[-1].append(lambda canvas: _rule(canvas, height, self._inner))

    def _picture(self, jpeg: bytes, left: float, bottom: float, width: float, height: float) -> None:
        self._pages[-1].append(lambda canvas: _picture(canvas, jpeg, (left, bottom, width, height)))


@lru_cache(maxsize=1)
def _register() -> dict[bool, Any]:
    """Register the fonts; {bold: font}. MissingExtraError where reportlab is not installed."""
    try:
        from reportlab import rl_config
        from reportlab.pdfbase import pdfmetrics
        from reportlab.pdfbase.ttfonts import TTFont
    except ImportError as error:
        raise MissingExtraError(
            f'reports in PDF need reportlab ({error}): pip install "underdrawing[pdf]"'
        ) from error
    rl_config.useA85 = 0  # binary streams: smaller and faster
    fonts = {}
    for bold, name, file in ((False, _PLAIN, "DejaVuSans.ttf"), (True, _BOLD, "DejaVuSans-Bold.ttf")):
        fonts[bold] = TTFont(name, str(_FONTS / file))
        pdfmetrics.registerFont(fonts[bold])
    return fonts


def _drawable(text: str, bold: bool) -> str:
    letters = _register()[bold].face.charToGlyph
    return drawable(text, lambda letter: ord(letter) in letters)


def _lines(text: str, size: float, bold: bool, width: float) -> list[str]:
    font, letters = _register()[bold], _drawable(text, bold)
    leftward = is_leftward(letters)
    lines = wrapped(letters, width, lambda line: font.stringWidth(line, size))
    return [visual_order(line, leftward) for line in lines]


def _fitted(size: tuple[int, int], width: float) -> tuple[float, float]:
    scale = min(width / size[0], _TALLEST / size[1])
    return size[0] * scale, size[1] * scale


def _put(canvas: Any, line: str, left: float, bottom: float, look: tuple[float, bool, str]) -> None:
    size, bold, color = look
    canvas.setFillColor(color)
    canvas.setFont(_BOLD if bold else _PLAIN, size)
    canvas.drawString(left, bottom, line)


def _rule(canvas: Any, height: float, width: float) -> None:
    canvas.setStrokeColor(_LINE)
    canvas.setLineWidth(0.5)
    canvas.line(_MARGIN, height, _MARGIN + width, height)


def _box(canvas: Any, bottom: float, height: float, width: float, color: str) -> None:
    canvas.setFillColor(_PALE)
    canvas.rect(_MARGIN, bottom, width, height, stroke=0, fill=1)
    canvas.setFillColor(color)
    canvas.rect(_MARGIN, bottom, 6, height, stroke=0, fill=1)


def _picture(canvas: Any, jpeg: bytes, place: tuple[float, float, float, float]) -> None:
    from reportlab.lib.utils import ImageReader

    left, bottom, width, height = place
    canvas.drawImage(ImageReader(io.BytesIO(jpeg)), left, bottom, width, height)
    canvas.setStrokeColor(_LINE)
    canvas.setLineWidth(0.5)
    canvas.rect(left, bottom, width, height, stroke=1, fill=0)


def _safe(text: str) -> str:
    """Text without control characters and surrogates, for the PDF title."""
    return "".join(letter for letter in text if letter.isprintable()).encode("utf-8", "replace").decode()
