"""Secrets of private mode and the files that hold them.

    underdrawing-secret 1                      underdrawing-secret 1
    key = 64 hex digits                        scrypt = 65536 8 1
                                               salt = 32 hex digits
                                               check = 16 hex digits

The left form holds a random key. The right one holds what a passphrase is combined with: a guess costs 64 MB
and more than 100 ms of a core (scrypt, RFC 7914), and `check` tells a mistyped passphrase from a picture
without a mark. Any other file of enough random content is a secret as it is; text that can be remembered is
refused.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import zlib
from collections import Counter
from math import log2
from pathlib import Path

from underdrawing.core.errors import KeyFileError, MissingKeyFileError

HEADER = "underdrawing-secret"
LEAST_BITS = 128
LEAST_PASSPHRASE = 12
"""Characters of a passphrase."""

_MOST_BYTES = 1 << 16
_KEY_BYTES, _SALT_BYTES, _CHECK_BYTES = 32, 16, 8
_LOG_COSTS = range(14, 21)  # of scrypt, 16 MB to 1 GB
_COST, _BLOCK, _LANES = 1 << 16, 8, 1
_LANGUAGE_BITS = 1.5  # of a letter of running text
_ZLIB_BYTES = 11  # that zlib adds
_MAKE = "make one with: underdrawing keygen --secret FILE"


def create(path: Path, passphrase: str | None = None) -> None:
    """Write a new secret, readable by its owner only; never over an existing file.

    passphrase: without it the file holds the key. KeyFileError where it is too short.
    """
    if passphrase is None:
        lines = [f"key = {secrets.token_hex(_KEY_BYTES)}"]
    else:
        if len(passphrase) < LEAST_PASSPHRASE:
            raise KeyFileError(
                f"a passphrase needs at least {LEAST_PASSPHRASE} characters; six random words are good"
            )
        salt = secrets.token_bytes(_SALT_BYTES)
        key = _stretched(passphrase, salt, _COST, _BLOCK, _LANES)
        lines = [
            f"scrypt = {_COST} {_BLOCK} {_LANES}",
            f"salt = {salt.hex()}",
            f"check = {_check(key).hex()}",
        ]
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written ({error.strerror})") from error
    with os.fdopen(handle, "w", newline="\n") as file:
        file.write("\n".join([f"{HEADER} 1", *lines, ""]))


def needs_passphrase(path: Path) -> bool:
    """Whether a secret file has to be combined with a passphrase. KeyFileError where it cannot be read."""
    fields = _fields(_read(path), str(path))
    return fields is not None and "scrypt" in fields


def load(path: Path, passphrase: str | None = None) -> bytes:
    """The secret in a file. KeyFileError where there is none, it is too weak, or the passphrase is wrong."""
    data, name = _read(path), str(path)
    fields = _fields(data, name)
    if fields is None:
        return checked(data.rstrip(b"\r\n"), name)
    if "scrypt" not in fields:
        return _hex(fields, "key", _KEY_BYTES, name)
    if passphrase is None:
        raise KeyFileError(
            f"{name}: this secret needs its passphrase, in the environment as UNDERDRAWING_PASSPHRASE"
        )
    key = _stretched(passphrase, _hex(fields, "salt", _SALT_BYTES, name), *_costs(fields["scrypt"], name))
    if not secrets.compare_digest(_check(key), _hex(fields, "check", _CHECK_BYTES, name)):
        raise KeyFileError(f"{name}: this is not the passphrase of this secret")
    return key


def checked(secret: bytes, name: str = "the secret") -> bytes:
    """The secret; KeyFileError where it has fewer than LEAST_BITS bits by `estimated_bits`."""
    bits = estimated_bits(secret)
    if bits < LEAST_BITS:
        raise KeyFileError(
            f"{name}: a secret needs {LEAST_BITS} random bits, this has about {bits:.0f}; {_MAKE}"
        )
    return secret


def estimated_bits(secret: bytes) -> float:
    """Upper estimate of the entropy of a secret: by its byte frequencies, by compression, as running text."""
    counts = Counter(secret)
    order_zero = sum(-n * log2(n / len(secret)) for n in counts.values())
    compressed = 8 * (len(zlib.compress(secret, 9)) - _ZLIB_BYTES)
    bits = min(order_zero, compressed) if secret else 0.0
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return bits
    words = "".join(set(text.split()))
    return min(bits, _LANGUAGE_BITS * len(words)) if _is_running_text(text) else bits


def _is_running_text(text: str) -> bool:
    words = text.split()
    return (
        bool(words)
        and (len(words) > 1 or text.islower() or text.isupper() or text.istitle())
        and (sum(letter.isalpha() or letter.isspace() for letter in text) > 0.85 * len(text))
    )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise MissingKeyFileError(f"{path}: the secret cannot be read ({error.strerror})") from error
    except OSError as error:
        raise KeyFileError(f"{path}: the secret cannot be read ({error.strerror})") from error
    if len(data) > _MOST_BYTES:
        raise KeyFileError(f"{path}: too large for a secret, which has at most {_MOST_BYTES} bytes; {_MAKE}")
    return data


def _fields(data: bytes, name: str) -> dict[str, str] | None:
    """The fields of a file with our header; None where it has another form."""
    try:
        lines = [line.strip() for line in data.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        return None
    lines = [line for line in lines if line]
    if not lines or lines[0].split()[0] != HEADER:
        return None
    if lines[0].split()[1:] != ["1"]:
        raise KeyFileError(f"{name}: this program reads secrets of version 1, got {lines[0][:40]!r}")
    pairs = [[part.strip() for part in line.partition("=")[::2]] for line in lines[1:]]
    return dict(pairs)


def _hex(fields: dict[str, str], field: str, count: int, name: str) -> bytes:
    try:
        value = bytes.fromhex(fields.get(field, ""))
    except ValueError:
        value = b""
    if len(value) != count:
        raise KeyFileError(f"{name}: damaged secret; expected {2 * count} hex digits as its {field}")
    return value


def _costs(text: str, name: str) -> tuple[int, int, int]:
    parts = text.split()
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 12 for part in parts):
        raise KeyFileError(f"{name}: damaged secret; expected three numbers as its scrypt")
    cost, block, lanes = map(int, parts)
    if cost not in {1 << k for k in _LOG_COSTS} or (block, lanes) != (_BLOCK, _LANES):
        raise KeyFileError(f"{name}: scrypt {text} is not supported; expected {_COST} {_BLOCK} {_LANES}")
    return cost, block, lanes


def _stretched(passphrase: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    memory = 128 * cost * block * lanes + (1 << 20)
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=cost, r=block, p=lanes, maxmem=memory + (1 << 22), dklen=_KEY_BYTES
    )


def _check(key: bytes) -> bytes:
    return hashlib.sha256(b"underdrawing secret check\0" + key).digest()[:_CHECK_BYTES]
