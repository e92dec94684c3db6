"""Fields of requests: only those that a route declares, each once.

A misspelt field would be ignored by the framework, and of two pictures only the last one would be judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, get_origin

from fastapi import Request

from underdrawing.service.problems import Problem


async def declared_fields_only(request: Request) -> None:
    """A dependency. Problem 422, naming the field, for one that the route does not declare, in query or form,
    and for one that comes twice where the route takes one."""
    dependant = request.scope["route"].dependant
    queried = [name for name, _ in request.query_params.multi_items()]
    _check("query", queried, [field.alias for field in _fields(dependant, "query_params")], ())
    if request.method != "POST":
        return
    fields = list(_fields(dependant, "body_params"))
    lists = [field.alias for field in fields if get_origin(field.field_info.annotation) is list]
    sent = [name for name, _ in (await request.form()).multi_items()]  # parsed before, by the framework
    _check("form", sent, [field.alias for field in fields], lists)


def _fields(dependant: Any, kind: str) -> Iterator[Any]:
    """Fields of a route and of its dependencies. kind: query_params or body_params."""
    yield from getattr(dependant, kind)
    for inner in dependant.dependencies:
        yield from _fields(inner, kind)


def _check(place: str, names: Sequence[str], known: Sequence[str], lists: Sequence[str]) -> None:
    for name, count in Counter(names).items():
        shown = "".join(letter for letter in name if letter.isprintable())[:60]
        if name not in known:
            fields = ", ".join(sorted(known)) or "none"
            raise Problem(422, "unknown-field", f"{place}: there is no field `{shown}` here; known: {fields}")
        if count > 1 and name not in lists:
            raise Problem(
                422, "repeated-field", f"{place}: the field `{shown}` came {count} times, expected one"
            )
