"""Checks of keys, secrets and places before the first file: a wrong one would fail at each."""

from __future__ import annotations

import argparse
from pathlib import Path

from underdrawing.core.errors import UsageError


def check_inputs(arguments: argparse.Namespace, ability: str, password: bytes | None = None) -> None:
    """UsageError where the system lacks the ability ("protect", "verify"), or a key, a secret, a trust store,
    a registry or facts cannot be used. For "protect" the registry is made where there is none."""
    from underdrawing import api, zoo
    from underdrawing.core.errors import KeyFileError, MissingExtraError, RegistryError, WeightsError

    try:
        if ability not in zoo.card(arguments.system).abilities:
            raise UsageError(f"{arguments.system} cannot {arguments.command}; see `underdrawing zoo`")
        api.load_secret(arguments.secret)
        if getattr(arguments, "trust", None) and not Path(arguments.trust).is_dir():
            raise UsageError(f"{arguments.trust}: there is no such folder of public keys")
        if "sign" in arguments:
            _check_protection(arguments, password)
        if arguments.registry is not None:
            api.open_registry(arguments.registry, create=ability == "protect").close()
    except (KeyFileError, MissingExtraError, RegistryError, WeightsError) as error:
        raise UsageError(str(error)) from error


def _check_protection(arguments: argparse.Namespace, password: bytes | None) -> None:
    from underdrawing import api

    if arguments.sign is not None:
        api.load_owner(arguments.sign, password)
    if arguments.facts is not None:
        if arguments.registry is None:
            raise UsageError("--facts are kept in a registry; name one with --registry")
        api.load_facts(arguments.facts)
    if (arguments.credentials is None) != (arguments.credentials_key is None):
        raise UsageError("--credentials and --credentials-key belong together: certificates, and their key")
    if arguments.credentials is None:
        return
    api.load_credentials(arguments.credentials, arguments.credentials_key, password)
    repository = api.manifest_repository(arguments.manifests, arguments.registry)
    if arguments.registry is not None and repository is None:
        raise UsageError("the registry is on a server; say with --manifests where credentials are kept")


def read_password(path: str | None) -> bytes | None:
    """The password in a file, ending line breaks dropped."""
    if path is None:
        return None
    try:
        return Path(path).read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise UsageError(f"{path}: the password cannot be read ({error.strerror})") from error
