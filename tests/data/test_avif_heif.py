"""AVIF and HEIF: colour, bit depth, orientation and metadata come back; other pictures are named."""

import io
import struct
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from hostile_files import PHOTO, exif_block, file_of, photo, srgb, stored_turned
from PIL import Image

from underdrawing.core.errors import PictureError
from underdrawing.data.containers import avif, container_of, isobmff
from underdrawing.data.picture import Cicp, Picture
from underdrawing.data.pictures import encode_picture, load_picture

XMP = b"<x:xmpmeta>k\xc3\xa4se</x:xmpmeta>"
AVIF, HEIC = Path("a.avif"), Path("a.heic")
P3, PQ = Cicp(12, 13, 6, True), Cicp(9, 16, 9, True)
LIGHT = struct.pack(">HH", 1000, 400)


def deep_avif(depth: int, channels: int = 3) -> bytes:
    values = np.dstack([PHOTO[..., ::-1], PHOTO[..., 0]])[..., :channels].astype(np.uint16) << (depth - 8)
    options = [cv2.IMWRITE_AVIF_DEPTH, depth, cv2.IMWRITE_AVIF_QUALITY, 95]
    return cv2.imencode(".avif", values, options)[1].tobytes()


def heic(mode: str = "RGB", depth: int = 8, **options) -> bytes:
    gray, alpha = mode.startswith("L"), mode.endswith("A")
    values = np.dstack([PHOTO[..., 1:2] if gray else PHOTO] + [PHOTO[..., 0]] * alpha)
    if depth > 8:
        values, mode, options["bit_depth"] = values.astype("<u2") << 8, mode + ";16", depth
    buffer = io.BytesIO()
    pillow_heif.encode(mode, (128, 96), values.tobytes(), buffer, quality=95, **options)
    return buffer.getvalue()


def close(a: np.ndarray, b: np.ndarray, limit: float = 3) -> bool:
    scale = 257 if a.dtype == np.uint16 else 1
    return a.dtype == b.dtype and np.abs(a.astype(float) - b).mean() / scale < limit


@pytest.mark.parametrize("path", [AVIF, HEIC])
@pytest.mark.parametrize("cicp", [P3, PQ, Cicp(1, 1, 1, True), Cicp(2, 2, 6, True)])
@pytest.mark.parametrize("deep", [False, True])
def test_colour_by_code_points_comes_back(path, cicp, deep):
    pixels = PHOTO.astype(np.uint16) * 257 if deep else PHOTO
    made = Picture(pixels, None, False, "PNG", srgb(), exif_block(1), XMP, cicp=cicp)
    first = load_picture(encode_picture(made, path).data)
    assert (first.cicp.primaries, first.cicp.transfer) == (cicp.primaries, cicp.transfer)
    written = encode_picture(first, path)
    again = load_picture(written.data)
    assert not written.notes
    fields = ("cicp", "icc", "exif", "xmp", "native", "gray", "format")
    assert [getattr(again, name) for name in fields] == [getattr(first, name) for name in fields]
    assert again.icc == srgb()
    assert again.exif == exif_block(1)
    assert close(first.pixels, again.pixels)
    assert close(first.pixels, pixels)


def test_matrix_of_heif_and_limited_range():
    names = ("color_primaries", "transfer_characteristics", "matrix_coefficients", "full_range_flag")
    nclx = dict(zip(names, (9, 16, 9, 0), strict=True))
    loaded = load_picture(heic(depth=10, nclx_profile=nclx, chroma=420))
    assert loaded.cicp == Cicp(9, 16, 9, False)
    again = load_picture(encode_picture(loaded, HEIC).data)
    assert (again.cicp, again.native) == (loaded.cicp, loaded.native)
    assert loaded.native.depth == 10
    assert loaded.native.chroma == 420
    limited = load_picture(file_of(photo(), "AVIF", range="limited", quality=95))
    assert not limited.cicp.full_range
    again = load_picture(encode_picture(limited, AVIF).data)
    assert again.cicp == limited.cicp
    assert close(again.pixels, limited.pixels)


@pytest.mark.parametrize("depth", [10, 12])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_deep_avif_stays_deep(depth, channels):
    data = deep_avif(depth, channels)
    loaded = load_picture(data)
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    top = 2**depth - 1
    assert np.array_equal(np.round(loaded.pixels[..., 2] / 65535 * top), stored.reshape(96, 128, -1)[..., 0])
    again = load_picture(encode_picture(loaded, AVIF).data)
    assert again.native.depth == depth
    assert again.gray == (channels == 1)
    assert close(again.pixels, loaded.pixels)
    assert (again.alpha is not None) == (channels == 4)
    with Image.open(io.BytesIO(encode_picture(loaded, AVIF).data)) as image:  # another decoder
        assert close(np.asarray(image.convert("RGB")), loaded.image, 4)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("depth", [8, 10, 12])
def test_modes_of_heif(mode, depth):
    loaded = load_picture(heic(mode, depth))
    assert close(loaded.image, np.repeat(PHOTO[..., 1:2], 3, 2) if mode[0] == "L" else PHOTO)
    again = load_picture(encode_picture(loaded, HEIC).data)
    assert (again.gray, again.native.depth) == (mode[0] == "L", depth)
    assert close(again.pixels, loaded.pixels)
    assert (again.alpha is not None) == mode.endswith("A")
    assert again.alpha is None or close(again.alpha, loaded.alpha)


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:2:2", "4:4:4"])
def test_subsampling_is_kept(subsampling):
    data = file_of(photo(), "AVIF", quality=95, subsampling=subsampling)
    assert load_picture(encode_picture(load_picture(data), AVIF).data).native.subsampling == subsampling
    chroma = int(subsampling.replace(":", ""))
    loaded = load_picture(heic(chroma=chroma))
    assert load_picture(encode_picture(loaded, HEIC).data).native.chroma == chroma


@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_is_that_of_the_boxes(turn):
    for data in (
        file_of(stored_turned(turn), "AVIF", quality=95, exif=exif_block(turn)),
        heic_turned(turn),
    ):
        loaded = load_picture(data)
        assert close(loaded.pixels, PHOTO, 4)
        exif = Image.Exif()
        exif.load(loaded.exif)
        assert exif.get(0x0112, 1) == 1


def heic_turned(turn: int) -> bytes:
    image, buffer = stored_turned(turn), io.BytesIO()
    options = {"exif": exif_block(turn), "quality": 95}
    pillow_heif.encode("RGB", image.size, image.tobytes(), buffer, **options)
    return buffer.getvalue()


def test_orientation_in_xmp_alone_turns_nothing_and_broken_exif_is_named():
    xmp = b'<x tiff:Orientation="6"/>'
    loaded = load_picture(file_of(photo(), "AVIF", quality=95, xmp=xmp))
    assert close(loaded.pixels, PHOTO)
    assert loaded.xmp == xmp.replace(b"6", b"1")
    block = isobmff.Item(3, b"Exif", b"", bytes(4) + b"no EXIF", [], {b"cdsc": [1]})
    picture = Picture(PHOTO, None, False, "PNG", None, None, None)
    file = isobmff.parse(encode_picture(picture, AVIF).data)
    loaded = load_picture(isobmff.item_file(file.ftyp, [file.primary, block]))
    assert loaded.notes == ("EXIF is damaged and left out",)
    assert loaded.exif is None


def avif_with(properties=(), items=()) -> bytes:
    """The photograph with more properties and items."""
    picture = Picture(PHOTO, None, False, "PNG", None, exif_block(1), None)
    file = isobmff.parse(encode_picture(picture, AVIF).data)
    file.primary.properties += properties
    return isobmff.item_file(file.ftyp, [*file.items.values(), *items])


def test_boxes_and_blocks_of_an_avif_come_back():
    properties = [isobmff.Box(b"clli", LIGHT), isobmff.Box(b"pasp", struct.pack(">II", 4, 3))]
    block = isobmff.Item(3, b"mime", b"text/plain", b"hello", [], {b"cdsc": [1]})
    loaded = load_picture(avif_with(properties, [block]))
    again = load_picture(encode_picture(loaded, AVIF).data)
    assert again.native == loaded.native
    assert list(loaded.native.properties) == properties
    assert loaded.native.metadata == ((b"mime", b"text/plain", b"hello"),)
    notes = encode_picture(loaded, Path("a.webp")).notes
    assert any("clli, pasp, mime" in note for note in notes)


def test_other_pictures_are_named():
    def second(number: int, kind: bytes, **references) -> isobmff.Item:
        coded = isobmff.parse(file_of(photo(), "AVIF")).primary
        links = {name.encode(): numbers for name, numbers in references.items()}
        properties = (
            [*coded.properties, isobmff.Box(b"auxC", bytes(4) + kind + b"\0")] if kind else coded.properties
        )
        return isobmff.Item(number, b"av01", b"", coded.data, list(properties), links)

    depth = b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth"
    items = [second(3, b"", thmb=[1]), second(4, depth, auxl=[1]), second(5, b"")]
    clap = isobmff.Box(b"clap", struct.pack(">8I", 64, 1, 64, 1, 0, 1, 0, 1))
    notes = load_picture(avif_with([clap, isobmff.Box(b"odd ", b"")], items)).notes
    assert [note.partition(" left out")[0] for note in notes[:3]] == [
        "depth map",
        "second picture",
        "thumbnail",
    ]
    assert "clean aperture" in notes[4]


def test_video_and_what_promises_it_are_left_out():
    xmp = b'<x xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1" a="b"/>'
    for data in (heic(xmp=xmp), file_of(photo(), "AVIF", xmp=xmp)):
        loaded = load_picture(data + isobmff.box(b"mpvd", b"video"))
        assert b"MotionPhoto" not in loaded.xmp
        assert b'a="b"' in loaded.xmp
        assert "video of a motion photo left out" in loaded.notes
        assert any("promises" in note for note in loaded.notes)


def test_hdr_and_thumbnails_of_a_heif_come_back():
    light = {"max_content_light_level": 1000, "max_pic_average_light_level": 400}
    block = {"type": "mime", "content_type": "text/plain", "data": b"hello"}
    data = heic(content_light_level=light, pixel_aspect_ratio=(4, 3), metadata=[block], thumbnails=[64])
    loaded = load_picture(data)
    again = load_picture(encode_picture(loaded, HEIC).data)
    assert not loaded.notes
    assert again.native == loaded.native
    assert loaded.native.thumbnails_px == (64,)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_grid_of_a_heif_is_one_picture(mode):
    wide = np.tile(PHOTO, (2, 2, 1))
    values = wide if mode == "RGB" else wide[..., 1]
    buffer = io.BytesIO()
    pillow_heif.encode(mode, (256, 192), values.tobytes(), buffer, quality=95, tile_size=64)
    loaded = load_picture(buffer.getvalue())
    assert not loaded.notes
    assert loaded.gray == (mode == "L")
    assert close(loaded.pixels, wide if mode == "RGB" else np.repeat(values[..., None], 3, 2), 5)


@pytest.mark.parametrize("depth", [8, 10])
def test_grid_of_an_avif_is_one_picture(depth):
    halves = PHOTO[:64, :64], PHOTO[:64, 64:]
    options = [cv2.IMWRITE_AVIF_DEPTH, depth, cv2.IMWRITE_AVIF_QUALITY, 95]
    tiles = []
    for number, half in enumerate(halves, 2):
        values = half[..., ::-1].astype(np.uint8 if depth == 8 else np.uint16) << (depth - 8)
        tile = isobmff.parse(cv2.imencode(".avif", values, options)[1].tobytes()).primary
        tile.number = number
        tiles.append(tile)
    size = isobmff.Box(b"ispe", bytes(4) + struct.pack(">II", 128, 64))
    properties = [size, *(entry for entry in tiles[0].properties if entry.kind in (b"pixi", b"colr"))]
    layout = bytes([0, 0, 0, 1]) + struct.pack(">HH", 128, 64)
    grid = isobmff.Item(1, b"grid", b"", layout, properties, {b"dimg": [2, 3]})
    loaded = load_picture(isobmff.item_file(b"avif" + bytes(4) + b"avifmif1miaf", [grid, *tiles]))
    assert not loaded.notes
    assert loaded.native.depth == depth
    assert close(loaded.image, PHOTO[:64], 4)


def test_premultiplied_colours_are_divided():
    alpha = np.full((96, 128), 128, np.uint8)
    values = np.dstack([(PHOTO.astype(int) * 128 // 255).astype(np.uint8), alpha])
    buffer = io.BytesIO()
    pillow_heif.encode("RGBa", (128, 96), values.tobytes(), buffer, quality=95)
    assert close(load_picture(buffer.getvalue()).pixels, PHOTO, 4)


def test_second_picture_of_a_heif_is_named():
    buffer = io.BytesIO()
    collection = pillow_heif.from_pillow(photo())
    collection.add_from_pillow(photo().rotate(180))
    collection.save(buffer)
    loaded = load_picture(buffer.getvalue())
    assert loaded.notes == ("second picture left out",)
    assert close(loaded.pixels, PHOTO, 5)


def test_sequences_are_refused():
    frames = [photo(), photo().rotate(180)]
    data = file_of(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    with pytest.raises(PictureError, match="2 frames"):
        load_picture(data)
    with pytest.raises(PictureError, match="sequence"):
        load_picture(struct.pack(">I", 16) + b"ftyphevc" + bytes(4) + isobmff.box(b"moov", bytes(20)))


def test_avif_of_another_brand():
    data = file_of(photo(), "AVIF").replace(b"ftypavif", b"ftypmif1", 1)
    assert container_of(data) is avif
    assert load_picture(data).format == "AVIF"
    assert container_of(heic()).FORMAT == "HEIF"
    brands = data.index(b"mif1") + 4
    general = data[:brands] + data[brands : brands + 64].replace(b"avif", b"miaf") + data[brands + 64 :]
    assert container_of(general).FORMAT == "HEIF"
    assert load_picture(general).format == "AVIF"


@pytest.mark.parametrize("depth", [8, 10])
def test_lossless_avif_stays_lossless(depth):
    values = PHOTO[..., ::-1].astype(np.uint8 if depth == 8 else np.uint16)
    options = [cv2.IMWRITE_AVIF_QUALITY, 100, cv2.IMWRITE_AVIF_DEPTH, depth]
    loaded = load_picture(cv2.imencode(".avif", values, options)[1].tobytes())
    written = encode_picture(loaded, AVIF)
    assert not written.notes
    assert np.array_equal(load_picture(written.data).pixels, loaded.pixels)
    assert depth > 8 or np.array_equal(loaded.pixels, PHOTO)


def test_opencv_without_avif(monkeypatch):
    data = deep_avif(10)
    monkeypatch.setattr(cv2, "haveImageWriter", lambda name: False)
    loaded = load_picture(data)
    assert "became 8" in loaded.notes[0]
    assert loaded.pixels.dtype == np.uint8
    deep = Picture(PHOTO.astype(np.uint16) * 257, None, False, "PNG", None, None, None)
    assert encode_picture(deep, AVIF).notes == ("16 bits a channel became 8",)


def test_sixteen_bits_from_elsewhere_are_named():
    deep = Picture(PHOTO.astype(np.uint16) * 257, None, False, "PNG", None, None, None)
    assert encode_picture(deep, AVIF).notes == ("16 bits a channel became 12",)
    assert encode_picture(deep, HEIC).notes == ("16 bits a channel became 10",)
    assert load_picture(encode_picture(replace(deep, gray=True), HEIC).data).native.depth == 10
