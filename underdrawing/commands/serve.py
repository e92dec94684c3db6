"""Serve the web page and the HTTP API until stopped; docs/DEPLOYMENT.md lists all settings."""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import fields
from importlib.util import find_spec

from underdrawing.commands import _flags
from underdrawing.commands._output import DONE, print_result
from underdrawing.core.errors import MissingExtraError

_PACKAGES = ("fastapi", "uvicorn", "prometheus_client", "python_multipart", "reportlab")

EXAMPLES = (
    "underdrawing serve",
    "underdrawing serve --registry photos.db --sign owner.pem --port 8080",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Settings of the server that are often changed; all have environment variables."""
    _flags.add(parser, "--password-file", "--trust")
    parser.add_argument("--host", help="address to listen on; 127.0.0.1 by default")
    parser.add_argument(
        "--hosts", metavar="NAMES", help="host names it answers to, with commas; needed for other addresses"
    )
    parser.add_argument("--port", type=int, help="8000 by default; 0 takes a free one")
    parser.add_argument("--registry", metavar="DB", help="keep records there; made if not there")
    parser.add_argument("--tokens", metavar="FILE", help="access tokens, as `underdrawing token` writes them")
    parser.add_argument("--sign", metavar="OWNER.pem", help="sign what is protected with this private key")
    _flags.add(parser, *_flags.CREDENTIALS)
    parser.add_argument("--anonymous", metavar="ROLE", help="what callers without a token may; public abroad")
    parser.add_argument(
        "--fetch-hosts", metavar="HOSTS", help="hosts, with commas, that pictures may be fetched from by URL"
    )
    parser.add_argument(
        "--workers", type=_flags.processes, metavar="N", help="processes; one a core by default"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted. UsageError for invalid settings; MissingExtraError."""
    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        raise MissingExtraError(
            f"{missing[0]} is missing; install the extra: pip install 'underdrawing[serve]'"
        )
    from underdrawing.service.settings import Settings
    from underdrawing.service.uvicorn_server import run_server

    flags = {field.name: getattr(arguments, field.name, None) for field in fields(Settings)}
    # One flag for both keys, as in `protect`; there are two environment variables.
    flags["sign_password_file"] = flags["credentials_password_file"] = arguments.password_file
    settings = Settings.from_environment(**flags)
    if settings.credentials:
        from underdrawing.credentials.package import c2pa

        c2pa()

    def print_address(url: str, token: str | None) -> None:
        result = {"status": "serving", "url": url, "token": token}
        # A browser keeps what stands behind # to itself; the page takes the token from there.
        page = url if token is None else f"{url}#token={token}"
        print_result(arguments, result, f"serving at {page}, ctrl-C stops it")

    with contextlib.suppress(KeyboardInterrupt):  # uvicorn closes everything, then raises the signal again
        run_server(settings, print_address)
    return DONE
