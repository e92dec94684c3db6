"""A command is one file: a toy added to a copy of the package is found, runs, and is the only edit."""

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import underdrawing
from underdrawing.commands import _parser

PACKAGE = Path(underdrawing.__file__).parent
TOY = '''"""Count the bytes of each picture."""

from functools import partial
from pathlib import Path

from underdrawing.commands import _flags
from underdrawing.commands._output import run_batch


def add_arguments(parser):
    _flags.add(parser, "paths", "--jobs", "--force", "--dry-run")
    parser.add_argument("--unit", type=int, default=1)


def run(arguments):
    from underdrawing.commands import _jobs

    plan = _jobs.stem_plan(arguments.paths, None)
    return run_batch(arguments, plan, partial(count, unit=arguments.unit), sentence)


def count(job, unit):
    return {"file": str(job.path), "status": "intact", "size": len(job.path.read_bytes()) // unit}


def sentence(result):
    return f"{result['file']}: {result['size']}"
'''


@pytest.fixture
def call(tmp_path):
    """The command line of a copy of the package, in which commands/ holds the toy too."""
    copy = tmp_path / "copy" / "underdrawing"
    (copy / "commands").mkdir(parents=True)
    for source in (*PACKAGE.iterdir(), *(PACKAGE / "commands").glob("*.py")):
        if source != PACKAGE / "commands":
            (copy / source.relative_to(PACKAGE)).symlink_to(source)
    (copy / "commands" / "toy.py").write_text(TOY, encoding="utf-8")

    def run(*arguments: object) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "underdrawing.cli", *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": str(copy.parent)}
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)

    return run


def test_a_command_is_one_file(call, photo, tmp_path):
    assert re.search(r"toy +Count the bytes of each picture\.", call("--help").stdout)
    assert "--unit" in call("toy", "--help").stdout
    other = tmp_path / "other.png"
    other.write_bytes(photo.read_bytes() * 2)
    size = photo.stat().st_size
    ran = call("toy", photo, tmp_path / "missing.png", other, "--jobs", 2, "--json")
    assert ran.returncode == 3 and "missing.png" in ran.stderr
    results = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [result.get("size") for result in results] == [size, None, 2 * size]
    assert call("toy", photo, "--unit", 2).stdout == f"{photo}: {size // 2}\n"
    assert call("toy").returncode == 64


def test_a_summary_is_the_first_line_of_its_module():
    for name, summary in _parser.summaries().items():
        module = import_module(f"underdrawing.commands.{name}")
        assert module.__doc__ is not None and module.__doc__.splitlines()[0] == summary
