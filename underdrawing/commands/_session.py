"""The session of a process: made and checked before the first file of a batch, used for every file."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from underdrawing.core.errors import KeyFileError, MissingExtraError, RegistryError, UsageError, WeightsError

if TYPE_CHECKING:
    from underdrawing.api import Session
    from underdrawing.registry.facts import Facts


@dataclass(frozen=True)
class SessionFlags:
    """The flags that make a Session: picklable, so that every process of a batch makes its own."""

    system: str
    secret: str | None
    registry: str | None
    manifests: str | None
    trust: str | None = None
    sign: str | None = None
    password_file: str | None = None
    credentials: str | None = None
    credentials_key: str | None = None
    strength: float = 1.0
    quality: int | None = None
    thorough: bool = False
    recover: str = "faithful"
    rendition_px: int = 1024
    originals: str | None = None
    focus: tuple[str, ...] = ()
    signing: str = "auto"


@lru_cache(maxsize=1)
def open_session(flags: SessionFlags) -> Session:
    """The session of this process. Errors: those of Session."""
    import cv2

    from underdrawing import api

    cv2.setNumThreads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    options = asdict(flags)
    password = read_password(options.pop("password_file"))
    chain, key = options.pop("credentials"), options.pop("credentials_key")
    signer = None if chain is None else api.load_credentials(chain, key, password)
    return api.Session(**options, password=password, credentials=signer)


@contextmanager
def checked_session(arguments: argparse.Namespace, ability: str) -> Iterator[SessionFlags]:
    """Flags with which `open_session` succeeds; on exit the session of this process is closed.

    UsageError, before the first file, where the system lacks the ability ("protect", "verify") or a key, a
    secret, a trust store or a registry cannot be used. "protect" creates a missing registry.
    """
    names = [field.name for field in fields(SessionFlags) if field.name in arguments]
    given = {name: getattr(arguments, name) for name in names}
    flags = SessionFlags(**given | {"focus": tuple(given.get("focus", ()))})
    with _usage_errors():
        _check_ability(arguments, ability)
        _check_credentials(flags)
        if flags.originals is not None and flags.registry is None:
            raise UsageError("--originals are kept for the records of a registry; name one with --registry")
        if flags.trust is not None and not Path(flags.trust).is_dir():
            raise UsageError(f"{flags.trust}: there is no such folder of public keys")
        _ask_passphrase(flags.secret)
        session = open_session(flags)
        create = ability == "protect"
        if not (create and getattr(arguments, "dry_run", False)):
            _check_registry(flags, create=create)
    try:
        yield flags
    finally:
        open_session.cache_clear()
        session.close()


def takes_animations(arguments: argparse.Namespace) -> bool:
    """Whether the system of a command has one for animations beside it."""
    from underdrawing.api import animated

    return animated.system_of(arguments.system) is not None


def load_facts(arguments: argparse.Namespace) -> Facts | None:
    """The facts of --facts. UsageError where they are not valid, or there is no registry."""
    from underdrawing.registry.facts import Facts

    if arguments.facts is None:
        return None
    if arguments.registry is None:
        raise UsageError("--facts are kept in a registry; name one with --registry")
    with _usage_errors():
        return Facts.load(arguments.facts)


def check_label(label: str | None) -> None:
    """UsageError for a label that is no class, or "auto" without the classifier."""
    from underdrawing.api.protecting import AUTO
    from underdrawing.coding.labels import named_label

    if label == AUTO:
        from underdrawing.content.labelling.recognizer import load_recognizer

        with _usage_errors():
            load_recognizer()
    elif label is not None:
        named_label(label)


def read_password(path: str | None) -> bytes | None:
    """The password in a file, ending line breaks dropped. UsageError where it cannot be read."""
    if path is None:
        return None
    try:
        return Path(path).read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise UsageError(f"{path}: the password cannot be read ({error.strerror})") from error


def ask_passphrase(prompt: str = "Passphrase of the secret: ") -> str | None:
    """The passphrase of the environment, or typed on a terminal; None where there is neither."""
    from underdrawing.api.trust import PASSPHRASE

    if PASSPHRASE in os.environ or not sys.stdin.isatty():
        return os.environ.get(PASSPHRASE)
    return getpass.getpass(prompt)


def _ask_passphrase(secret: str | None) -> None:
    """Ask once for a passphrase that the secret needs; processes of a batch get it by the environment."""
    from underdrawing.api.trust import PASSPHRASE
    from underdrawing.coding import secret_file

    if secret is None or not secret_file.needs_passphrase(Path(secret)):
        return
    passphrase = ask_passphrase()
    if passphrase is not None:
        os.environ[PASSPHRASE] = passphrase


@contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except (KeyFileError, MissingExtraError, RegistryError, WeightsError) as error:
        raise UsageError(str(error)) from error


def _check_ability(arguments: argparse.Namespace, ability: str) -> None:
    from underdrawing import zoo

    if ability not in zoo.card(arguments.system.partition(":")[0]).abilities:
        raise UsageError(f"{arguments.system} cannot {arguments.command}; see `underdrawing zoo`")


def _check_credentials(flags: SessionFlags) -> None:
    from underdrawing import api

    if (flags.credentials is None) != (flags.credentials_key is None):
        raise UsageError("--credentials and --credentials-key belong together: certificates, and their key")
    if flags.credentials is None or flags.registry is None:
        return
    if api.manifest_repository(flags.manifests, flags.registry) is None:
        raise UsageError("the registry is on a server; say with --manifests where credentials are kept")


def _check_registry(flags: SessionFlags, *, create: bool) -> None:
    from underdrawing import api

    if flags.registry is not None:
        api.open_registry(flags.registry, create=create).close()
