"""Check a registry against its hash chain, list its records, or show one."""

from __future__ import annotations

import argparse
import json
from typing import Any

from underdrawing.commands._output import ALTERED, DONE, NOT_FOUND, print_error, print_result
from underdrawing.core.errors import UsageError

EXAMPLES = (
    "underdrawing registry list photos.db",
    "underdrawing registry show photos.db 0123456789abcdef",
    "underdrawing registry audit photos.db",
)
EXIT_HELP = "0 whole, 1 broken, 2 no such record."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The action and the registry."""
    parser.add_argument("action", choices=["audit", "list", "show"], help="check all, list all, show one")
    parser.add_argument("registry", metavar="DB", help="the registry: a file or URL")
    parser.add_argument("identity", nargs="?", metavar="ID", help="show: an identity, or a record's number")
    parser.add_argument(
        "--head", metavar="COUNT:HASH", help="audit: an end of the chain that was kept before"
    )


def run(arguments: argparse.Namespace) -> int:
    """Do the action."""
    from underdrawing import api
    from underdrawing.registry.addresses import without_password

    with api.open_registry(arguments.registry) as registry:
        arguments.registry = without_password(arguments.registry)
        return {"audit": _audit, "list": _list, "show": _show}[arguments.action](arguments, registry)


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
    wanted = arguments.identity
    if wanted is None:
        raise UsageError("show needs an identity (16 hex digits) or a record's number")
    if len(wanted) == 16:
        entries = registry.by_identity(wanted)
    elif wanted.isdecimal():
        entries = registry.get([int(wanted)])
    else:
        raise UsageError(f"expected an identity of 16 hex digits or a record's number, got {wanted!r}")
    for entry in entries:
        record = entry.to_json()
        print_result(arguments, record, json.dumps(record, indent=2, ensure_ascii=False))
    if not entries:
        print_error(f"underdrawing registry: {arguments.registry}: no record {wanted}")
    return DONE if entries else NOT_FOUND
