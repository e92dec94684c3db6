"""Every rule of tools/check_structure.py passes a good tree and fails a bad one."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).parents[2] / "tools" / "check_structure.py"
_spec = importlib.util.spec_from_file_location("check_structure", PATH)
tool = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = tool
_spec.loader.exec_module(tool)

GOOD = '"""A module."""\n\n\ndef double(number):\n    return 2 * number\n'
LONG_FUNCTION = "def long():\n" + "    x = 1\n" * 61
COMMENTED_FUNCTION = 'def short():\n    """What for."""\n' + "    # why\n\n" * 40 + "    return 1\n"


def run(root: Path, rule: str, files: dict[str, str]) -> int:
    for name, text in files.items():
        path = root / "underdrawing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tool.main(root, [rule])


@pytest.mark.parametrize(
    "rule, files",
    [
        ("sizes", {"a.py": GOOD, "b.py": COMMENTED_FUNCTION}),
        ("sizes", {"api/one_shot.py": "def f(a, b, c, d, e, f, g, h): ...\n"}),
        ("sizes", {"a.py": "class A:\n    def f(self, a, b, c, d, e, f, g): ...\n"}),
        ("systems", {"systems/photo/a.py": "x = 1\n" * 1600, "systems/other/a.py": "x = 1\n" * 900}),
        ("circles", {"a.py": "from underdrawing import b\n", "b.py": GOOD}),
        ("words", {"a.py": "driver, uplift, foretold = 1, 2, 3\n"}),
    ],
)
def test_a_good_tree_passes(rule: str, files: dict[str, str], tmp_path: Path) -> None:
    assert run(tmp_path, rule, files) == 0


@pytest.mark.parametrize(
    "rule, files, fault",
    [
        ("sizes", {"a.py": "x = 1\n" * 451}, "underdrawing/a.py: 451 lines, at most 450"),
        ("sizes", {"a.py": LONG_FUNCTION}, "underdrawing/a.py:1: long has 61 code lines, at most 60"),
        ("sizes", {"a.py": "def f(a, b, c, d, e, f, g, h): ...\n"}, "f has 8 parameters, at most 7"),
        (
            "systems",
            {"systems/small/a.py": "x = 1\n" * 901},
            "systems/small: 901 lines of Python, at most 900",
        ),
        ("systems", {"systems/photo/a.py": "x = 1\n" * 1601}, "systems/photo: 1601 lines"),
        ("words", {"a.py": "def what_is_told(): ...\n"}, "a.py:1: what_is_told: the word told is retired"),
        ("words", {"a.py": "class TextureDrive: ...\n"}, "TextureDrive: the word drive is retired"),
        ("words", {"a.py": "def f(gist_bits): ...\n"}, "gist_bits: the word gist is retired"),
        ("words", {"a.py": "self.seen = 1\n"}, "seen: the word seen is retired"),
        ("words", {"likeness.py": GOOD}, "likeness: the word likeness is retired"),
    ],
)
def test_each_rule_fails(
    rule: str, files: dict[str, str], fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, rule, files) == 1
    assert fault in capsys.readouterr().out


@pytest.mark.parametrize(
    "second",
    [
        "from underdrawing.room.first import x\n",
        "import underdrawing.room.first\n",
        "def f():\n    from underdrawing.room import first\n",
        "if TYPE_CHECKING:\n    from underdrawing.room.first import X\n",
    ],
)
def test_circles_in_every_form_of_import(
    second: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        "room/first.py": "from underdrawing.room.middle import y\n",
        "room/middle.py": "from underdrawing.room import second\n",
        "room/second.py": second,
        "room/apart.py": "from underdrawing.room.first import x\n",
    }
    assert run(tmp_path, "circles", files) == 1
    circle = "underdrawing.room.first, underdrawing.room.middle, underdrawing.room.second\n"
    assert f"modules that import each other: {circle}" in capsys.readouterr().out


def test_large_is_counted_and_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "sizes", {"a.py": "x = 1\n" * 351, "b.py": "def f():\n" + "    x = 1\n" * 36}) == 0
    assert "2 files and functions above the counted limits" in capsys.readouterr().out
    tool.main(tmp_path, ["sizes", "--list"])
    assert "a.py: 351 lines, better at most 350" in capsys.readouterr().out


def test_hops_are_counted_between_verify_and_dct(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = np.full((64, 64, 3), 128, np.uint8)
    hops = tool.verify_hops(picture)
    assert 1 <= hops <= tool.HOPS
    monkeypatch.setattr(tool, "protected_crop", lambda _root: picture)
    monkeypatch.setattr(tool, "HOPS", hops - 1)
    assert tool.main(PATH.parents[1], ["hops"]) == 1
    assert f"{hops} functions between Session.verify and ops.dct" in capsys.readouterr().out
