"""Entry points of the commands serve and token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from underdrawing.core.errors import MissingExtraError, UsageError
from underdrawing.service.settings import Settings

_PACKAGES = ("fastapi", "uvicorn", "prometheus_client", "python_multipart", "reportlab")


def serve(options: Mapping[str, Any], report_url: Callable[[str], None]) -> None:
    """Serve until stopped.

    options: of the command line by name, None where absent; others than settings are ignored.
    report_url: called once with the URL of the server.
    UsageError for invalid settings; MissingExtraError without the extra `serve`, or without `credentials`
    where these are to be signed; RegistryError.
    """
    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        raise MissingExtraError(
            f"{missing[0]} is missing; install the extra: pip install 'underdrawing[serve]'"
        )
    given = {field.name: options.get(field.name) for field in fields(Settings)}
    # One option for both keys, as in `protect`; there are two environment variables.
    given["sign_password_file"] = given["credentials_password_file"] = options.get("password_file")
    settings = Settings.from_environment(**given)
    if settings.credentials:
        from underdrawing.credentials.package import c2pa

        c2pa()
    from underdrawing.service.uvicorn_server import run_server

    run_server(settings, report_url)


def change_tokens(
    action: str, tokens: str, name: str | None, role: str, days: float | None, **_others: object
) -> Iterator[tuple[dict[str, Any], str]]:
    """Add, list or revoke tokens in a file; results as JSON and as text. UsageError, KeyFileError."""
    from underdrawing.service.tokens import TokenFile

    file = TokenFile(Path(tokens))
    if action == "list":
        for token in file.tokens():
            fields = {key: value for key, value in vars(token).items() if key != "sha256"}
            end = "expired" if token.expired else f"until {token.expires or 'revoked'}"
            yield fields, f"{token.name:20}  {token.role:10}  {end}"
    elif name is None:
        raise UsageError(f"{action} needs the name of a token")
    elif action == "add":
        secret = file.add(name, role, days)
        yield {"name": name, "role": role, "token": secret}, secret
    else:
        file.revoke(name)
        yield {"name": name, "status": "revoked"}, f"{name}: revoked"
