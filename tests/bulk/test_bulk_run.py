"""Jobs with the real system in this process: what is written, going on, shards, registry, URLs."""

import itertools
import json
import uuid
from pathlib import Path

import pytest
from archive import SEED, fill, here, photo, shard, tree, unpacked

from underdrawing import api, cli
from underdrawing.bulk.pictures import derive_identity
from underdrawing.bulk.places import Place
from underdrawing.bulk.run import BulkRun
from underdrawing.bulk.settings import BulkSettings
from underdrawing.bulk.shards import members
from underdrawing.core.errors import PictureError, UsageError


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    return fill(tmp_path_factory.mktemp("archive") / "in")


@pytest.fixture(scope="module")
def protected(archive, tmp_path_factory) -> Path:
    """The archive, protected in one go."""
    target = tmp_path_factory.mktemp("protected") / "out"
    run(archive, target)
    return target


def run(source, target, action: str = "protect", most: int | None = None, **options) -> list[dict]:
    """Do a job, or `most` units of it."""
    journal = options.pop("journal", f"{target}.journal")
    settings = BulkSettings(action, str(source), str(target), **({"seed": SEED} | options))
    with BulkRun(settings, journal) as job:
        return list(itertools.islice(job.run(1, here), most))


def test_folder_keeps_its_layout_and_shards_their_members(archive, protected):
    assert tree(protected).keys() == {"000.jpg", "002.jpg", "deep/001.jpg", "part-000.tar"}
    inside = unpacked((protected / "part-000.tar").read_bytes())
    assert list(inside) == [
        "a.jpg", "a.jpg.underdrawing.json", "a.cls", "b.jpg", "b.jpg.underdrawing.json", "b.cls",
        "c.jpg.underdrawing.json",
    ]  # fmt: skip
    assert inside["a.cls"] == b"7" and inside["a.jpg"] != photo(100)
    report = json.loads(inside["b.jpg.underdrawing.json"])
    verdict = api.verify(inside["b.jpg"], trust=protected).verdict
    assert verdict.status == "unvouched" and verdict.identity == report["identity"]
    assert json.loads(inside["c.jpg.underdrawing.json"])["status"] == "error"


def test_journal_tells_what_was_done(archive, protected):
    first, *lines = map(json.loads, Path(f"{protected}.journal").read_text().splitlines())
    assert first["settings"]["seed"] == SEED
    by_name = {line["file"]: line for line in lines}
    assert by_name["part-000.tar"]["counts"] == {"protected": 2, "error": 1}
    assert "c.jpg" in by_name["part-000.tar"]["failed"][0]
    picture = by_name["deep/001.jpg"]
    assert picture["identity"] == derive_identity(SEED, "deep/001.jpg").hex()
    assert picture["sha256"] == tree(protected)["deep/001.jpg"]
    assert api.verify(protected / "deep/001.jpg", trust=protected).verdict.identity == picture["identity"]


@pytest.mark.parametrize("most", [1, 3])
def test_stopped_and_resumed_job_ends_with_the_same_bytes(archive, protected, tmp_path, most):
    first = run(archive, tmp_path / "out", most=most)
    second = run(archive, tmp_path / "out", seed="")
    assert len(first) == most and len(second) == 4 - most
    assert not {line["file"] for line in first} & {line["file"] for line in second}
    assert tree(tmp_path / "out") == tree(protected)
    assert run(archive, tmp_path / "out") == []


def test_output_whose_line_was_lost_is_done_again_and_agrees(archive, protected, tmp_path):
    journal = tmp_path / "out.journal"
    run(archive, tmp_path / "out", most=2)
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:2]))
    assert all(line["status"] == "done" for line in run(archive, tmp_path / "out"))
    assert tree(tmp_path / "out") == tree(protected)


def test_precious_file_in_the_way_is_kept(archive, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "000.jpg").write_bytes(b"precious")
    (line,) = run(archive, tmp_path / "out", most=1)
    assert line["status"] == "error" and "exists already" in line["message"]
    assert (tmp_path / "out" / "000.jpg").read_bytes() == b"precious"
    assert run(archive, tmp_path / "out", most=1, overwrite=True)[0]["status"] == "done"


def test_registry_gets_every_picture_once(archive, tmp_path):
    options = {"registry": str(tmp_path / "photos.db")}
    run(archive, tmp_path / "out", **options)
    (tmp_path / "out.journal").unlink()  # as if all lines had been lost
    run(archive, tmp_path / "out", **options)
    with api.open_registry(tmp_path / "photos.db") as registry:
        places = [entry.record.protected.place for entry in registry]
        assert len(places) == len(set(places)) == 5
        assert f"{tmp_path}/out/part-000.tar::b.jpg" in places
        (entry,) = registry.by_identity(derive_identity(SEED, "000.jpg").hex())
        assert entry.record.original.place == str(archive / "000.jpg")
        assert entry.record.protected.file == tree(tmp_path / "out")["000.jpg"]
        assert registry.audit().ok


def test_verifying_in_bulk_reports_repeatably(protected, tmp_path):
    lines = run(protected, tmp_path / "one", action="verify", trust=str(tmp_path))
    assert [line["counts"] for line in lines] == [{"unvouched": n} for n in (1, 1, 1, 2)]
    run(protected, tmp_path / "two", action="verify", trust=str(tmp_path), most=1)
    again = tree(tmp_path / "two")
    assert len(again) > 4 and again.items() <= tree(tmp_path / "one").items()
    report = json.loads((tmp_path / "one" / "000.jpg.report.json").read_text())
    assert (
        report["identity"] == derive_identity(SEED, "000.jpg").hex() and report["mask"] == "000.jpg.mask.png"
    )
    assert (tmp_path / "one" / report["mask"]).is_file()
    inside = unpacked((tmp_path / "one" / "part-000.tar").read_bytes())
    assert {"a.jpg.mask.png", "a.jpg.report.json", "a.cls"} <= set(inside) and "a.jpg" not in inside


def test_object_stores_work_alike(archive, protected, tmp_path):
    root = f"memory://{uuid.uuid4().hex}"
    for name in ("000.jpg", "part-000.tar"):
        data = (archive / name).read_bytes()
        Place(f"{root}/in").put(name, lambda file, data=data: file.write(data))
    lines = run(f"{root}/in", f"{root}/out", journal=tmp_path / "j")
    assert [line["status"] for line in lines] == ["done", "done"]
    for name in ("000.jpg", "part-000.tar"):
        with Place(f"{root}/out").reading(name) as file:
            assert file.read() == (protected / name).read_bytes()
    with pytest.raises(UsageError, match="--journal"):
        BulkRun(BulkSettings("protect", f"{root}/in", f"{root}/other"))


def test_one_shard_is_a_job_too(archive, protected, tmp_path):
    run(archive / "part-000.tar", tmp_path / "out")
    assert tree(tmp_path / "out") == {"part-000.tar": tree(protected)["part-000.tar"]}


@pytest.mark.parametrize("kept", [100, 700, 4000])
def test_shard_that_is_cut_short_is_an_error_and_leaves_nothing(tmp_path, kept):
    (tmp_path / "in").mkdir()
    whole = shard([("a.txt", b"x" * 2000), ("b.txt", b"y" * 2000), ("c.txt", b"z")])
    (tmp_path / "in" / "cut.tar").write_bytes(whole[:kept])
    (line,) = run(tmp_path / "in", tmp_path / "out")
    assert line["status"] == "error" and "cut" in line["message"]
    assert not list((tmp_path / "out").iterdir())
    with pytest.raises(PictureError), (tmp_path / "in" / "cut.tar").open("rb") as file:
        list(members(file))


def test_places_that_are_no_job(archive, tmp_path):
    for target in (archive, archive / "out", archive.parent):
        with pytest.raises(UsageError, match="apart"):
            BulkRun(BulkSettings("protect", str(archive), str(target)), tmp_path / "j")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no picture"):
        BulkRun(BulkSettings("protect", str(tmp_path / "empty"), str(tmp_path / "out")))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seed", "xyz"], "seed"),
        (["--sign", "missing.pem"], "missing.pem"),
        (["--system", "nothing"], "nothing"),
        (["--facts", "f.json"], "--registry"),
        (["--jobs", "0"], "1 to 256"),
    ],
)
def test_wrong_usage_ends_with_64(archive, tmp_path, capsys, arguments, said):
    with_output = ["bulk", "protect", str(archive), "-o", str(tmp_path / "out"), *arguments]
    try:
        code = cli.main(with_output)
    except SystemExit as stop:
        code = stop.code
    assert code == 64 and said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
