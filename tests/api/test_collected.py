"""Public pictures of manipulations in the training split of a set: grids, labels, pairs, borders."""

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing import cli
from underdrawing.api.collected import COLLECTED, collect_public
from underdrawing.core.errors import UsageError
from underdrawing.data.manipulated_set import AUTHENTIC, IGNORED, ManipulatedSet
from underdrawing.train.localize import LocalizeBatches, LocalizeRecipe

SIDE = 128


@pytest.fixture
def public(tmp_path):
    folder = tmp_path / "public"
    for name, photo in (("one", data.coffee()[:200, :300]), ("low", data.astronaut()[:90, :300])):
        edited, mask = photo.copy(), np.zeros(photo.shape[:2], np.uint8)
        mask[40:80, 100:160], mask[39] = 255, 128
        edited[mask == 255] = 255 - edited[mask == 255]
        for kind, image in (("tampered", edited), ("mask", mask)):
            path = folder / "comofod" / kind / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)
    (folder / "casia2" / "authentic").mkdir(parents=True)
    cv2.imwrite(str(folder / "casia2" / "authentic" / "cat.png"), data.chelsea()[..., ::-1])
    return folder


def test_squares_keep_pixels_labels_and_the_grid_of_blocks(public, tmp_path):
    out = tmp_path / "set"
    entries = collect_public(public, ("casia2", "comofod"), SIDE, out)
    assert [entry.kind for entry in entries] == [AUTHENTIC] * 2 + [COLLECTED] * 4
    picture = cv2.imread(str(public / "comofod/tampered/one.png"))
    for entry in entries[2:]:
        square, weight = (
            cv2.imread(str(out / name), cv2.IMREAD_UNCHANGED) for name in (entry.file, entry.mask)
        )
        assert square.shape == (SIDE, SIDE, 3) and entry.original in {other.file for other in entries[:2]}
        assert (weight == 255).any() and entry.boxes and entry.photo.startswith("comofod/tampered/")
        x, y, width, height = entry.boxes[0]
        assert (weight[y : y + height, x : x + width] == 255).sum() > 0.9 * (weight == 255).sum()
        if "one" in entry.file:
            place = np.unravel_index(
                np.argmin(cv2.matchTemplate(picture, square, cv2.TM_SQDIFF)), (200 - SIDE + 1, 300 - SIDE + 1)
            )
            assert place[0] % 8 == place[1] % 8 == 0
            assert np.array_equal(square, picture[place[0] : place[0] + SIDE, place[1] : place[1] + SIDE])
        else:  # 90 rows: 16 rows before and 22 after are reflected, and have no class
            assert (weight[:16] == 64).all() and (weight[106:] == 64).all() and (weight[16:106] != 64).any()


def test_a_set_with_public_pictures_trains_every_supervision(public, tmp_path):
    photos, out = tmp_path / "photos", tmp_path / "set"
    photos.mkdir()
    cv2.imwrite(str(photos / "rocket.png"), data.rocket()[..., ::-1])
    arguments = ["manipulate", photos, "-o", out, "--side", SIDE, "--each", 5, "--split", "train", "--quiet"]
    assert cli.main([*map(str, arguments), "--public", str(public)]) == 0
    pictures = ManipulatedSet.read(out, "train")
    assert COLLECTED in pictures.kinds and (pictures.masks == IGNORED).any()
    for supervision in ("masks", "boxes", "scribbles", "pictures"):
        recipe = LocalizeRecipe(batch=16, side=64, focused=0.5, supervision=supervision)
        batch = LocalizeBatches(pictures, recipe).draw(np.random.default_rng(1))
        assert batch.images.shape == (16, 3, 64, 64) and not batch.labels[1::2].any()
        assert (batch.labels[::2] == 1).any() == (supervision != "pictures")


def test_sets_without_authentic_pictures_are_refused(public, tmp_path):
    with pytest.raises(UsageError, match="comofod: a set with authentic pictures is needed"):
        collect_public(public, ("comofod",), SIDE, tmp_path / "set")
