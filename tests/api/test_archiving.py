"""Archives: files come back pixel for pixel or byte for byte, by the API and the command line."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from skimage import data

import underdrawing
from underdrawing.cli import main
from underdrawing.core.errors import CodeError, MissingPictureError, OutputError, PictureError, UsageError

IMAGE = np.ascontiguousarray(data.astronaut()[:64, 150:230])


def written(image, **options):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, **{"format": "PNG", **options})
    return buffer.getvalue()


def test_pixels_and_metadata_come_back(tmp_path):
    exif = Image.Exif()
    exif[0x013B] = "A photographer"
    original = written(IMAGE, exif=exif, icc_profile=None, dpi=(300, 300))
    packed = underdrawing.pack(original, tmp_path / "a.udl", rounds=4)
    assert packed.kept == "pixels" and len(packed.data) < len(original) == packed.original_bytes
    report = underdrawing.unpack(tmp_path / "a.udl", tmp_path / "a.png")
    found = Image.open(tmp_path / "a.png")
    assert np.array_equal(np.asarray(found), IMAGE) and np.array_equal(report.picture.pixels, IMAGE)
    assert found.getexif()[0x013B] == "A photographer" and found.info["dpi"][0] == pytest.approx(300, abs=0.1)


@pytest.mark.parametrize(
    "image", [IMAGE[..., 0], np.dstack([IMAGE, IMAGE[..., 1]]), IMAGE[..., 0] * np.uint16(257)]
)
def test_gray_alpha_and_16_bits_come_back(image, tmp_path):
    packed = underdrawing.pack(written(image), rounds=2, keep="pixels")
    underdrawing.unpack(packed.data, tmp_path / "a.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), image)


@pytest.mark.parametrize("options", [{"format": "JPEG"}, {"format": "WEBP", "quality": 80}])
def test_files_of_lossy_formats_come_back_byte_for_byte(options, tmp_path):
    original = written(IMAGE, **options)
    packed = underdrawing.pack(original)
    assert packed.kept in ("file", "jxl") and len(packed.data) < len(original) + 600
    back = underdrawing.unpack(packed.data)
    assert (back.data, back.suffix) == (original, {"JPEG": ".jpg", "WEBP": ".webp"}[options["format"]])
    part = underdrawing.unpack(packed.data, region=(10, 20, 30, 60)).picture
    assert part.pixels.shape == (40, 20, 3)


def test_a_drawing_with_a_palette_is_kept_as_it_is():
    drawing = Image.fromarray(IMAGE // 64 * 64).quantize(4)
    buffer = io.BytesIO()
    drawing.save(buffer, "PNG")
    assert underdrawing.unpack(underdrawing.pack(buffer.getvalue()).data).data == buffer.getvalue()


def test_bad_input_is_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(UsageError, match="rounds"):
        underdrawing.pack(written(IMAGE), rounds=17)
    with pytest.raises(PictureError):
        underdrawing.pack(b"no picture")
    with pytest.raises(MissingPictureError):
        underdrawing.unpack(tmp_path / "none.udl")
    packed = underdrawing.pack(written(IMAGE), tmp_path / "a.udl", rounds=1)
    with pytest.raises(OutputError, match="exists already"):
        underdrawing.pack(written(IMAGE), tmp_path / "a.udl", rounds=1)
    with pytest.raises(OutputError, match="keep all of them"):
        underdrawing.unpack(packed.data, tmp_path / "a.jpg")
    (tmp_path / "b.udl").write_bytes(packed.data[:-5])
    with pytest.raises(CodeError, match=r"b\.udl.*tile 0"):
        underdrawing.unpack(tmp_path / "b.udl", tmp_path / "b.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.udl", "b.udl"]


def test_an_archive_lists_what_it_holds():
    found = underdrawing.archive_info(underdrawing.pack(written(IMAGE), rounds=3).data)
    assert (found["width"], found["height"], found["rounds"], found["kept"]) == (80, 64, 3, "pixels")


def test_the_command_packs_unpacks_and_lists(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(written(IMAGE))
    (tmp_path / "in" / "b.jpg").write_bytes(written(IMAGE, format="JPEG"))
    archive, back = str(tmp_path / "archive"), str(tmp_path / "back")
    assert main(["archive", "pack", str(tmp_path / "in"), "-o", archive, "--rounds", "2", "--json"]) == 0
    assert next(json.loads(line)["kept"] for line in capsys.readouterr().out.splitlines()) == "pixels"
    assert main(["archive", "unpack", archive, "-o", back]) == 0
    assert np.array_equal(np.asarray(Image.open(tmp_path / "back" / "a.png")), IMAGE)
    assert (tmp_path / "back" / "b.jpg").read_bytes() == (tmp_path / "in" / "b.jpg").read_bytes()
    capsys.readouterr()
    assert main(["archive", "info", archive]) == 0
    assert "80x64 px, 3 channels of 8 bits, T = 2, 1 tiles" in capsys.readouterr().out
    part = str(tmp_path / "part.png")
    file = str(tmp_path / "archive" / "a.png.udl")
    assert main(["archive", "unpack", file, "-o", part, "--region", "8,4,40,20"]) == 0
    assert np.array_equal(np.asarray(Image.open(part)), IMAGE[4:20, 8:40])


def test_the_command_salvages_and_ends_with_3(tmp_path, capsys):
    packed = underdrawing.pack(written(IMAGE), rounds=1).data
    (tmp_path / "a.png.udl").write_bytes(packed[:-9])
    out = str(tmp_path / "a.png")
    assert main(["archive", "unpack", str(tmp_path / "a.png.udl"), "-o", out]) == 3
    assert "tile 0 (row 0, column 0) is damaged" in capsys.readouterr().err
    assert main(["archive", "unpack", str(tmp_path / "a.png.udl"), "-o", out, "--salvage"]) == 3
    assert (np.asarray(Image.open(out)) == 128).all()


def test_the_command_checks_archives_and_writes_nothing(tmp_path, capsys):
    packed = underdrawing.pack(written(IMAGE), rounds=1, keep="pixels").data
    (tmp_path / "a.png.udl").write_bytes(packed)
    underdrawing.pack(written(IMAGE, format="WEBP"), tmp_path / "b.webp.udl")
    assert main(["archive", "check", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count(": whole, ") == 2
    (tmp_path / "c.png.udl").write_bytes(packed[:-9])
    assert main(["archive", "check", str(tmp_path), "--json"]) == 3
    printed = capsys.readouterr()
    assert [json.loads(line)["status"] for line in printed.out.splitlines()] == ["whole", "whole", "error"]
    assert "c.png.udl: tile 0 (row 0, column 0) is damaged" in printed.err
    (tmp_path / "c.png.udl").write_bytes(packed[:9])
    assert main(["archive", "info", str(tmp_path)]) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png.udl", "b.webp.udl", "c.png.udl"]


def test_one_damaged_archive_among_whole_ones_ends_with_3(tmp_path, capsys):
    packed = underdrawing.pack(written(IMAGE), rounds=1).data
    (tmp_path / "a.png.udl").write_bytes(packed[:-9])
    (tmp_path / "b.png.udl").write_bytes(packed)
    assert main(["archive", "unpack", str(tmp_path), "-o", f"{tmp_path / 'out'}/"]) == 3
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.png"]
