"""Check a registry against its hash chain, list its records, show one, or give an original back."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from underdrawing.commands import _flags
from underdrawing.commands._output import ALTERED, DONE, NOT_FOUND, print_error, print_result
from underdrawing.core.errors import UsageError

EXAMPLES = (
    "underdrawing registry list photos.db",
    "underdrawing registry show photos.db 0123456789abcdef",
    "underdrawing registry audit photos.db",
    "underdrawing registry original photos.db 0123456789abcdef -o originals/",
)
EXIT_HELP = "0 whole, 1 broken, 2 no such record or no original of it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The action and the registry."""
    actions = ["audit", "list", "show", "original"]
    parser.add_argument("action", choices=actions, help="check all, list all, show one, write its original")
    parser.add_argument("registry", metavar="DB", help="the registry: a file or URL")
    parser.add_argument("identity", nargs="?", metavar="ID", help="an identity, or a record's number")
    parser.add_argument(
        "--head", metavar="COUNT:HASH", help="audit: an end of the chain that was kept before"
    )
    parser.add_argument("-o", "--output", metavar="OUT", help="original: a file, or a folder")
    _flags.add(parser, "--originals", "--force")


def run(arguments: argparse.Namespace) -> int:
    """Do the action."""
    from underdrawing import api
    from underdrawing.registry.addresses import without_password

    with api.open_registry(arguments.registry) as registry:
        arguments.registry = without_password(arguments.registry)
        actions = {"audit": _audit, "list": _list, "show": _show, "original": _original}
        return actions[arguments.action](arguments, registry)


def _audit(arguments: argparse.Namespace, registry: Any) -> int:
    from underdrawing.registry.chain import Head

    audit = registry.audit(None if arguments.head is None else Head.parse(arguments.head))
    state = "whole" if audit.ok else "broken"
    result = {"file": arguments.registry, "status": state, "records": audit.head.count}
    result |= {"head": str(audit.head), "faults": list(audit.faults)}
    line = f"{arguments.registry}: {state.upper()}, {audit.head.count} records"
    print_result(arguments, result, "\n  ".join([line, *audit.faults, f"head {audit.head}"]))
    return DONE if audit.ok else ALTERED


def _list(arguments: argparse.Namespace, registry: Any) -> int:
    for entry in registry:
        record = entry.record
        place = record.protected.place or record.original.place or "-"
        text = f"{entry.number:>7}  {record.identity or '-':16}  {record.registered}  {place}"
        print_result(arguments, entry.to_json(), text)
    return DONE


def _show(arguments: argparse.Namespace, registry: Any) -> int:
    entries = _wanted(arguments, registry)
    for entry in entries:
        record = entry.to_json()
        print_result(arguments, record, json.dumps(record, indent=2, ensure_ascii=False))
    return DONE if entries else NOT_FOUND


def _original(arguments: argparse.Namespace, registry: Any) -> int:
    """Write the kept original of the latest record that has one."""
    from underdrawing import api
    from underdrawing.data.files import is_folder, write_atomic

    if arguments.output is None:
        raise UsageError("registry original: name the output with -o")
    originals = api.original_repository(arguments.originals, registry)
    if originals is None:
        raise UsageError("the registry is on a server; say with --originals where originals are kept")
    for entry in _wanted(arguments, registry):
        found = originals.find(entry.record)
        if found is None:
            continue
        output = Path(arguments.output)
        if arguments.output.endswith("/") or is_folder(output) or not output.suffix:
            output /= f"{entry.record.identity or entry.number}{found.suffix}"
        elif output.suffix.lower() != found.suffix:
            raise UsageError(f"{output}: the original is a {found.suffix} file; give it that suffix")
        write_atomic(output, found.data, arguments.force)
        result = {"file": arguments.registry, "status": "found", "record": entry.number}
        result |= {"output": str(output), "bytes": len(found.data)}
        print_result(arguments, result, f"record {entry.number} -> {output}: {len(found.data)} bytes")
        return DONE
    print_error(f"underdrawing registry: {originals.folder}: no original of {arguments.identity}")
    return NOT_FOUND


def _wanted(arguments: argparse.Namespace, registry: Any) -> list[Any]:
    """The entries of the identity or number, the latest first; without any a line on stderr."""
    wanted = arguments.identity
    if wanted is None:
        raise UsageError(f"{arguments.action} needs an identity (16 hex digits) or a record's number")
    if len(wanted) == 16:
        entries = registry.by_identity(wanted)
    elif wanted.isdecimal():
        entries = registry.get([int(wanted)])
    else:
        raise UsageError(f"expected an identity of 16 hex digits or a record's number, got {wanted!r}")
    if not entries:
        print_error(f"underdrawing registry: {arguments.registry}: no record {wanted}")
    return entries
