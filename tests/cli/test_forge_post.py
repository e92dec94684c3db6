"""`forge --post`: a set of faces after post-processing, with the same files, masks and manifest."""

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.attacks.suites import SUITES
from underdrawing.data.face_set import FaceEntry, read_manifest

FACE = data.astronaut()[20:148, 160:288]


@pytest.fixture
def folder(tmp_path):
    """A set of four real pictures and a forgery with a mask."""
    place = tmp_path / "set"
    entries = [
        FaceEntry(f"test/real/{n}.png", "real", "test", f"p{n}", "photos", [[1.0, 2.0]] * 5) for n in range(4)
    ]
    entries.append(
        FaceEntry("test/swap/0.png", "swap", "test", "p0", "photos", [[1.0, 2.0]] * 5, "test/swap/0.mask.png")
    )
    mask = np.zeros(FACE.shape[:2], np.uint8)
    mask[30:90, 40:80] = 255
    for entry in entries:
        (place / entry.file).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / entry.file), FACE[..., ::-1])
    cv2.imwrite(str(place / "test/swap/0.mask.png"), mask)
    (place / "manifest.jsonl").write_text("".join(entry.line() for entry in entries))
    return place


def pictures(place):
    return [cv2.imread(str(place / entry.file), cv2.IMREAD_COLOR_RGB) for entry in read_manifest(place)]


def test_one_channel_for_every_picture(run, folder, tmp_path):
    out = tmp_path / "mean"
    assert run("forge", folder, "--post", "mean5", "-o", out).code == 0
    assert [entry.file for entry in read_manifest(out)] == [entry.file for entry in read_manifest(folder)]
    assert all(np.array_equal(picture, cv2.blur(FACE, (5, 5))) for picture in pictures(out))
    name = "test/swap/0.mask.png"
    assert (out / name).read_bytes() == (folder / name).read_bytes()


def test_a_suite_is_drawn_from_by_the_seed_and_keeps_the_size(run, folder, tmp_path):
    made = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run("forge", folder, "--post", "unknown", "--seed", seed, "-o", tmp_path / name).code == 0
        made.append(pictures(tmp_path / name))
    assert all(np.array_equal(*pair) for pair in zip(made[0], made[1], strict=True))
    assert not all(np.array_equal(*pair) for pair in zip(made[0], made[2], strict=True))
    assert {picture.shape for picture in made[0]} == {FACE.shape}
    assert not any(np.array_equal(picture, FACE) for picture in made[0])


def test_a_set_that_was_begun_otherwise_is_kept(run, folder, tmp_path):
    out = tmp_path / "out"
    run("forge", folder, "--post", "jpeg60", "-o", out)
    before = pictures(out)
    ran = run("forge", folder, "--post", "mean5", "-o", out)
    assert ran.code == 64 and "begun" in ran.err
    assert all(np.array_equal(*pair) for pair in zip(before, pictures(out), strict=True))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--post", "sharpen"), "no post-processing is called 'sharpen'"),
        (("--post", "jpeg60", "--kinds", "swap"), "--post takes one set"),
    ],
)
def test_wrong_usage_names_what_there_is(run, folder, tmp_path, more, words):
    ran = run("forge", folder, "-o", tmp_path / "out", *more)
    assert ran.code == 64 and words in ran.err
    if "sharpen" in more:
        assert all(channel.name in ran.err for channel in SUITES["face-unknown"])


def test_a_folder_without_manifest_is_no_set(run, tmp_path):
    (tmp_path / "photos").mkdir()
    ran = run("forge", tmp_path / "photos", "--post", "jpeg60", "-o", tmp_path / "out")
    assert ran.code == 64 and "manifest.jsonl" in ran.err
