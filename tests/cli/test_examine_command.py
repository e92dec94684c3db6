"""`underdrawing examine`: results, exit codes, files that later commands skip."""

import json

import pytest
from PIL import Image
from skimage import data

from underdrawing.cli import main
from underdrawing.commands import examine

FACE = {"box": [178, 57, 95, 120], "fake_prob": {"a": 0.97, "b": None}}


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(data.astronaut()).save(folder / "astronaut.png")
    Image.fromarray(data.coffee()).save(folder / "coffee.png")
    return folder


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_json_has_a_line_for_each_file(photos, capsys):
    code = main(["examine", str(photos), "--json"])
    found = lines(capsys)
    assert [len(line["faces"]) for line in found] == [1, 0]
    assert found[1]["status"] == "unknown" and code in (1, 2)
    for line in found:
        fields = {"file", "status", "faces", "maps", "reliability", "tampered_prob", "message", "seconds"}
        assert fields <= set(line)


def test_files_that_cannot_be_read_are_errors_and_the_rest_is_done(photos, capsys):
    (photos / "broken.jpg").write_bytes(b"no picture")
    (photos / "half.png").write_bytes((photos / "astronaut.png").read_bytes()[:90_000])
    assert main(["examine", str(photos), "--json"]) == 3
    found = {line["file"].rsplit("/", 1)[-1]: line["status"] for line in lines(capsys)}
    assert found["broken.jpg"] == found["half.png"] == "error" and found["coffee.png"] == "unknown"


def test_reports_are_written_replaced_and_skipped(photos, capsys):
    out = str(photos)
    assert main(["examine", str(photos / "astronaut.png"), "-o", out]) in (0, 1, 2)
    assert (photos / "astronaut.examined.json").is_file()
    (photos / "astronaut.examined.face9.old.png").write_bytes((photos / "coffee.png").read_bytes())
    assert main(["examine", str(photos), "-o", out, "--json"]) in (1, 2)
    captured = capsys.readouterr()
    assert "2 pictures" in captured.err and "skipped" in captured.err
    assert not (photos / "astronaut.examined.face9.old.png").exists()
    stored = json.loads((photos / "astronaut.examined.json").read_text())
    assert stored["html"] == str(photos / "astronaut.examined.html")
    (photos / "astronaut.examined.face1.a.png").write_bytes((photos / "coffee.png").read_bytes())
    assert main(["verify", str(photos), "--json"]) == 2
    assert len(lines(capsys)) == 2
    (photos / "astronaut.examined.json").write_text("{}")
    assert main(["examine", str(photos / "astronaut.png"), "-o", out]) == 3
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("statuses", "code"),
    [(["none", "none"], 0), (["none", "unknown"], 2), (["unknown", "signs"], 1), (["signs", "error"], 3)],
)
def test_the_most_severe_status_gives_the_exit_code(statuses, code, photos, monkeypatch, capsys):
    results = iter(statuses)

    def examined(job, overwrite, texts):
        return {"file": job.name, "status": next(results), "message": "x", "faces": [FACE],
                "evidence": {}, "html": None}  # fmt: skip

    monkeypatch.setattr(examine, "examine_file", examined)
    assert main(["examine", str(photos), "-v"]) == code
    assert "1 error" in capsys.readouterr().err or "error" not in statuses


def test_every_face_in_words(capsys):
    result = {"file": "a.jpg", "status": "signs", "message": "Signs.", "faces": [FACE], "html": "a.html",
              "evidence": {"noise": {"sentence": "The same everywhere."}}}  # fmt: skip
    assert examine.sentence(result, verbose=True).splitlines() == [
        "a.jpg: SIGNS: Signs.",
        "  face 1, 95x120 at 178,57: a 97 %, b does not know such faces",
        "  noise: The same everywhere.",
        "  a.html",
    ]
    assert len(examine.sentence(result).splitlines()) == 2


def test_a_text_that_cannot_be_read_is_wrong_usage(photos, capsys):
    text = photos.parent / "text.bin"
    text.write_bytes(b"\xff\xfe\xff")
    assert main(["examine", str(photos / "coffee.png"), "--text", str(text)]) == 64
    assert "no UTF-8" in capsys.readouterr().err
    assert main(["examine", str(photos / "coffee.png"), "--text", str(photos / "none.txt")]) == 64


def test_texts_of_a_folder_and_findings_in_words(photos, capsys):
    copied = data.astronaut().copy()
    copied[380:480, 20:120] = copied[60:160, 180:280]
    Image.fromarray(copied).save(photos / "astronaut.png")
    (photos / "coffee.txt").write_text("A cup of coffee\n")
    main(["examine", str(photos), "--json", "--text", str(photos), "--describe"])
    found, coffee = lines(capsys)
    assert coffee["text"] == "A cup of coffee" and "copied detail" in found["text"]
    main(["examine", str(photos), "--json", "--text", str(photos)])
    assert [line["text"] for line in lines(capsys)] == [None, "A cup of coffee"]


def test_help_names_the_exit_codes(capsys):
    with pytest.raises(SystemExit):
        main(["examine", "--help"])
    assert "2 cannot tell" in capsys.readouterr().out
