"""`manipulate`: squares of photographs and their manipulations, with masks, boxes and scribbles."""

import json

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing import cli
from underdrawing.attacks.manipulation import KINDS, WITH_DONOR
from underdrawing.data.annotation import box_map
from underdrawing.data.face_identity import split_of
from underdrawing.data.manipulated_set import AUTHENTIC, IGNORED, ManipulatedSet, read_manifest

PHOTOS = {"coffee": data.coffee(), "rocket": data.rocket(), "cat": data.chelsea(), "moon": data.astronaut()}
SIDE = 128
FLAGS = ("--side", SIDE, "--each", len(KINDS))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos") / "trip"
    folder.mkdir()
    for name, picture in PHOTOS.items():
        cv2.imwrite(str(folder / f"{name}.png"), picture[..., ::-1])
    return folder


@pytest.fixture(scope="module")
def made(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("set") / "set"
    arguments = ("manipulate", photos, "-o", out, "--split", "test", "--quiet", *FLAGS)
    assert cli.main(list(map(str, arguments))) == 0
    return out


def test_every_photograph_has_a_square_and_a_manipulation_of_each_kind(made):
    entries = list(read_manifest(made))
    squares = {entry.file: entry for entry in entries if entry.kind == AUTHENTIC}
    assert sorted(squares) == [f"test/{AUTHENTIC}/trip-{name}.png" for name in sorted(PHOTOS)]
    assert len(entries) == len(PHOTOS) * (1 + len(KINDS))
    for entry in entries:
        assert entry.split == "test"
        if entry.kind == AUTHENTIC:
            assert (entry.mask, entry.scribbles, entry.donor, entry.boxes) == (None, None, None, [])
            continue
        picture, mask, original = (
            cv2.imread(str(made / name), cv2.IMREAD_UNCHANGED)
            for name in (entry.file, entry.mask, entry.original)
        )
        assert picture.shape == (SIDE, SIDE, 3)
        assert np.array_equal(picture[mask == 0], original[mask == 0]) and (picture != original).any()
        assert entry.photo == squares[entry.original].photo
        if entry.kind in WITH_DONOR:
            assert entry.donor != entry.photo and entry.donor in {other.photo for other in squares.values()}
        else:
            assert entry.donor is None


def test_weak_labels_agree_with_the_masks(made):
    read = ManipulatedSet.read(made, "test")
    assert read.pictures.shape == (len(PHOTOS) * (1 + len(KINDS)), SIDE, SIDE, 3)
    assert read.kinds == sorted(KINDS)
    covered = []
    for entry, mask, strokes in zip(read.entries, read.masks, read.scribbles, strict=True):
        if entry.kind == AUTHENTIC:
            assert not mask.any() and not strokes.any()
            continue
        manipulated, labelled = mask == 1, strokes != IGNORED
        assert manipulated.mean() > 0.002 and 0.001 < labelled.mean() < 0.2
        assert (strokes[labelled] == mask[labelled]).all() and (strokes == 1).any()
        covered.append((manipulated & box_map(mask.shape, entry.boxes)).sum() / manipulated.sum())
    assert min(covered) > 0.6 and np.mean(covered) > 0.95


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.*"))}


def test_pictures_depend_neither_on_processes_nor_on_a_stop(run, photos, made, tmp_path):
    out = tmp_path / "set"
    half = run("manipulate", photos, "-o", out, "--split", "test", "--side", SIDE, "--each", 2, "--jobs", 2)
    assert half.code == 0 and len(list(read_manifest(out))) == len(PHOTOS) * 3
    for path in sorted(out.rglob("*.png"))[::4]:
        path.unlink()
    assert run("manipulate", photos, "-o", out, "--split", "test", *FLAGS).code == 0
    expected = files_of(made)
    assert files_of(out).keys() == {name for name in expected if name.suffix != ".npy"}
    assert all(data == expected[name] for name, data in files_of(out).items())


def test_photographs_decide_the_split_and_donors_stay_in_it(run, photos, tmp_path):
    out, kinds = tmp_path / "set", ",".join(sorted(WITH_DONOR))
    table = tmp_path / "scenes.csv"
    table.write_text("trip/coffee,breakfast\ntrip/cat,breakfast\n")
    done = run("manipulate", photos, "-o", out, "--kinds", kinds, "--side", SIDE, "--identity", table)
    assert done.code == 0
    entries = list(read_manifest(out))
    for entry in entries:
        assert entry.split == split_of(entry.photo) and entry.file.startswith(entry.split)
        assert ("coffee" in entry.file or "cat" in entry.file) == (entry.photo == "breakfast")
        assert entry.donor is None or (split_of(entry.donor) == entry.split and entry.donor != entry.photo)
    alone = run("manipulate", photos / "cat.png", "-o", tmp_path / "one", "--kinds", kinds, "--side", SIDE)
    assert alone.code == 0 and [entry.kind for entry in read_manifest(tmp_path / "one")] == [AUTHENTIC]


def test_files_that_are_no_photographs_are_named_and_the_rest_goes_on(run, photos, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "cat.png").write_bytes((photos / "cat.png").read_bytes())
    (folder / "damaged.png").write_bytes((photos / "cat.png").read_bytes()[:2000])
    cv2.imwrite(str(folder / "icon.png"), PHOTOS["cat"][:40, :300])
    result = run("manipulate", folder, "-o", tmp_path / "set", "--kinds", "retouch", "--side", SIDE)
    assert result.code == 3
    assert "damaged.png" in result.err and "icon.png: 300 x 40 px is too small" in result.err
    assert len(list(read_manifest(tmp_path / "set"))) == 3


def test_the_summary_as_json(run, photos, tmp_path):
    flags = ("--split", "val", "--kinds", "text,retouch", "--side", SIDE, "--json")
    result = run("manipulate", photos / "cat.png", "-o", tmp_path / "set", *flags)
    assert json.loads(result.out.splitlines()[-1]) == {
        "status": "manipulated", "output": str(tmp_path / "set"),
        "pictures": {"val": {AUTHENTIC: 1, "text": 1, "retouch": 1}},
    }  # fmt: skip


def test_holes_are_filled_by_taef2_from_a_folder(run, photos, tmp_path):
    torch = pytest.importorskip("torch")
    from underdrawing.nets import tiny_autoencoder

    for name in ("encoder", "decoder"):
        state = getattr(tiny_autoencoder, name)().state_dict()
        torch.save({key: value.half() for key, value in state.items()}, tmp_path / f"taef2_{name}.pth")
    flags = ("--split", "val", "--side", SIDE, "--each", 1, "--kinds", "taef2", "--taef2", tmp_path)
    assert run("manipulate", photos / "cat.png", "-o", tmp_path / "set", *flags).code == 0
    entries = list(read_manifest(tmp_path / "set"))
    assert [entry.kind for entry in entries] == [AUTHENTIC, "taef2"]
    assert ManipulatedSet.read(tmp_path / "set", "val").masks[1].any()


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--kinds", "splise"], ", ".join(KINDS)),
        (["--kinds", "taef2"], ", ".join(KINDS)),
        (["--taef2", "nowhere"], "nowhere: no such folder"),
        (["--side", "32"], "64 to 2048"),
        (["--identity", "none.csv"], "none.csv"),
    ],
)
def test_wrong_usage_of_manipulate(run, photos, tmp_path, flags, text):
    result = run("manipulate", photos, "-o", tmp_path / "set", *flags)
    assert result.code == 64 and text in result.err
    assert not (tmp_path / "set").exists()


def test_a_set_of_other_settings_is_kept(run, photos, made):
    result = run("manipulate", photos, "-o", made, "--split", "test", *FLAGS, "--seed", 9)
    assert result.code == 64 and "the set was begun with" in result.err
