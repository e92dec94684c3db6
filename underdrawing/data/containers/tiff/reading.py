"""TIFF file -> Picture."""

from __future__ import annotations

import itertools
from dataclasses import replace

from underdrawing.core.errors import PictureError
from underdrawing.data.containers import shared
from underdrawing.data.containers.tiff import codec, metadata
from underdrawing.data.containers.tiff.colours import Colours, colours_of
from underdrawing.data.containers.tiff.layout import PALETTE, WHITE_IS_ZERO, YCBCR, Layout, read_layout
from underdrawing.data.containers.tiff.native import TiffNative
from underdrawing.data.containers.tiff.samples import read_samples
from underdrawing.data.containers.tiff.tags import Directory, File
from underdrawing.data.metadata import fitting_icc
from underdrawing.data.picture import Picture

_SUBFILE, _OLD_SUBFILE, _SUBDIRECTORIES = 254, 255, 330
_REDUCED, _MASK = 1, 4
"""Bits of NewSubfileType."""
_MAX_PAGES = 64
_CANON_RAW = b"CR"
"""Behind the TIFF header of CR2 files."""


def read(data: bytes, max_pixels: int) -> Picture:
    """The picture of the one page that is no reduced copy. PictureError."""
    if data[8:10] == _CANON_RAW:
        raise PictureError("raw sensor data of a Canon camera; develop it to TIFF, PNG or JPEG")
    page, notes = _main_page(File(data))
    layout = read_layout(page, max_pixels)
    values, stored = read_samples(page, layout)
    colours = colours_of(values, stored, page)
    icc = fitting_icc(colours.icc, colours.gray)
    notes += _notes(layout, stored, colours, icc)
    described = metadata.read_description(page, (layout.width, layout.height))
    turn = described.turn
    return Picture(
        pixels=shared.upright(colours.pixels, turn),
        alpha=shared.upright(colours.alpha, turn),
        gray=colours.gray,
        format="TIFF",
        icc=icc,
        exif=described.exif,
        xmp=described.xmp,
        iptc=described.iptc,
        resolution=described.resolution,
        native=replace(
            _native(page, layout, stored),
            extras=shared.upright(colours.extras, turn),
            iptc_tags=described.iptc_tags,
            tags=described.tags,
        ),
        notes=(*notes, *described.notes),
    )


def _notes(layout: Layout, stored: Layout, colours: Colours, icc: bytes | None) -> list[str]:
    """What became of the samples. layout: of the file; stored: of the samples as decoded."""
    notes = list(colours.notes)
    if layout.bits not in (8, 16) and layout.photometric != PALETTE:
        notes.append(f"{layout.bits}-bit samples became {8 * colours.pixels.itemsize}-bit samples")
    if layout.photometric == YCBCR and layout.compression != codec.JPEG:
        notes.append("the YCbCr colours became RGB")
    if len(stored.extra_kinds) < len(layout.extra_kinds):
        name = codec.NAMES[layout.compression]
        notes.append(f"samples beside colours and alpha left out: the {name} decoder has no place for them")
    if colours.icc and not icc:
        notes.append("colour profile left out: it is damaged, or of another colour space")
    return notes


def _native(page: Directory, layout: Layout, stored: Layout) -> TiffNative:
    """layout: of the file; stored: of the samples as decoded."""
    return TiffNative(
        order=page.file.order,
        compression=layout.compression,
        predictor=layout.predictor,
        planar=layout.planar,
        tile=layout.segment if layout.tiled else None,
        white_is_zero=stored.photometric == WHITE_IS_ZERO,
        extra_kinds=stored.extra_kinds,
    )


def _main_page(file: File) -> tuple[Directory, list[str]]:
    """The one page that is neither a reduced copy nor a mask of another, and notes on those."""
    pages = _pages(file)
    halves = [page for before, page in itertools.pairwise(pages) if _is_half(page, before)]
    whole = [page for page in pages if not _kind(page) and page not in halves]
    if not whole:  # thumbnail first, as in camera files
        places = (at for page in pages for at in page.numbers(_SUBDIRECTORIES)[:_MAX_PAGES].tolist())
        pages += [Directory(file, at) for at in list(dict.fromkeys(places))[:_MAX_PAGES]]
        whole = [page for page in pages if not _kind(page)] or pages[:1]
    if len(whole) > 1:
        raise PictureError(f"it has {len(whole)} pages; expected one picture")
    main = whole[0]
    reduced = sum(bool(_kind(page) & _REDUCED) or page in halves for page in pages if page is not main)
    reduced += len(main.numbers(_SUBDIRECTORIES))
    masks = sum(page is not main and _kind(page) == _MASK for page in pages)
    copies = "copy" if reduced == 1 else "copies"
    notes = [f"{reduced} reduced {copies} of the picture left out"] if reduced else []
    notes += ["a transparency mask on a page of its own left out"] if masks else []
    return main, notes


def _pages(file: File) -> list[Directory]:
    """Directories of the chain. A pointer out of the file ends it, as does a loop."""
    pages, at, known = [Directory(file, file.first)], 0, {file.first}
    while (at := pages[-1].next) and at not in known and at < len(file.data):
        if len(pages) == _MAX_PAGES:
            raise PictureError(f"it has {_MAX_PAGES} pages or more; expected one picture")
        known.add(at)
        try:
            pages.append(Directory(file, at))
        except PictureError:  # cut short behind the first page
            break
    return pages


def _is_half(page: Directory, before: Directory) -> bool:
    """Whether a page has half the size of the one before: a pyramid whose program did not mark it."""
    return all(
        page.number(side, 0) in (n // 2, (n + 1) // 2) for side in (256, 257) if (n := before.number(side, 0))
    )


def _kind(page: Directory) -> int:
    """NewSubfileType without the bit for pages of a document."""
    old = {2: _REDUCED}.get(page.number(_OLD_SUBFILE, 0), 0)
    return page.number(_SUBFILE, old) & (_REDUCED | _MASK)
