"""The lossless codec: every pixel comes back, damage is found, and rates are those of a lossless codec."""

import io
from dataclasses import replace

import numpy as np
import pytest
from golden_outputs import GOLDEN, write
from PIL import Image
from skimage import data

from underdrawing import zoo
from underdrawing.core.errors import CodeError, ShapeError
from underdrawing.data import udl
from underdrawing.nets.masked_context import Tile, bounds
from underdrawing.nets.masked_format import Format
from underdrawing.nets.masked_network import SCALE_BITS, quarter_octaves, scale_index
from underdrawing.nets.masked_order import Mask
from underdrawing.nets.masked_schedule import MOST_ROUNDS, rounds
from underdrawing.ops import block_base
from underdrawing.ops.reversible_color import from_ycocg, to_ycocg

IMAGE = np.ascontiguousarray(data.astronaut()[40:136, 150:278])
MOST = 10_000_000


@pytest.fixture(scope="module")
def codec():
    return zoo.load("masked-lossless")


@pytest.mark.parametrize("count", range(1, MOST_ROUNDS + 1))
def test_the_rounds_cover_each_pixel_once(count):
    covered = np.zeros((64, 96), int)
    for part in rounds(count):
        for step in part:
            covered[step.pixels] += 1
    assert len(rounds(count)) == count and (covered == 1).all()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 9, 11, 16])
def test_every_number_of_rounds_gives_the_pixels_back(codec, count):
    part = IMAGE[:45, :70]
    assert np.array_equal(codec.decode(codec.pack(part, rounds=count)), part)


def test_more_rounds_are_smaller(codec):
    one, four, sixteen = (len(codec.pack(data.coffee()[:256, 100:356], rounds=count)) for count in (1, 4, 16))
    assert sixteen < four < one


def test_the_rate_of_a_small_picture_is_below_png_and_near_webp(codec):
    rates, image = {}, data.coffee()[:256, 100:356]
    for name, options in (
        ("PNG", {"optimize": True}),
        ("WEBP", {"lossless": True, "method": 6, "quality": 100}),
    ):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, name, **options)
        rates[name] = buffer.tell()
    assert len(codec.pack(image, rounds=16)) < 1.02 * rates["WEBP"] < 0.95 * rates["PNG"]


def images():
    """By name: sizes, channels and depths that pictures have, noise, and extremes."""
    rng = np.random.default_rng(3)
    deep = IMAGE[:40, :50].astype(np.uint16) * 257 + rng.integers(0, 200, (40, 50, 3), dtype=np.uint16)
    return {
        "one pixel": IMAGE[:1, :1], "a row": IMAGE[:1], "a column": IMAGE[:, :1], "odd": IMAGE[:33, :47],
        "gray": IMAGE[:40, :40, 0], "gray, alpha": IMAGE[:40, :40, :2],
        "alpha": np.dstack([IMAGE, IMAGE[..., 0]]),
        "16 bits": deep, "16 bits, gray": deep[..., 0], "16 bits, alpha": np.dstack([deep, deep[..., 0]]),
        "noise": rng.integers(0, 256, (40, 40, 3), dtype=np.uint8),
        "noise of 16 bits": rng.integers(0, 65536, (40, 40, 3), dtype=np.uint16),
        "black": np.zeros((40, 40, 3), np.uint8), "white": np.full((40, 40), 65535, np.uint16),
        "black and white": rng.integers(0, 2, (40, 40, 3), dtype=np.uint8) * 255,
    }  # fmt: skip


@pytest.mark.parametrize("name", images())
def test_every_kind_of_picture_comes_back(codec, name):
    image = images()[name]
    for count in (4, 16):
        found = codec.decode(codec.pack(image, rounds=count))
        assert found.dtype == image.dtype and np.array_equal(found, image)


def test_tiles_are_decoded_alone(codec):
    image = np.ascontiguousarray(data.astronaut()[:300, :280])
    file = udl.read(codec.pack(image, rounds=4, tile=256), MOST)
    assert len(file.header.tiles) == 4
    region = 200, 240, 270, 300
    assert np.array_equal(codec.unpack(file, region=region), image[240:300, 200:270])
    with pytest.raises(ShapeError, match="inside"):
        codec.unpack(file, region=(0, 0, 281, 10))


def test_a_damaged_tile_is_named_and_the_others_are_saved(codec):
    image = np.ascontiguousarray(data.astronaut()[:300, :280])
    packed = bytearray(codec.pack(image, rounds=4, tile=256))
    file = udl.read(bytes(packed), MOST)
    offset, length, _ = map(int, file.tile_places[2])
    packed[offset + length // 2] ^= 4
    damaged = udl.read(bytes(packed), MOST)
    with pytest.raises(CodeError, match=r"tile 2 \(row 1, column 0\)"):
        codec.unpack(damaged)
    pixels, faults = codec.salvage(damaged)
    assert (
        len(faults) == 1 and np.array_equal(pixels[:256], image[:256]) and (pixels[256:, :256] == 128).all()
    )
    assert np.array_equal(pixels[256:, 256:], image[256:, 256:])


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9, 0.99])
def test_cut_files_are_refused(codec, share):
    packed = codec.pack(IMAGE, rounds=3)
    with pytest.raises(CodeError):
        codec.decode(packed[: int(share * len(packed))])


def test_flipped_bytes_are_refused_or_change_nothing(codec):
    packed = codec.pack(IMAGE[:40, :40], rounds=2)
    rng = np.random.default_rng(5)
    for place in rng.integers(0, len(packed), 60):
        changed = bytearray(packed)
        changed[place] ^= 1 << int(rng.integers(8))
        with pytest.raises(CodeError):
            codec.decode(bytes(changed))


def test_damage_under_a_valid_checksum_is_an_error_or_other_pixels(codec):
    file = udl.read(codec.pack(IMAGE[:40, :40], rounds=2), MOST)
    tile, rng = file.tile(0), np.random.default_rng(6)
    sections = {"weights": file.section("weights")}
    for _ in range(40):
        changed = bytearray(tile)
        changed[int(rng.integers(len(tile)))] ^= 1 << int(rng.integers(8))
        with pytest.raises(CodeError):
            codec.decode(udl.write(file.header, sections, [bytes(changed)]))


def test_damaged_weights_of_the_picture_are_refused_or_change_nothing(codec):
    file = udl.read(codec.pack(IMAGE, rounds=1), MOST)
    weights, rng = file.section("weights"), np.random.default_rng(7)
    assert len(weights) > 12
    with pytest.raises(CodeError, match="weights of the picture are cut short"):
        codec.decode(udl.write(file.header, {"weights": weights[:5]}, [file.tile(0)]))
    refused = 0
    for _ in range(40):
        changed = bytearray(weights)
        changed[int(rng.integers(len(weights)))] ^= 1 << int(rng.integers(8))
        try:
            codec.decode(udl.write(file.header, {"weights": bytes(changed)}, [file.tile(0)]))
        except CodeError:  # raised for every other pixel: the header has the sha256
            refused += 1
    assert refused > 30  # the last bits of the range coder's last word mean nothing


def test_other_versions_weights_and_bombs_are_refused_in_words(codec):
    packed = codec.pack(IMAGE[:40, :40], rounds=2)
    newer = packed[:8] + b"\x02" + packed[9:]
    with pytest.raises(CodeError, match="version 2, this package reads version 1"):
        codec.decode(newer)
    file = udl.read(packed, MOST)
    sections = {"weights": file.section("weights")}
    other = udl.write(replace(file.header, weights="0" * 16), sections, [file.tile(0)])
    with pytest.raises(CodeError, match="coded with weights 0000"):
        codec.decode(other)
    with pytest.raises(CodeError, match="decompression bomb"):
        udl.read(udl.write(replace(file.header, width=1 << 20, height=1 << 20), sections, []), MOST)


def test_a_preview_approaches_the_picture(codec):
    file = udl.read(codec.pack(IMAGE, rounds=6), MOST)
    errors = [np.abs(codec.unpack(file, rounds=count).astype(int) - IMAGE).mean() for count in range(7)]
    assert errors == sorted(errors, reverse=True) and errors[0] < 40 and errors[6] == 0


def test_the_color_transform_is_reversible():
    colors = np.random.default_rng(1).integers(0, 65536, (50, 50, 3))
    planes = to_ycocg(colors)
    assert np.array_equal(from_ycocg(planes), colors)
    assert planes[0].min() >= 0 and planes[0].max() < 65536 and max(abs(p).max() for p in planes[1:]) < 65536


def test_the_integer_transform_is_nearly_the_cosine_transform():
    plane = IMAGE[:64, :64, 0].astype(int)
    form = block_base.Base(15, 4)
    levels = form.quantized(plane, False)
    assert np.array_equal(block_base.summed(block_base.differences(levels)), levels)
    assert np.abs(form.reconstructed(levels, False) - plane).max() <= 12


def test_all_sums_of_the_network_are_exact(codec):
    form = Format(3, 8, 16)
    rng = np.random.default_rng(2)
    planes = [rng.integers(-255, 256, (32, 32)).astype(np.float32) for _ in range(3)]
    tile = Tile(planes, [np.zeros_like(plane) for plane in planes], 8, form.alone)
    wide = Tile(
        *([plane.astype(float) for plane in part] for part in (tile.planes, tile.base)), 8, form.alone
    )
    for step in form.steps:
        for channel in range(3):
            layers = codec._model.layers[step.name, channel]
            limits = bounds(step, channel, 8)
            assert np.abs(layers.mean.astype(float)) @ limits[0] < 1 << 24
            assert np.abs(layers.scale.astype(float)) @ limits[1] < 1 << 24
            assert (step.kind == "seed") == (layers.net is None)
            assert layers.net is None or layers.net.is_exact
            masks = [
                Mask(layers, state.context(step, channel), (-255, 255), planes[0][step.pixels].shape)
                for state in (tile, wide)
            ]
            values = planes[channel][step.pixels].ravel()
            for (part, first), (_, second) in zip(*(mask.parts() for mask in masks), strict=True):
                assert np.array_equal(first.center, second.center)
                assert np.array_equal(first.tables[0], second.tables[0])
                for mask in masks:
                    mask.enter(part, values[part])
            for state, mask in zip((tile, wide), masks, strict=True):
                state.update(step, channel, state.planes[channel][step.pixels].ravel(), mask.linear)


def test_scales_are_quarter_octaves():
    expected = np.array([0, 1, 32, 40, 64, 128, 2**15 - 1, 2**15, 2**20], np.float32) * 2 ** (SCALE_BITS - 11)
    level = quarter_octaves(expected)
    index, shift = scale_index(level)
    assert index.tolist()[:7] == [0, 0, 0, 1, 4, 8, 39] and shift.tolist()[6:] == [0, 1, 6]
    assert np.array_equal(quarter_octaves(expected.astype(np.float64)), level)


def test_the_golden_file_is_decoded(codec):
    """On every machine. This module as a program writes tests/golden/masked_lossless.npz."""
    with np.load(GOLDEN / "masked_lossless.npz") as golden:
        assert np.array_equal(codec.decode(golden["rgb"].tobytes()), IMAGE)
        assert np.array_equal(codec.decode(golden["deep"].tobytes()), images()["16 bits, alpha"])


if __name__ == "__main__":
    system = zoo.load("masked-lossless")
    files = {"rgb": system.pack(IMAGE, rounds=9), "deep": system.pack(images()["16 bits, alpha"], rounds=4)}
    write("masked-lossless", {name: np.frombuffer(file, np.uint8) for name, file in files.items()})
