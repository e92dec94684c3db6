"""The program as people call it, killed with all its processes, and called again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from archive import SEED, photo, shard, tree

PHOTOS = 24


def command(source: Path, target: Path) -> list[str]:
    program = [sys.executable, "-m", "underdrawing.cli", "bulk", "protect", str(source), "-o", str(target)]
    return [*program, "--seed", SEED, "--jobs", "2", "--json"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("killed") / "in"
    folder.mkdir()
    for number in range(PHOTOS):
        (folder / f"{number:03}.jpg").write_bytes(photo(number, 96))
    (folder / "part.tar").write_bytes(shard((f"{n}.jpg", photo(n, 96)) for n in range(100, 106)))
    return folder


def test_killed_job_goes_on_and_ends_with_the_same_files(folder, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    ran = subprocess.run(command(folder, whole), capture_output=True, text=True, timeout=280)
    assert ran.returncode == 0, ran.stderr
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "start_new_session": True}
    before = 0
    for stop_after in (5, 6):
        with subprocess.Popen(command(folder, killed), **pipes) as running:
            for _ in range(stop_after):
                running.stdout.readline()
            os.killpg(running.pid, signal.SIGKILL)
        time.sleep(0.2)
        noted = Path(f"{killed}.journal").read_bytes().count(b'"done"')
        assert before + stop_after <= noted < PHOTOS + 1
        before = noted
    ran = subprocess.run(command(folder, killed), capture_output=True, text=True, timeout=280)
    assert ran.returncode == 0, ran.stderr
    summary = json.loads(ran.stdout.splitlines()[-1])
    assert summary["done before"] == before and summary["left"] == 0 and summary["units"] == PHOTOS + 1
    assert tree(killed) == tree(whole)
    noted = [json.loads(line) for line in Path(f"{killed}.journal").read_text().splitlines()[1:]]
    assert len({line["file"] for line in noted}) == len(noted) == PHOTOS + 1
