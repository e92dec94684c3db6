"""The OpenAPI document: what the framework derives from the routes, with tokens, tags, names and examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from underdrawing import __version__
from underdrawing.service.gate import required_role

_DESCRIPTION = """Protect photographs, verify received ones, find registered originals, examine faces.

Pictures come as multipart/form-data in the part `picture`. Errors are application/problem+json. A full queue
is answered with 503 and Retry-After, too many requests of one caller with 429. Files of an answer are fetched
from `artefacts`, at addresses that cannot be guessed and that expire. Large files and many files at once go
to `/v1/jobs`."""
_TAGS = [
    {"name": "pictures", "description": "One picture, answered at once."},
    {"name": "jobs", "description": "Many or large pictures, answered later; a webhook tells when."},
    {"name": "records", "description": "What the registry knows of an identity."},
    {"name": "server", "description": "Files of responses; abilities and limits."},
]
_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "An access token, as `underdrawing token add NAME --role ROLE` prints it.",
}
EXAMPLES: dict[str, Any] = json.loads((Path(__file__).parent / "examples.json").read_text(encoding="utf-8"))
"""Example responses by operation."""


def operation_name(route: APIRoute) -> str:
    """The operationId of a route: the name of its function."""
    return route.name


def describe(app: FastAPI) -> dict[str, Any]:
    """The document of an app, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title="Underdrawing",
            version=__version__,
            description=_DESCRIPTION,
            routes=app.routes,
            tags=_TAGS,
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        )
        document["components"]["securitySchemes"] = {"token": _TOKEN}
        for path, methods in document["paths"].items():
            for operation in methods.values():
                _complete(document, path, operation)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(document: dict[str, Any], path: str, operation: dict[str, Any]) -> None:
    """Add the token that an operation needs, its example, and that its form takes no other fields."""
    role = required_role(path)
    if path != "/v1/artefacts/{name}/{file}":  # whose address is all that is needed
        optional = [{}] if role in ("none", "public") else []
        operation["security"] = [*optional, {"token": []}]
    operation["description"] = f"{operation.get('description', '')}\n\nRole: {role}.".strip()
    for form in operation.get("requestBody", {}).get("content", {}).values():
        name = form["schema"]["$ref"].rpartition("/")[2]
        _close(document["components"]["schemas"][name])
    example = EXAMPLES.get(operation["operationId"])
    for status, response in operation["responses"].items():
        content = response.get("content", {}).get("application/json")
        if example is not None and status.startswith("2") and content is not None:
            content["example"] = example


def _close(form: dict[str, Any]) -> None:
    """Say that a form has no other fields, and that a field may be left out but cannot be null. Whoever fills
    in the form from the examples leaves such fields out: each asks for something of its own."""
    form["additionalProperties"] = False
    for field in form["properties"].values():
        for alternative in field.pop("anyOf", ()):
            if alternative != {"type": "null"}:
                field |= alternative
                field["example"] = ""
