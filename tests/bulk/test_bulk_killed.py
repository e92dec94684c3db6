"""The program as people call it, killed with all its processes, and called again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from archive import SEED, here, photo, shard, tree

from underdrawing.bulk.run import BulkRun
from underdrawing.bulk.settings import BulkSettings

PHOTOS = 24


def command(source: Path, target: Path) -> list[str]:
    program = [sys.executable, "-m", "underdrawing.cli", "bulk", "protect", str(source), "-o", str(target)]
    return [*program, "--seed", SEED, "--jobs", "2", "--json"]


def test_killed_job_goes_on_and_ends_with_the_same_files(tmp_path):
    source, whole, killed = tmp_path / "in", tmp_path / "whole", tmp_path / "killed"
    source.mkdir()
    for number in range(PHOTOS):
        (source / f"{number:03}.jpg").write_bytes(photo(number, 96))
    (source / "part.tar").write_bytes(shard((f"{n}.jpg", photo(n, 96)) for n in range(100, 104)))

    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "start_new_session": True}
    with subprocess.Popen(command(source, killed), **pipes) as running:
        for _ in range(5):
            running.stdout.readline()
        os.killpg(running.pid, signal.SIGKILL)
    time.sleep(0.2)
    before = Path(f"{killed}.journal").read_bytes().count(b'"done"')
    assert 5 <= before < PHOTOS
    ran = subprocess.run(command(source, killed), capture_output=True, text=True, timeout=280)
    assert ran.returncode == 0, ran.stderr
    summary = json.loads(ran.stdout.splitlines()[-1])
    assert summary["done before"] == before and summary["left"] == 0 and summary["units"] == PHOTOS + 1
    noted = [json.loads(line) for line in Path(f"{killed}.journal").read_text().splitlines()[1:]]
    assert len({line["file"] for line in noted}) == len(noted) == PHOTOS + 1

    with BulkRun(BulkSettings("protect", str(source), str(whole), seed=SEED)) as job:
        assert {line["status"] for line in job.run(1, here)} == {"done"}
    assert tree(killed) == tree(whole)
