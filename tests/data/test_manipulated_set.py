"""Sets of manipulated pictures on disk."""

import cv2
import numpy as np
import pytest

from underdrawing.core.errors import UsageError
from underdrawing.data.manipulated_set import (
    AUTHENTIC,
    IGNORED,
    MANIFEST,
    ManipulatedEntry,
    ManipulatedSet,
    label_map,
    read_manifest,
)

SIDE = 48
STEM = "train/splice/a-0"


@pytest.fixture
def folder(tmp_path):
    authentic = ManipulatedEntry(f"train/{AUTHENTIC}/a.png", AUTHENTIC, "train", "a")
    manipulated = ManipulatedEntry(
        f"{STEM}.png", "splice", "train", "a", mask=f"{STEM}.mask.png", donor="b", original=authentic.file,
        boxes=[[8, 8, 12, 12]], scribbles=f"{STEM}.scribbles.png",
    )  # fmt: skip
    other = ManipulatedEntry(f"val/{AUTHENTIC}/b.png", AUTHENTIC, "val", "b")
    weight = np.zeros((SIDE, SIDE), np.uint8)
    weight[8:20, 8:20], weight[20] = 255, 60
    strokes = np.full((SIDE, SIDE), IGNORED, np.uint8)
    strokes[10, 10:15], strokes[40, 5:30] = 1, 0
    entries = (authentic, manipulated, other)
    for number, entry in enumerate(entries):
        path = tmp_path / entry.file
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((SIDE, SIDE, 3), (0, 10, number), np.uint8))
    cv2.imwrite(str(tmp_path / manipulated.mask), weight)
    cv2.imwrite(str(tmp_path / manipulated.scribbles), strokes)
    (tmp_path / MANIFEST).write_text("".join(entry.line() for entry in entries), encoding="utf-8")
    return tmp_path


def test_a_split_has_its_pictures_label_maps_and_weak_labels(folder):
    read = ManipulatedSet.read(folder, "train")
    assert read.pictures.shape == (2, SIDE, SIDE, 3) and read.pictures[1, 0, 0].tolist() == [1, 10, 0]  # RGB
    assert not read.masks[0].any() and not read.scribbles[0].any()
    assert (read.masks[1, 8:20, 8:20] == 1).all() and (read.masks[1, 20] == IGNORED).all()
    assert (read.masks[1] == 1).sum() == 144 and (read.masks[1] == 0).sum() == SIDE * SIDE - 144 - SIDE
    assert [(read.scribbles[1] == label).sum() for label in (0, 1)] == [25, 5]
    assert read.entries[1].boxes == [[8, 8, 12, 12]]
    assert read.kinds == ["splice"] and read.indices("splice").tolist() == [1]
    assert read.originals().tolist() == [-1, 0]


def test_weights_of_change_become_labels():
    assert label_map(np.array([[0, 25, 26, 127, 128, 255]], np.uint8)).tolist() == [
        [0, 0, IGNORED, IGNORED, 1, 1]
    ]


def test_arrays_are_mapped_from_a_cache_that_follows_the_manifest(folder):
    assert isinstance(ManipulatedSet.read(folder, "train").pictures, np.memmap)
    last = ManipulatedEntry(f"train/{AUTHENTIC}/c.png", AUTHENTIC, "train", "c")
    cv2.imwrite(str(folder / last.file), np.full((SIDE, SIDE, 3), 77, np.uint8))
    with (folder / MANIFEST).open("a", encoding="utf-8") as manifest:
        manifest.write(last.line())
    assert ManipulatedSet.read(folder, "train").pictures[-1, 0, 0].tolist() == [77, 77, 77]


def test_what_is_wrong_is_named(folder):
    with pytest.raises(UsageError, match="no pictures in the split 'test'"):
        ManipulatedSet.read(folder, "test")
    with pytest.raises(UsageError, match="underdrawing manipulate"):
        ManipulatedSet.read(folder / "none", "test")
    picture, mask = folder / f"{STEM}.png", folder / f"{STEM}.mask.png"
    before = picture.read_bytes()
    picture.write_bytes(b"no picture")
    with pytest.raises(UsageError, match=r"a-0\.png: the manifest names it"):
        ManipulatedSet.read(folder, "train")
    picture.write_bytes(before)
    cv2.imwrite(str(mask), np.zeros((SIDE, SIDE + 1), np.uint8))
    with pytest.raises(UsageError, match=r"a-0\.mask\.png: 49 x 48 px, expected squares of 48 px"):
        ManipulatedSet.read(folder, "train")
    with (folder / MANIFEST).open("a", encoding="utf-8") as manifest:
        manifest.write('{"file": "x.png"}\n')
    with pytest.raises(UsageError, match="line 4: not an entry"):
        list(read_manifest(folder))
