"""Flags of all commands over many files: counts, --quiet, --verbose, --dry-run, --fail-on, progress."""

import sys

import pytest
from PIL import Image

from underdrawing.commands import _parser
from underdrawing.commands._output import progress_line


@pytest.fixture
def mixed(run, stand_in, photo, tmp_path, astronaut):
    """A folder with an intact, an altered, an unprotected and a damaged picture, and files to skip."""
    folder = tmp_path / "mixed"
    run("protect", photo, "-o", folder / "intact.png")
    altered = Image.open(folder / "intact.png").copy()
    altered.paste((90, 90, 90), (64, 64, 160, 160))
    altered.save(folder / "altered.png")
    Image.fromarray(astronaut).save(folder / "plain.png")
    for name in ("broken.jpg", ".hidden.png", "notes.txt", "clip.mp4"):
        (folder / name).write_bytes(b"no picture")
    return folder


@pytest.mark.parametrize(
    ("fail_on", "code"),
    [
        (None, 3), ("error", 3), ("altered", 1), ("altered,unprotected", 2), ("unvouched", 0), ("none", 0),
        ("unprotected,error", 3),
    ],
)  # fmt: skip
def test_exit_code_of_a_mixed_folder(run, mixed, fail_on, code):
    assert run("verify", mixed, *(() if fail_on is None else ("--fail-on", fail_on))).code == code


def test_files_are_counted_and_skipped_ones_named(run, mixed):
    ran = run("verify", mixed)
    counts = ran.err.splitlines()[-1]
    assert counts.startswith("4 pictures: ") and counts.endswith("; 3 skipped (--verbose names them)")
    assert {"1 intact", "1 altered", "1 unprotected"} <= set(counts.split(";")[0].split(": ")[1].split(", "))
    verbose = run("verify", mixed, "--verbose")
    for name in (".hidden.png: skipped (hidden)", "notes.txt: skipped (.txt", "clip.mp4: skipped (.mp4"):
        assert name in verbose.err
    assert "SHA-256" in verbose.out and "SHA-256" not in ran.out


def test_quiet_prints_errors_alone_and_json_stays(run, mixed):
    ran = run("verify", mixed, "--quiet")
    assert ran.out == "" and ran.err.count("\n") == 1 and "broken.jpg" in ran.err
    assert len(run("verify", mixed, "-q", "--json").objects) == 4


def test_dry_run_writes_nothing(run, mixed, stand_in, tmp_path):
    done = len(stand_in.calls)
    registry = tmp_path / "photos.db"
    ran = run("protect", mixed, "-o", tmp_path / "out", "--registry", registry, "--dry-run", "--json")
    assert ran.code == 0
    assert {(found["status"], found["output"]) for found in ran.objects} == {
        ("planned", str(tmp_path / "out" / name))
        for name in ("intact.png", "altered.png", "plain.png", "broken.jpg")
    }
    assert not (tmp_path / "out").exists() and not registry.exists() and len(stand_in.calls) == done
    ran = run("protect", mixed / "plain.png", "-o", mixed / "intact.png", "--dry-run")
    assert ran.code == 3 and "--force" in ran.err
    assert run("verify", mixed, "-o", tmp_path / "findings", "--dry-run").code == 0
    assert not (tmp_path / "findings").exists()


def test_progress_has_the_time_left_and_a_terminal_only(run, mixed, monkeypatch):
    assert progress_line(1, 4, 20.0) == f"[{'#' * 7}{'.' * 23}] 1/4, 1:00 left"
    assert progress_line(1, 1001, 10.0).endswith("1/1001, 2:46:40 left")
    assert "left" not in run("verify", mixed).err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert "3/4" in run("verify", mixed).err


@pytest.mark.parametrize(
    ("given", "suggested"),
    [
        (["verfy", "a.jpg"], "did you mean verify?"),
        (["verify", "a.jpg", "--regsitry", "x"], "did you mean --registry?"),
        (["protect", "a.jpg", "--ouput", "x"], "did you mean --output?"),
        (["protect", "a.jpg", "-o", "b.jpg", "--colour"], "there is no option --colour"),
        (["photo.jpg"], "underdrawing verify photo.jpg"),
    ],
)
def test_misspelt_words_get_a_suggestion(run, given, suggested):
    ran = run(*given)
    assert ran.code == 64 and suggested in ran.err


def test_examples_of_help_can_be_parsed(run):
    import shlex

    from underdrawing.commands._parser import command_module, program_parser

    for name in _parser.summaries():
        examples = command_module(name).EXAMPLES
        assert all(example in run(name, "--help").out for example in examples) and examples
        for example in examples:
            words = shlex.split(example.split(" < ")[0].split(" > ")[0])
            assert program_parser(words[1:]).parse_args(words[1:]).command == name


def test_a_fault_of_the_program_is_no_altered_picture(run, photo, monkeypatch):
    from underdrawing.commands import verify

    def faulty(arguments):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(verify, "run", faulty)
    ran = run("verify", photo)
    assert ran.code == 3 and "internal error" in ran.err and "Traceback" not in ran.err
    assert "Traceback" in run("verify", photo, "--verbose").err
