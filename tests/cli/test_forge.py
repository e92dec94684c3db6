"""`forge`: real faces and their forgeries from folders of photographs."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing import cli
from underdrawing.attacks.face_forgery import KINDS, WITH_DONOR
from underdrawing.data.face_identity import split_of
from underdrawing.data.face_set import SQUARES, FaceSet, read_manifest

PHOTO = data.astronaut()[:320, 60:380]
KINDS_OF_TEST = "swap,blend,autoencoder,resynthesis"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three persons: the astronaut, her mirror image, and a darker one in a clip of three frames."""
    folder = tmp_path_factory.mktemp("faces") / "people"
    folder.mkdir()
    cv2.imwrite(str(folder / "anna.png"), PHOTO[..., ::-1])
    cv2.imwrite(str(folder / "berta.png"), PHOTO[:, ::-1, ::-1])
    frames = [Image.fromarray((np.roll(PHOTO, 3 * n, 1) * 0.7).astype(np.uint8)) for n in range(3)]
    frames[0].save(folder / "clara.webp", save_all=True, append_images=frames[1:], lossless=True)
    return folder


def forge(run, *arguments):
    return run("forge", *arguments, "--split", "test", "--every", "2")


@pytest.fixture(scope="module")
def made(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("set") / "set"
    flags = ["--split", "test", "--every", "2", "--quiet", "--kinds", KINDS_OF_TEST]
    assert cli.main(["forge", str(photos), "-o", str(out), *flags]) == 0
    return out


def test_every_real_face_is_forged_by_every_kind(made):
    entries = list(read_manifest(made))
    reals = {entry.file: entry for entry in entries if entry.kind == "real"}
    assert sorted(reals) == [
        f"test/real/people-{name}.png" for name in ("anna-0", "berta-0", "clara-f0-0", "clara-f2-0")
    ]
    assert len(entries) == 4 * (1 + len(KINDS_OF_TEST.split(",")))
    for entry in entries:
        assert entry.source == "people" and entry.split == "test"
        if entry.kind != "real":
            picture, mask, original = (
                cv2.imread(str(made / name), cv2.IMREAD_UNCHANGED)
                for name in (entry.file, entry.mask, entry.original)
            )
            assert np.array_equal(picture[mask == 0], original[mask == 0]) or (mask > 0).all()
            assert (picture != original).any()
            assert entry.identity == reals[entry.original].identity != entry.donor
            if entry.kind in WITH_DONOR:
                assert entry.donor in {real.identity for real in reals.values()}


def test_the_set_can_be_read_for_training(made):
    read = FaceSet.read(made, "test")
    assert read.pictures.shape == (20, 160, 160, 3)
    assert read.kinds == sorted(KINDS_OF_TEST.split(","))
    assert (read.originals()[read.indices("swap")] >= 0).all()


def test_the_faces_are_crops_with_context(made):
    entry = next(entry for entry in read_manifest(made) if entry.file.endswith("anna-0.png"))
    landmarks = np.array(entry.landmarks)
    assert landmarks.shape == (5, 2) and np.abs(landmarks.mean(0) - 80).max() < 19
    assert 25 < landmarks[1, 0] - landmarks[0, 0] < 47


def test_pictures_do_not_depend_on_the_processes_and_a_stopped_run_goes_on(run, photos, made, tmp_path):
    out = tmp_path / "set"
    assert forge(run, photos, "-o", out, "--kinds", "swap", "--jobs", 2).code == 0
    (out / "test/swap/people-anna-0-0.png").unlink()
    for name in ("manifest.jsonl", "test/real/people-berta-0.png"):
        (out / name).unlink()
    assert forge(run, photos, "-o", out, "--kinds", KINDS_OF_TEST).code == 0
    for path in made.rglob("*.png"):
        assert (out / path.relative_to(made)).read_bytes() == path.read_bytes(), path.name
    assert (out / "manifest.jsonl").read_bytes() == (made / "manifest.jsonl").read_bytes()


def test_another_seed_makes_other_forgeries_of_the_same_faces(run, photos, made, tmp_path):
    out = tmp_path / "set"
    assert forge(run, photos, "-o", out, "--kinds", "blend", "--seed", 7, "--each", 2).code == 0
    names = {path.relative_to(out).as_posix() for path in out.rglob("*.png")}
    assert {"test/blend/people-anna-0-0.png", "test/blend/people-anna-0-1.png"} < names
    real, fake = "test/real/people-anna-0.png", "test/blend/people-anna-0-0.png"
    assert (out / real).read_bytes() == (made / real).read_bytes()
    assert (out / fake).read_bytes() != (made / fake).read_bytes()


def test_a_set_that_was_begun_otherwise_is_kept(run, photos, made):
    result = forge(run, photos, "-o", made, "--kinds", "swap", "--seed", 9)
    assert result.code == 64 and "the set was begun with" in result.err


def test_files_without_a_face_and_damaged_ones_are_named_and_the_rest_goes_on(run, photos, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "anna.png").write_bytes((photos / "anna.png").read_bytes())
    (folder / "damaged.png").write_bytes((photos / "anna.png").read_bytes()[:2000])
    cv2.imwrite(str(folder / "coffee.png"), data.coffee()[..., ::-1])
    result = forge(run, folder, "-o", tmp_path / "set", "--kinds", "blend")
    assert result.code == 3
    assert "coffee.png: no face that can be used" in result.err and "damaged.png" in result.err
    assert {entry.kind for entry in read_manifest(tmp_path / "set")} == {"real", "blend"}


def test_ready_forgeries_of_a_kind(run, photos, tmp_path):
    fakes = tmp_path / "made"
    fakes.mkdir()
    (fakes / "x.png").write_bytes((photos / "berta.png").read_bytes())
    result = forge(
        run, photos / "anna.png", "-o", tmp_path / "set", "--kinds", "blend", "--fakes", f"gan={fakes}"
    )
    assert result.code == 0
    gan = next(entry for entry in read_manifest(tmp_path / "set") if entry.kind == "gan")
    assert (gan.file, gan.mask, gan.identity) == ("test/gan/gan-x-0.png", None, "gan/x")


def test_squares_of_photographs_stand_in_place_of_faces_in_the_train_split_alone(run, photos, tmp_path):
    folder = tmp_path / "plain"
    folder.mkdir()
    for name, picture in (("coffee", data.coffee()), ("rocket", data.rocket())):
        cv2.imwrite(str(folder / f"{name}.png"), picture[..., ::-1])
    squares = ("--squares", folder, "--squares-each", "2")
    made = forge(run, photos, "-o", tmp_path / "set", "--kinds", "swap,reenact", *squares)
    assert made.code == 0
    entries = [entry for entry in read_manifest(tmp_path / "set") if entry.source == SQUARES]
    assert {entry.split for entry in entries} == {"train"} and 10 <= len(entries) <= 4 * 3  # the sky is plain
    persons = {entry.identity for entry in entries}
    assert all(entry.donor in persons for entry in entries if entry.kind == "swap")
    faces = FaceSet.read(tmp_path / "set", "train")
    assert faces.squares().all() and len(np.unique(faces.pictures[faces.indices("real")], axis=0)) == 4


def test_taef2_from_a_folder(run, photos, tmp_path):
    torch = pytest.importorskip("torch")
    from underdrawing.nets import tiny_autoencoder

    for name in ("encoder", "decoder"):
        state = getattr(tiny_autoencoder, name)().state_dict()
        torch.save({key: value.half() for key, value in state.items()}, tmp_path / f"taef2_{name}.pth")
    flags = ("--kinds", "taef2", "--taef2", tmp_path)
    assert forge(run, photos / "anna.png", "-o", tmp_path / "set", *flags).code == 0
    assert [entry.kind for entry in read_manifest(tmp_path / "set")] == ["real", "taef2"]
    empty = tmp_path / "empty"
    empty.mkdir()
    flags = ("--kinds", "taef2", "--taef2", empty)
    other = forge(run, photos / "anna.png", "-o", tmp_path / "other", *flags)
    assert other.code == 3 and "taef2_encoder.pth" in other.err


def test_identities_of_a_table_decide_the_split(run, photos, tmp_path):
    table = tmp_path / "people.csv"
    table.write_text("people/anna,one\npeople/berta,one\npeople/clara,two\n")
    out = tmp_path / "set"
    assert run("forge", photos, "-o", out, "--kinds", "swap", "--identity", table, "--every", 3).code == 0
    for entry in read_manifest(out):
        assert entry.identity == ("two" if "clara" in entry.file else "one")
        assert entry.split == split_of(entry.identity) and entry.file.startswith(entry.split)
        assert entry.donor != entry.identity


def test_the_summary_as_json(run, photos, tmp_path):
    result = forge(run, photos / "anna.png", "-o", tmp_path / "set", "--kinds", "blend,reenact", "--json")
    assert json.loads(result.out.splitlines()[-1]) == {
        "status": "forged", "output": str(tmp_path / "set"),
        "pictures": {"test": {"real": 1, "blend": 1, "reenact": 1}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--kinds", "swop"], ", ".join(KINDS)),
        (["--fakes", "gan"], "KIND=FOLDER"),
        (["--fakes", "gan=none/"], "no such folder"),
        (["--identity", "none.csv"], "none.csv"),
        (["--size", "32"], "64 to 1024"),
        (["--taef2", "none/"], "no such folder"),
        (["--kinds", "taef2"], "no kind is called"),
    ],
)
def test_wrong_usage(run, photos, tmp_path, flags, text):
    result = run("forge", photos, "-o", tmp_path / "set", *flags)
    assert result.code == 64 and text in result.err
    assert not (tmp_path / "set").exists()
