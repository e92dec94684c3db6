"""Originals of a registry: kept as .udl, given back bit for bit, compared with their records."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

import underdrawing
from underdrawing import Picture, save_picture
from underdrawing.cli import main
from underdrawing.core.errors import RegistryError
from underdrawing.registry.originals import OriginalRepository

PHOTO = np.ascontiguousarray(data.astronaut()[:256, 100:420])


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    """A registry with the originals of a JPEG, a 16-bit PNG and an array."""
    folder = tmp_path_factory.mktemp("kept")
    Image.fromarray(PHOTO).save(folder / "one.jpg", quality=90)
    deep = Picture(PHOTO.astype(np.uint16) * 257, None, False, "PNG", None, None, None)
    save_picture(deep, folder / "two.png")
    options = {"registry": folder / "photos.db", "originals": folder / "photos.db.originals"}
    underdrawing.protect(folder / "one.jpg", folder / "one.protected.jpg", **options)
    underdrawing.protect(folder / "two.png", folder / "two.protected.png", **options)
    underdrawing.protect(PHOTO[::-1].copy(), folder / "three.protected.png", **options)
    return folder


def test_every_original_comes_back(kept):
    repository = OriginalRepository(kept / "photos.db.originals")
    with underdrawing.open_registry(kept / "photos.db") as registry:
        jpeg, png, array = (repository.find(entry.record) for entry in registry)
    assert jpeg.suffix == ".jpg" and jpeg.data == (kept / "one.jpg").read_bytes()
    back, given = underdrawing.load_picture(png.data), underdrawing.load_picture(kept / "two.png")
    assert png.suffix == ".png" and back.pixels.dtype == np.uint16
    assert np.array_equal(back.pixels, given.pixels)
    assert np.array_equal(underdrawing.load_picture(array.data).pixels, PHOTO[::-1])


def test_another_or_a_damaged_original_is_refused(kept, tmp_path):
    repository = OriginalRepository(tmp_path)
    with underdrawing.open_registry(kept / "photos.db") as registry:
        one, two, _ = (entry.record for entry in registry)
    assert repository.find(one) is None
    other = underdrawing.pack(kept / "two.protected.png").data
    path = repository.add(two, other)
    with pytest.raises(RegistryError, match="another one than the record names"):
        repository.find(two)
    path.write_bytes(other[:-7])
    with pytest.raises(underdrawing.UnderdrawingError, match=r"\.udl: .*damaged"):
        repository.find(two)
    repository.add(one, underdrawing.pack(kept / "one.protected.jpg").data)
    with pytest.raises(RegistryError, match="another one"):
        repository.find(one)


def test_retrieve_and_registry_give_it_back(kept, tmp_path, capsys):
    suspect, out = kept / "one.protected.jpg", tmp_path / "found"
    (match, *_) = underdrawing.retrieve(suspect, kept / "photos.db", out)
    assert match.kept_original == str(out / "one.protected.original.jpg")
    assert Path(match.kept_original).read_bytes() == (kept / "one.jpg").read_bytes()
    database = str(kept / "photos.db")
    command = ["registry", "original", database, match.record.identity, "-o", str(tmp_path / "back")]
    assert main([*command, "--json"]) == 0
    written = json.loads(capsys.readouterr().out)["output"]
    assert Path(written).read_bytes() == (kept / "one.jpg").read_bytes()
    assert main(["registry", "original", database, "1", "-o", str(tmp_path / "a.png")]) == 64
    assert "is a .jpg file" in capsys.readouterr().err
    elsewhere = ["--originals", str(tmp_path / "none")]
    assert main(["registry", "original", database, "1", "-o", str(tmp_path / "b.jpg"), *elsewhere]) == 2
    assert not (tmp_path / "b.jpg").exists()


def test_bulk_keeps_originals(tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(PHOTO).save(tmp_path / "in" / "a.jpg", quality=85)
    database = str(tmp_path / "photos.db")
    command = ["bulk", "protect", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--quiet"]
    assert main([*command, "--originals", str(tmp_path / "kept")]) == 64
    assert main([*command, "--registry", database, "--originals", str(tmp_path / "kept")]) == 0
    with underdrawing.open_registry(database) as registry:
        (entry,) = registry
    found = OriginalRepository(tmp_path / "kept").find(entry.record)
    assert found.data == (tmp_path / "in" / "a.jpg").read_bytes()
