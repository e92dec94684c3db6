"""TIFF file -> Picture."""

from __future__ import annotations

from dataclasses import replace

from underdrawing.core.errors import PictureError
from underdrawing.data.containers import shared
from underdrawing.data.containers.tiff import metadata
from underdrawing.data.containers.tiff.colours import colours_of
from underdrawing.data.containers.tiff.layout import WHITE_IS_ZERO, Layout, read_layout
from underdrawing.data.containers.tiff.native import TiffNative
from underdrawing.data.containers.tiff.samples import read_samples
from underdrawing.data.containers.tiff.tags import Directory, File
from underdrawing.data.exif import orientation, upright_exif
from underdrawing.data.metadata import fitting_icc
from underdrawing.data.picture import Picture
from underdrawing.data.xmp import upright_xmp

_SUBFILE, _OLD_SUBFILE, _SUBDIRECTORIES = 254, 255, 330
_REDUCED, _MASK = 1, 4
"""Bits of NewSubfileType."""
_MAX_PAGES = 64


def read(data: bytes, max_pixels: int) -> Picture:
    """The picture of the one page that is no reduced copy. PictureError."""
    page, notes = _main_page(File(data))
    layout = read_layout(page, max_pixels)
    values, stored = read_samples(page, layout)
    colours = colours_of(values, stored, page)
    described = metadata.read_description(page)
    turn = orientation(described.exif, described.xmp)
    pixels = shared.upright(colours.pixels, turn)
    size = pixels.shape[1], pixels.shape[0]
    kept = described.tags
    if turn != 1 and (kept := metadata.without_geography(kept)) != described.tags:
        notes.append("the place on the ground (GeoTIFF) left out, as the picture was turned upright")
    native = replace(_native(page, layout, stored), extras=shared.upright(colours.extras, turn), tags=kept)
    return Picture(
        pixels=pixels,
        alpha=shared.upright(colours.alpha, turn),
        gray=colours.gray,
        format="TIFF",
        icc=fitting_icc(colours.icc, colours.gray),
        exif=upright_exif(described.exif, size, turn),
        xmp=upright_xmp(described.xmp, size),
        iptc=described.iptc,
        resolution=described.resolution,
        native=native,
        notes=(*notes, *colours.notes, *described.notes),
    )


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
    whole = [page for page in pages if not _kind(page)]
    if not whole:  # thumbnail first, as in camera files
        pages += [
            Directory(file, at)
            for page in pages
            for at in page.numbers(_SUBDIRECTORIES)[:_MAX_PAGES].tolist()
        ]
        whole = [page for page in pages if not _kind(page)] or pages[:1]
    if len(whole) > 1:
        raise PictureError(f"it has {len(whole)} pages; expected one picture")
    main = whole[0]
    reduced = sum(bool(_kind(page) & _REDUCED) for page in pages if page is not main)
    reduced += len(main.numbers(_SUBDIRECTORIES))
    masks = sum(page is not main and _kind(page) == _MASK for page in pages)
    notes = [f"{reduced} reduced copies of the picture left out"] if reduced else []
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


def _kind(page: Directory) -> int:
    """NewSubfileType without the bit for pages of a document."""
    old = {2: _REDUCED}.get(page.number(_OLD_SUBFILE, 0), 0)
    return page.number(_SUBFILE, old) & (_REDUCED | _MASK)
