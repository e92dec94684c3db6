"""The ways in from the command line: serving, and the file of access tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from underdrawing.core.errors import MissingExtraError, UsageError
from underdrawing.service.settings import Settings

_PACKAGES = ("fastapi", "uvicorn", "prometheus_client", "python_multipart", "reportlab")


def serve(options: Mapping[str, Any], say: Callable[[str], None]) -> None:
    """Serve until stopped. options: of the command line, by name, None where not given; those that are no
    settings are passed over. `say` hears the server's address.

    UsageError for settings that cannot be used, MissingExtraError without the extra `serve`, or
    without `credentials` where these are to be signed; RegistryError.
    """
    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        raise MissingExtraError(
            f"{missing[0]} is missing; install the extra: pip install 'underdrawing[serve]'"
        )
    given = {field.name: options.get(field.name) for field in fields(Settings)}
    # As for `protect`, one for both keys; environment variables tell them apart.
    given["sign_password_file"] = given["credentials_password_file"] = options.get("password_file")
    settings = Settings.from_environment(**given)
    if settings.credentials:
        from underdrawing.credentials.package import c2pa

        c2pa()
    from underdrawing.service.uvicorn_server import run_server

    run_server(settings, say)


def change_tokens(
    action: str, tokens: str, name: str | None, role: str, days: float | None, **_others: object
) -> Iterator[tuple[dict[str, Any], str]]:
    """Add, list or revoke tokens in a file; what to tell, as JSON and as text. UsageError, KeyFileError."""
    from underdrawing.service.tokens import TokenFile

    file = TokenFile(Path(tokens))
    if action == "list":
        for known in file.tokens():
            told = {key: value for key, value in vars(known).items() if key != "sha256"}
            ends = "expired" if known.expired else f"until {known.expires or 'revoked'}"
            yield told, f"{known.name:20}  {known.role:10}  {ends}"
    elif name is None:
        raise UsageError(f"{action} needs the name of a token")
    elif action == "add":
        made = file.add(name, role, days)
        yield {"name": name, "role": role, "token": made}, made
    else:
        file.revoke(name)
        yield {"name": name, "status": "revoked"}, f"{name}: revoked"
