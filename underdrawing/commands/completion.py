"""Print the completion of commands and options for a shell: bash, zsh or fish."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from underdrawing.commands import _parser
from underdrawing.commands._output import DONE, print_result

EXAMPLES = (
    "underdrawing completion bash > ~/.local/share/bash-completion/completions/underdrawing",
    "underdrawing completion zsh > ~/.zfunc/_underdrawing",
    "underdrawing completion fish > ~/.config/fish/completions/underdrawing.fish",
)
_FOLDERS = {"DIR", "OUT"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The shell."""
    parser.add_argument("shell", choices=list(_SCRIPTS), help="the shell that will read it")


def run(arguments: argparse.Namespace) -> int:
    """Print the script, made from the parsers of all commands."""
    script = _SCRIPTS[arguments.shell](_parser.command_parsers())
    print_result(arguments, {"shell": arguments.shell, "script": script}, script)
    return DONE


def _bash(parsers: dict[str, _parser.Parser]) -> str:
    words, values = [], []
    for name, parser in parsers.items():
        options, choices = " ".join(_options(parser)), " ".join(_choices(parser))
        words.append(f'        {name}) options="{options}" words="{choices}" ;;')
        for action in _actions(parser):
            if action.option_strings and action.choices:
                patterns = "|".join(f"{name},{option}" for option in action.option_strings)
                values.append(f'        {patterns}) words="{" ".join(map(str, action.choices))}" ;;')
    return "\n".join(
        [
            "_underdrawing() {",
            '    local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}"',
            "    local command word words options",
            '    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
            '        [[ $word == -* ]] || { command="$word"; break; }',
            "    done",
            '    case "$command" in',
            f'        "") options="--help --version" words="{" ".join(parsers)}" ;;',
            *words,
            "    esac",
            '    case "$command,$previous" in',
            *values,
            "    esac",
            '    [[ $current == -* ]] && words="$options"',
            '    COMPREPLY=($(compgen -W "$words" -- "$current"))',
            "}",
            "complete -o default -o bashdefault -F _underdrawing underdrawing",
        ]
    )


def _zsh(parsers: dict[str, _parser.Parser]) -> str:
    commands = (f"        {_quoted(f'{name}:{parser.description}')}" for name, parser in parsers.items())
    lines = ["#compdef underdrawing", "_underdrawing() {", "    local -a commands=(", *commands, "    )"]
    lines += [
        "    if (( CURRENT == 2 )); then _describe command commands; return; fi",
        "    case $words[2] in",
    ]
    for name, parser in parsers.items():
        specs = (_quoted(spec) for action in _actions(parser) for spec in _zsh_specs(action))
        lines.append(f"        {name}) shift words; (( CURRENT-- )); _arguments -s {' '.join(specs)} ;;")
    return "\n".join([*lines, "    esac", "}", "compdef _underdrawing underdrawing"])


def _zsh_specs(action: argparse.Action) -> Iterator[str]:
    kind = "_files -/" if action.metavar in _FOLDERS else "_files"
    if action.choices:
        kind = f"({' '.join(map(str, action.choices))})"
    if not action.option_strings:
        yield f"{'*' if action.nargs in ('+', '*') else ''}:{action.dest}:{kind}"
    about = (action.help or "").translate(str.maketrans("[]:", "() "))
    for option in action.option_strings:
        value = "" if action.nargs == 0 else f":{action.metavar or action.dest}:{kind}"
        yield f"{option}[{about}]{value}"


def _fish(parsers: dict[str, _parser.Parser]) -> str:
    first = "complete -c underdrawing -n __fish_use_subcommand"
    lines = [f"{first} -a {name} -d {_quoted(parser.description or '')}" for name, parser in parsers.items()]
    for name, parser in parsers.items():
        start = f"complete -c underdrawing -n '__fish_seen_subcommand_from {name}'"
        lines += [f"{start} -a {_quoted(choice)}" for choice in _choices(parser)]
        for action in _actions(parser):
            names = [f"-l {o[2:]}" if o.startswith("--") else f"-s {o[1:]}" for o in action.option_strings]
            if names:
                values = f" -x -a {_quoted(' '.join(map(str, action.choices)))}" if action.choices else " -r"
                value = "" if action.nargs == 0 else values
                lines.append(f"{start} {' '.join(names)}{value} -d {_quoted(action.help or '')}")
    return "\n".join(lines)


def _actions(parser: _parser.Parser) -> list[argparse.Action]:
    return [action for action in parser._actions if action.help is not argparse.SUPPRESS]


def _options(parser: _parser.Parser) -> list[str]:
    return [option for action in _actions(parser) for option in action.option_strings]


def _choices(parser: _parser.Parser) -> list[str]:
    """Words that a command takes as arguments."""
    positional = (action for action in _actions(parser) if not action.option_strings)
    return [str(choice) for action in positional for choice in action.choices or ()]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


_SCRIPTS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
