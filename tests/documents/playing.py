"""Run the bash and Python blocks of a document as printed, in one bash and one folder."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import rules
from collecting import ROOT, Block

HERE = Path(__file__).parent
_RESULTS = {"verify": {0, 1, 2, 4}, "examine": {0, 1, 2}, "retrieve": {0, 2}, "bulk": {0, 1, 2, 4}}
"""Exit codes of our commands that are results, beside 0."""
_PROGRAMS = {
    "underdrawing": """[[ $1 == serve && -n $PORT ]] && exec "$PYTHON" -m underdrawing.cli "$@"
"$PYTHON" -IS "$WARM" command "$SOCKET" "$@"; code=$?
{ printf '%s\\x1f' "$code" "$@"; printf '\\x1e'; } >> "$CODES"; exit $code""",
    "document-python": 'exec "$PYTHON" -IS "$WARM" python "$SOCKET" "$@"',
    "python": """[[ "$1 $2" == "-m venv" ]] && { mkdir -p "$3/bin"; touch "$3/bin/activate"; exit; }
exec "$PYTHON" "$@\"""",
}
_NOTE_FAULTS = """note() {
    [[ $2 == underdrawing\\ * ]] || { printf '%s\\x1f' "$at" "$1" "$2"; printf '\\x1e'; } >> "$FAULTS"
}
trap 'note $? "$BASH_COMMAND"' ERR"""


def environment() -> dict[str, str]:
    """Of processes that import the package and these helpers."""
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)])}


def play(blocks: list[Block], place: Path, server: Path, port: int | None = None) -> list[str]:
    """Run the blocks in `place`; what went wrong. What block N printed is the file `outputs(place) / N`.

    port: of a real server, asked by a real curl, in place of 8000; None only parses `serve`.
    """
    written = outputs(place)
    shutil.rmtree(written, ignore_errors=True)
    written.mkdir()
    files = {name: str(written / name) for name in ("NOTES", "CODES", "FAULTS")}
    for path in files.values():
        Path(path).touch()
    _make_programs(place.parent / "bin", real_curl=port is not None)
    (written / "script").write_text(_script(blocks, place, port), encoding="utf-8")
    variables = {
        "SOCKET": str(server), "PYTHON": sys.executable, "WARM": str(HERE / "warm.py"),
        "SLURM_ARRAY_TASK_ID": "0", "XDG_CONFIG_HOME": str(place.parent / "config"),
        "HOME": str(place.parent),
        "PORT": str(port or ""),
    }  # fmt: skip
    options = {"cwd": place, "env": environment() | variables | files, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(["bash", written / "script"], start_new_session=True, **options) as bash:
        bash.wait()
    with suppress(ProcessLookupError):  # what it left running
        os.killpg(bash.pid, signal.SIGTERM)
    wrong = _faults(files)
    texts = (path.read_text(errors="replace") for path in sorted(written.glob("[0-9]*")) if not path.suffix)
    return [*wrong, *texts] if wrong else []


def outputs(place: Path) -> Path:
    """The folder of what blocks print."""
    return place.parent / "outputs"


def unlike(printed: str, expected: str) -> bool:
    """Whether a text is another than a document's: `...` stands for a part of a line, or for whole lines."""
    lines = []
    for line in expected.rstrip().splitlines():
        parts = ".*".join(map(re.escape, line.split("...")))
        lines.append(r"(?:[^\n]*\n)*?" if line.strip() == "..." else f"{parts}\n")
    return re.fullmatch("".join(lines), printed.rstrip() + "\n") is None


def _script(blocks: list[Block], place: Path, port: int | None) -> str:
    lines = [f'PATH="{place.parent / "bin"}:$PATH"', _NOTE_FAULTS]
    for number, block in enumerate(blocks):
        text = block.text
        if block.language == "python":
            file = outputs(place) / f"{number}.py"
            file.write_text(text, encoding="utf-8")
            text = f'document-python "{file}"'
        elif port is not None:
            text = re.sub(r"(?<=[: ])8000\b", str(port), text)
        if block.language in ("bash", "python"):
            lines.append(f'exec > "{outputs(place) / str(number)}" 2>&1; at={block.line}\n{text}')
    return "\n".join(lines) + "\n"


def _make_programs(folder: Path, *, real_curl: bool) -> None:
    folder.mkdir(exist_ok=True)
    for name in set(rules.STAND_INS) - ({"curl"} if real_curl else set()):
        shutil.copy(HERE / "stand_in.sh", folder / name)
    for name, text in _PROGRAMS.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
    for path in folder.iterdir():
        path.chmod(0o755)


def _faults(files: dict[str, str]) -> list[str]:
    wrong = [f"{at}: ended with {code}: {command}" for at, code, command in _records(files["FAULTS"])]
    for program, *arguments in _records(files["NOTES"]):
        wrong += [text] if (text := rules.fault(program, arguments)) else []
    for code, command, *arguments in _records(files["CODES"]):
        if int(code) not in _RESULTS.get(command, {0}):
            wrong.append(f"ended with {code}: underdrawing {shlex.join([command, *arguments])}")
    return wrong


def _records(path: str) -> list[list[str]]:
    """Lists of texts: each text ends in a unit separator, each list in a record separator."""
    return [record.split("\x1f")[:-1] for record in Path(path).read_text().split("\x1e")[:-1]]
