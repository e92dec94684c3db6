"""Sets of faces on disk."""

import cv2
import numpy as np
import pytest

from underdrawing.core.errors import UsageError
from underdrawing.data.face_set import MANIFEST, REAL, SIDE, FaceEntry, FaceSet, read_manifest

POINTS = [[100.0, 110.0], [150.0, 110.0], [125.0, 140.0], [105.0, 165.0], [145.0, 165.0]]


def entry(number: int, kind: str, split: str, original: str | None = None) -> FaceEntry:
    name = f"{split}/{kind}/{number:04}.png"
    return FaceEntry(name, kind, split, f"person-{number}", "photos", POINTS, original=original)


@pytest.fixture
def folder(tmp_path):
    entries = [entry(0, REAL, "train"), entry(1, REAL, "train"), entry(2, REAL, "val")]
    entries += [entry(0, "swap", "train", entries[0].file), entry(1, "blend", "train", "gone.png")]
    for number, one in enumerate(entries):
        path = tmp_path / one.file
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((SIDE, SIDE, 3), (0, 10, number), np.uint8))
    (tmp_path / MANIFEST).write_text("".join(one.line() for one in entries), encoding="utf-8")
    return tmp_path


def test_a_split_has_its_pictures_kinds_and_originals(folder):
    faces = FaceSet.read(folder, "train")
    assert faces.kinds == ["blend", "swap"] and faces.pictures.shape == (4, SIDE, SIDE, 3)
    assert faces.pictures[2, 0, 0].tolist() == [3, 10, 0]  # RGB
    assert faces.indices("swap").tolist() == [2] and faces.indices(REAL).tolist() == [0, 1]
    assert faces.originals().tolist() == [-1, -1, 0, -1]


def test_kinds_can_be_left_out(folder):
    faces = FaceSet.read(folder, "train", without=["swap"])
    assert faces.kinds == ["blend"] and faces.pictures[:, 0, 0, 0].tolist() == [0, 1, 4]


def test_the_cache_follows_the_manifest(folder):
    FaceSet.read(folder, "train")
    last = entry(7, "swap", "train")
    cv2.imwrite(str(folder / last.file), np.full((SIDE, SIDE, 3), 77, np.uint8))
    with (folder / MANIFEST).open("a", encoding="utf-8") as manifest:
        manifest.write(last.line())
    assert FaceSet.read(folder, "train").pictures[-1, 0, 0].tolist() == [77, 77, 77]


def test_what_is_wrong_is_named(folder):
    with pytest.raises(UsageError, match="no faces in the split 'test'"):
        FaceSet.read(folder, "test")
    with pytest.raises(UsageError, match="underdrawing forge"):
        FaceSet.read(folder / "none", "test")
    (folder / "val/real/0002.png").write_bytes(b"no picture")
    with pytest.raises(UsageError, match=r"0002\.png: the manifest names it"):
        FaceSet.read(folder, "val")
    with (folder / MANIFEST).open("a", encoding="utf-8") as manifest:
        manifest.write('{"file": "x.png"}\n')
    with pytest.raises(UsageError, match="line 6: not an entry"):
        list(read_manifest(folder))
