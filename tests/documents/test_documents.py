"""Every block of code in every document: commands and Python are run as printed, the rest is checked.

Bash and Python blocks of a document run one after the other in one folder. Stand-ins take only what a test
cannot run (rules.STAND_INS, and commands of ours that need a server or hours): their arguments are checked.
A block or a program without a rule is a fault.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import rules
import skimage.data
from collecting import ROOT, Block, blocks, documents
from PIL import Image
from playing import environment, outputs, play, unlike

from underdrawing.coding.keys import Owner
from underdrawing.credentials.trial import issue

FIRST_HOUR = "docs/FIRST_HOUR.md"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The socket of a warm program, see warm.py."""
    address = tmp_path_factory.mktemp("warm") / "socket"
    command = [sys.executable, str(Path(__file__).with_name("warm.py")), "serve", str(address)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    ) as process:
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
    (folder / "article.txt").write_text("An astronaut before a flag and a model of the Space Shuttle.\n")
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
    faults += play(found, place, server, _free_port() if document == FIRST_HOUR else None)
    if document == FIRST_HOUR:
        faults += unlike_outputs(found, outputs(place))
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


def unlike_outputs(found: list[Block], folder: Path) -> list[str]:
    """The blocks of text that are not what the block before them printed."""
    faults = []
    for number, (block, after) in enumerate(pairwise(found)):
        if after.language == "text":
            printed = (folder / str(number)).read_text(encoding="utf-8")
            if unlike(printed, after.text):
                faults.append(f"{block.line}: prints\n{printed}\nand not\n{after.text}")
    return faults


def test_outputs_are_compared_but_for_what_differs_each_time():
    assert not unlike("a 17 b\nx\ny\nend\n", "a ... b\n...\nend")
    assert unlike("a 17 c\nend\n", "a ... b\nend") and unlike("a\nb\n", "a") and unlike("", "a")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
