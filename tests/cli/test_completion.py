"""Completion scripts of the shells, made from the parsers."""

import shutil
import subprocess

import pytest

from underdrawing.commands import _parser


@pytest.fixture
def complete(run, tmp_path):
    """What bash offers for the last word of a line."""
    script = tmp_path / "completion.bash"
    script.write_text(run("completion", "bash").out, encoding="utf-8")

    def offered(*words: str) -> list[str]:
        line = " ".join(f"'{word}'" for word in ("underdrawing", *words))
        code = f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _underdrawing"
        code += '; printf "%s\\n" "${COMPREPLY[@]}"'
        ran = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
        assert ran.stderr == ""
        return ran.stdout.split()

    return offered


def test_bash_completes_commands_options_and_values(complete):
    assert set(complete("")) == set(_parser.summaries())
    assert complete("ver") == ["verify"]
    assert complete("--v") == ["--version"]
    assert complete("verify", "--fa") == ["--fail-on"]
    assert set(complete("registry", "")) == {"audit", "list", "original", "show"}
    assert complete("--json", "bulk", "protect", "--engine", "r") == ["ray"]
    assert complete("verify", "") == [] == complete("verify", "--trust", "")  # bash offers files then


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_option_is_in_every_script_and_shells_can_read_it(run, tmp_path, shell):
    text = run("completion", shell).out
    for name, parser in _parser.command_parsers().items():
        assert name in text
        for option in parser._option_string_actions:
            assert (
                f"-l {option[2:]} " if shell == "fish" and option.startswith("--") else option[1:]
            ) in text
    if shutil.which(shell):
        script = tmp_path / "script"
        script.write_text(text, encoding="utf-8")
        subprocess.run([shell, "-n", str(script)], check=True)
