"""Arrays and tensors of every common shape and type are the same picture."""

import io

import numpy as np
import pytest
from hostile_files import PHOTO
from PIL import Image

from underdrawing.core.errors import MissingPictureError, PictureError, ShapeError
from underdrawing.data.arrays import picture_from_array
from underdrawing.data.sources import read_source

GRAY = PHOTO[..., 0]
RGBA = np.dstack([PHOTO, 255 - GRAY])


@pytest.mark.parametrize(
    "array",
    [
        PHOTO,
        PHOTO[None],
        PHOTO.transpose(2, 0, 1),
        PHOTO.transpose(2, 0, 1)[None],
        PHOTO.astype(np.int64),
        PHOTO.astype(np.float32) / 255,
        PHOTO.astype(np.float64) / 255,
        PHOTO.astype(np.float32) / 255 * np.float32(1.0005),
        np.asfortranarray(PHOTO),
    ],
    ids=lambda array: f"{array.shape}-{array.dtype}",
)
def test_shapes_and_types(array):
    made = picture_from_array(array)
    assert np.array_equal(made.pixels, PHOTO)
    assert made.pixels.dtype == np.uint8
    assert made.alpha is None
    assert not made.gray


@pytest.mark.parametrize("array", [GRAY, GRAY[..., None], GRAY[None], GRAY / 255.0])
def test_gray(array):
    made = picture_from_array(array)
    assert made.gray
    assert np.array_equal(made.image[..., 1], GRAY)
    assert np.array_equal(np.asarray(made), GRAY)


def test_alpha_and_sixteen_bits_go_in_and_out():
    for array in (RGBA, RGBA.astype(np.uint16) * 257, PHOTO.astype(np.uint16) * 256 + 7):
        made = picture_from_array(array)
        back = np.asarray(made)
        assert back.dtype == array.dtype
        assert np.array_equal(back, array)
    assert picture_from_array(RGBA).to_pil().mode == "RGBA"
    assert picture_from_array(GRAY).to_pil().mode == "L"
    assert np.array_equal(np.asarray(picture_from_array(PHOTO).to_pil()), PHOTO)


def test_black_and_white():
    assert set(np.unique(picture_from_array(GRAY > 100).pixels)) == {0, 255}


@pytest.mark.parametrize("kind", ["uint8", "float32", "bfloat16"])
def test_tensors(kind):
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(PHOTO.copy()).permute(2, 0, 1)
    tensor = tensor if kind == "uint8" else (tensor / 255).to(getattr(torch, kind)).requires_grad_()
    error = np.abs(picture_from_array(tensor).pixels.astype(int) - PHOTO)
    assert error.max() <= (1 if kind == "bfloat16" else 0)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((2, 96, 96, 3), np.uint8), "got \\(2, 96, 96, 3\\)"),
        (np.zeros((96, 96, 5), np.uint8), "got \\(96, 96, 5\\)"),
        (np.zeros(96, np.uint8), "got \\(96,\\)"),
        (np.full((96, 96), 300), "values from 0 to 255, got 300 to 300"),
        (np.full((96, 96), 128.0), "values from 0 to 1, got 128 to 128"),
        (np.full((96, 96), np.nan), "got nan to nan"),
        (np.full((96, 96), "a"), "of numbers"),
    ],
)
def test_what_is_no_picture(array, reason):
    with pytest.raises(ShapeError, match=reason):
        picture_from_array(array)


def test_other_sources(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(PHOTO).save(buffer, "PNG")
    path = tmp_path / "photo.png"
    path.write_bytes(buffer.getvalue())
    buffer.seek(0)

    class Entry:
        def __fspath__(self) -> str:
            return str(path)

    for source in (path, Entry(), bytearray(path.read_bytes()), memoryview(path.read_bytes()), buffer):
        assert np.array_equal(read_source(source).picture.pixels, PHOTO)
    assert read_source(Entry()).name == str(path)
    with pytest.raises(PictureError, match="got list"):
        read_source([[1, 2], [3, 4]])
    with pytest.raises(FileNotFoundError, match="nothing") as raised:
        read_source(tmp_path / "nothing.png")
    assert isinstance(raised.value, MissingPictureError)


def test_an_animated_pil_image_is_refused_and_its_frame_is_read():
    buffer = io.BytesIO()
    first, second = Image.fromarray(PHOTO), Image.fromarray(PHOTO[::-1])
    first.save(buffer, "GIF", save_all=True, append_images=[second])
    with Image.open(buffer) as animated:
        with pytest.raises(PictureError, match="2 frames"):
            read_source(animated)
        assert read_source(animated.copy()).picture.pixels.shape == PHOTO.shape


def test_what_a_pil_image_loses_is_named():
    buffer = io.BytesIO()
    Image.fromarray(PHOTO).save(buffer, "JPEG", dpi=(300, 300), comment="by hand")
    with Image.open(buffer) as image:
        assert read_source(image).picture.notes == (
            "resolution, comment of the PIL image left out; give its file to keep that",
        )
    assert not read_source(Image.fromarray(PHOTO)).picture.notes
