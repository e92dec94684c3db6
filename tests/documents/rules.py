"""What is checked of a command in a document that a test cannot run: its options, files, services, routes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from collecting import ROOT

STAND_INS = ("pip", "sudo", "docker", "curl", "make", "createdb", "ray", "torchrun")
_NOT_RUN = ("serve", "train", "bench")
"""Commands that go on for ever, or for hours."""


def parsed_only(arguments: Sequence[str]) -> bool:
    """Whether a command of ours is parsed and not run: it needs a server, a cluster or hours."""
    remote = any(text.startswith(("postgresql://", "s3://")) for text in arguments)
    return remote or "ray" in arguments or (arguments[:1] and arguments[0] in _NOT_RUN)


def fault(program: str, arguments: Sequence[str]) -> str | None:
    """What is wrong with a command that a stand-in took; None where nothing is."""
    name = Path(program).name
    check = {
        "pip": _pip, "sudo": _sudo, "docker": _docker, "curl": _curl, "make": _make, "install": _install,
        "systemctl": _systemctl, "torchrun": _torchrun, "underdrawing": _ours,
    }.get(name)  # fmt: skip
    if check is not None:
        return check(list(arguments))
    return None if name in ("createdb", "ray", "useradd", "python3") else f"{name}: there is no rule for it"


def _ours(arguments: list[str]) -> str | None:
    from underdrawing.commands._parser import program_parser

    try:
        program_parser(arguments).parse_args(arguments)
    except SystemExit:
        return f"cannot be parsed: {shlex.join(arguments)}"
    return None


def _pip(arguments: list[str]) -> str | None:
    if arguments[:1] != ["install"]:
        return f"pip {arguments[:1]}: there is no rule for it"
    for requirement in (text for text in arguments[1:] if not text.startswith("-")):
        name, _, extras = requirement.rstrip("]").partition("[")
        if name == "underdrawing":
            return f"{requirement}: no index has the package; install from its folder, as '.[{extras}]'"
        if name == "." and (unknown := set(filter(None, extras.split(","))) - _extras()):
            return f"{requirement}: there is no extra {', '.join(unknown)}"
    return None


@cache
def _extras() -> set[str]:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return set(project["optional-dependencies"])


def _sudo(arguments: list[str]) -> str | None:
    if arguments[0] == "-u":
        arguments = arguments[2:]
    paths = [text for text in arguments[1:] if arguments[0].endswith("/underdrawing") and "." in text]
    if relative := [path for path in paths if not path.startswith("/")]:
        return f"{relative}: the user may not enter the folder of the service; name files absolutely"
    return fault(arguments[0], arguments[1:])


def _install(arguments: list[str]) -> str | None:
    sources = [text for text in arguments if "/" in text and not text.startswith(("-", "/"))]
    return next((f"{path}: no such file" for path in sources if not (ROOT / path).is_file()), None)


def _systemctl(arguments: list[str]) -> str | None:
    units = [text for text in arguments if not text.startswith("-")][1:]
    return next(
        (f"no unit {unit}" for unit in units if not (ROOT / f"deploy/{unit}.service").is_file()), None
    )


def _docker(arguments: list[str]) -> str | None:
    import yaml

    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    if arguments[:1] == ["run"]:
        image = compose["services"]["server"]["image"]
        return _ours(arguments[arguments.index(image) + 1 :]) if image in arguments else f"no image {image}"
    if arguments[:2] == ["compose", "run"]:
        words = iter(arguments[2:])
        service = next(word for word in words if not word.startswith("-"))
        return _ours(list(words)) if service in compose["services"] else f"no service {service}"
    return (
        None if arguments[:2] in (["compose", "build"], ["compose", "up"]) else "no rule for this of docker"
    )


def _curl(arguments: list[str]) -> str | None:
    url = next(
        text for text in reversed(arguments) if re.match(r"(https?://)?(localhost|127\.0\.0\.1):", text)
    )
    path = "/" + url.split("://")[-1].partition("/")[2].partition("?")[0]
    patterns = (re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route)) for route in _routes())
    return None if any(re.fullmatch(pattern, path) for pattern in patterns) else f"no route {path}"


@cache
def _routes() -> set[str]:
    folder = ROOT / "underdrawing" / "service"
    text = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    routes = re.findall(r'@\w+\.(?:get|post|put|delete|api_route)\(\s*"([^"]*)"', text)
    return {prefix + route for route in routes for prefix in ("", "/v1")}


def _make(arguments: list[str]) -> str | None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    return next((f"no target {text}" for text in arguments if "=" not in text and text not in targets), None)


def _torchrun(arguments: list[str]) -> str | None:
    start = arguments.index("underdrawing.cli") + 1
    return _ours(arguments[start:])
