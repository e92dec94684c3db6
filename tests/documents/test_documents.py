"""Every block of code in every document: commands and Python are run as printed, the rest is checked.

Bash and Python blocks of a document run one after the other in one folder. Stand-ins take only what a test
cannot run (rules.STAND_INS, and commands of ours that need a server or hours): their arguments are checked.
A block or a program without a rule is a fault.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import rules
import skimage.data
from collecting import ROOT, Block, blocks, documents
from PIL import Image

from underdrawing.coding.keys import Owner
from underdrawing.credentials.trial import issue

HERE = Path(__file__).parent
SEPARATOR, END = "\x1f", "\x1e"
_NOT_A_FAULT = {"verify": {0, 1, 2, 4}, "retrieve": {0, 2}, "bulk": {0, 1, 2, 4}}
"""Exit codes of our commands, where others than 0 are results."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The socket of a warm program, see warm.py."""
    address = tmp_path_factory.mktemp("warm") / "socket"
    command = [sys.executable, str(HERE / "warm.py"), "serve", str(address)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_threads()) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == b"ready\n"
        yield address
        process.stdin.close()


@pytest.fixture(scope="module")
def supplies(tmp_path_factory) -> Path:
    """The files that a reader is assumed to have."""
    folder = tmp_path_factory.mktemp("supplies")
    scene = Image.fromarray(skimage.data.astronaut()[:384, 40:424])
    for name in ("photo.jpg", "photos/one.jpg", "in/00/one.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        scene.save(folder / name, quality=92)
    (folder / "facts.json").write_text(json.dumps({"caption": "A portrait", "source": "An agency"}))
    (folder / "password.txt").write_text("correct horse\n")
    Owner.create().save(folder / "owner.pem")
    issued = issue(folder / "agency", organization="An Agency")
    for path, name in (
        (issued.chain, "chain.pem"),
        (issued.key, "key.pem"),
        (issued.root, "agency-root.pem"),
    ):
        path.rename(folder / name)
    (folder / "journals").mkdir()
    (folder / "deploy").symlink_to(ROOT / "deploy")
    return folder


@pytest.fixture
def place(supplies, tmp_path) -> Path:
    """A folder with them, apart from the user's own settings."""
    folder = tmp_path / "work"
    shutil.copytree(supplies, folder, symlinks=True)
    return folder


@pytest.mark.parametrize("document", [str(path) for path in documents() if blocks(path)])
def test_blocks(document, place, server):
    found = blocks(Path(document))
    if any("keygen -o owner.pem" in block.text for block in found):
        (place / "owner.pem").unlink()
    faults = [f"{block.line}: {text}" for block in found if (text := static_fault(block))]
    faults += play(found, place, server)
    assert not faults, "\n".join(f"{document}:{fault}" for fault in faults)


@pytest.mark.parametrize("document", [str(path) for path in documents()])
def test_commands_and_options_in_sentences_exist(document):
    from underdrawing.commands._parser import command_parsers

    parsers = command_parsers()
    text = re.sub(r"```.*?```", "", (ROOT / document).read_text(encoding="utf-8"), flags=re.DOTALL)
    for span in re.findall(r"`underdrawing ([a-z][^`]*)`", text):
        command, *rest = span.split()
        assert command in parsers, span
        for option in re.findall(r"(?<!\S)\[?(--[a-z-]+)", " ".join(rest)):
            assert option in parsers[command]._option_string_actions, span


def test_a_block_without_a_rule_is_a_fault(place, server):
    assert static_fault(Block(1, "perl", "print 1")) and static_fault(Block(1, "", "x"))
    assert static_fault(Block(1, "text", "underdrawing verify a.jpg --nothing"))
    for wrong in (
        "underdrawing verify photo.jpg --nothing",
        "nobody-knows-it --help",
        "pip install 'underdrawing[x]'",
    ):
        assert play([Block(1, "bash", wrong)], place, server), wrong
    assert play([Block(1, "python", "raise ValueError")], place, server)
    assert play([Block(1, "bash", "underdrawing verify suspect.jpg")], place, server) == []


def static_fault(block: Block) -> str | None:
    """What is wrong with a block that is not run; None where nothing is, or it is run."""
    if block.language in ("bash", "python"):
        return None
    if block.language == "json":
        try:
            json.loads(block.text)
        except ValueError as error:
            return str(error)
        return None
    if block.language == "nginx":
        lines = [line.split("#")[0].strip() for line in block.text.splitlines()]
        return next((f"no end of {line!r}" for line in lines if line and line[-1] not in ";{}"), None)
    if block.language == "text":  # a diagram, a formula, an output; a call in it must be one
        calls = re.findall(r"^underdrawing (.+?)(?:  .*)?$", block.text, re.MULTILINE)
        return next(filter(None, (rules.fault("underdrawing", shlex.split(call)) for call in calls)), None)
    return f"no rule for a block of {block.language or 'no language'}"


def play(found: list[Block], place: Path, server: Path) -> list[str]:
    """Run the bash and Python blocks one after the other; the faults. Output of block N is in outputs/N."""
    outputs = place.parent / "outputs"
    shutil.rmtree(outputs, ignore_errors=True)
    outputs.mkdir()
    notes, codes, faults = (outputs / name for name in ("notes", "codes", "faults"))
    script = [_preamble(place.parent / "bin")]
    for number, block in enumerate(found):
        if block.language == "python":
            (outputs / f"{number}.py").write_text(block.text, encoding="utf-8")
        code = f'document-python "{outputs}/{number}.py"' if block.language == "python" else block.text
        if block.language in ("bash", "python"):
            script.append(f'exec > "{outputs}/{number}" 2>&1; at={block.line}\n{code}')
    environment = _threads() | {
        "NOTES": str(notes), "CODES": str(codes), "FAULTS": str(faults), "SOCKET": str(server),
        "PYTHON": sys.executable, "WARM": str(HERE / "warm.py"), "SLURM_ARRAY_TASK_ID": "0",
        "XDG_CONFIG_HOME": str(place.parent / "config"), "HOME": str(place.parent),
    }  # fmt: skip
    for path in (notes, codes, faults):
        path.touch()
    (outputs / "script").write_text("\n".join(script) + "\n", encoding="utf-8")
    subprocess.run(
        ["bash", outputs / "script"], cwd=place, env=environment, stdin=subprocess.DEVNULL, check=False
    )
    wrong = [f"{at}: ended with {code}: {command}" for at, code, command in _records(faults)]
    for program, *arguments in _records(notes):
        wrong += [text] if (text := rules.fault(program, arguments)) else []
    for code, command, *arguments in _records(codes):
        if int(code) not in _NOT_A_FAULT.get(command, {0}):
            wrong.append(f"ended with {code}: underdrawing {shlex.join([command, *arguments])}")
    texts = (path.read_text(errors="replace") for path in sorted(outputs.glob("[0-9]*")) if not path.suffix)
    return [*wrong, *texts] if wrong else []


def _preamble(programs: Path) -> str:
    programs.mkdir(exist_ok=True)
    for name in rules.STAND_INS:
        shutil.copy(HERE / "stand_in.sh", programs / name)
    (programs / "underdrawing").write_text(
        '#!/bin/bash\n"$PYTHON" -IS "$WARM" command "$SOCKET" "$@"; code=$?\n'
        '{ printf \'%s\\x1f\' "$code" "$@"; printf \'\\x1e\'; } >> "$CODES"; exit $code\n'
    )
    (programs / "document-python").write_text(
        '#!/bin/bash\nexec "$PYTHON" -IS "$WARM" python "$SOCKET" "$@"\n'
    )
    (programs / "python").write_text(
        "#!/bin/bash\n"
        'if [[ "$1 $2" == "-m venv" ]]; then mkdir -p "$3/bin"; touch "$3/bin/activate"; exit; fi\n'
        'exec "$PYTHON" "$@"\n'
    )
    for path in programs.iterdir():
        path.chmod(0o755)
    return f"""PATH="{programs}:$PATH"
note() {{
    [[ $2 == underdrawing\\ * ]] || {{ printf '%s\\x1f' "$at" "$1" "$2"; printf '\\x1e'; }} >> "$FAULTS"
}}
trap 'note $? "$BASH_COMMAND"' ERR"""


def _records(path: Path) -> list[list[str]]:
    return [record.split(SEPARATOR)[:-1] for record in path.read_text().split(END)[:-1]]


def _threads() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)])}
