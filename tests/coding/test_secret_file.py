"""Secrets of private mode: files, passphrases, and content that could be guessed."""

import base64
import os

import pytest

from underdrawing.coding import secret_file
from underdrawing.core.errors import KeyFileError

RANDOM = bytes.fromhex("8f1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff0")
PASSPHRASE = "seven green horses"


def written(folder, content: bytes):
    path = folder / "secret"
    path.write_bytes(content)
    return path


def test_a_random_key_is_read_in_any_text_form(tmp_path):
    path = tmp_path / "made"
    secret_file.create(path)
    secret = secret_file.load(path)
    assert len(secret) == 32
    assert not secret_file.needs_passphrase(path)
    text = path.read_text()
    windows = (
        b"\xef\xbb\xbf"
        + text.replace("\n", "\r\n")
        .upper()
        .replace("UNDERDRAWING-SECRET", "underdrawing-secret")
        .replace("KEY", "key")
        .encode()
    )
    assert secret_file.load(written(tmp_path, windows)) == secret
    with pytest.raises(KeyFileError, match="cannot be written"):
        secret_file.create(path)


def test_a_passphrase_gives_the_same_key_again(tmp_path):
    path, other = tmp_path / "made", tmp_path / "other"
    for place in (path, other):
        secret_file.create(place, PASSPHRASE)
    secret = secret_file.load(path, PASSPHRASE)
    assert secret == secret_file.load(path, PASSPHRASE)
    assert secret != secret_file.load(other, PASSPHRASE)  # another salt
    assert secret_file.needs_passphrase(path)
    with pytest.raises(KeyFileError, match="needs its passphrase"):
        secret_file.load(path)
    with pytest.raises(KeyFileError, match="not the passphrase"):
        secret_file.load(path, PASSPHRASE + "s")
    with pytest.raises(KeyFileError, match="12 characters"):
        secret_file.create(tmp_path / "short", "horse")


@pytest.mark.parametrize("content", [RANDOM, RANDOM.hex().encode(), base64.b64encode(RANDOM)])
def test_random_files_are_secrets_as_they_are(tmp_path, content):
    assert secret_file.load(written(tmp_path, content + b"\r\n")) == content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        RANDOM[:15],
        b"between the two of us",
        b"Between The Two Of Us " * 20,
        b"abc123" * 40,
        bytes(64),
    ],
)
def test_what_could_be_guessed_is_refused(tmp_path, content):
    with pytest.raises(KeyFileError, match="keygen --secret"):
        secret_file.load(written(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"underdrawing-secret 2\nkey = 00", "version 1"),
        (b"underdrawing-secret 1\nkey = 00", "64 hex digits"),
        (b"underdrawing-secret 1\n", "64 hex digits"),
        (b"underdrawing-secret 1\nscrypt = 1073741824 8 1\nsalt = " + b"00" * 16, "not supported"),
        (b"underdrawing-secret 1\nscrypt = 65536 8\nsalt = " + b"00" * 16, "three numbers"),
        (b"underdrawing-secret 1\nscrypt = 65536 8 1\nsalt = zz", "32 hex digits"),
        (os.urandom(70_000), "too large"),
    ],
)
def test_damaged_and_hostile_files_are_refused(tmp_path, content, message):
    with pytest.raises(KeyFileError, match=message):
        secret_file.load(written(tmp_path, content), PASSPHRASE)


def test_a_folder_is_no_secret(tmp_path):
    with pytest.raises(KeyFileError, match="cannot be read"):
        secret_file.load(tmp_path)
