"""`trust init` and `trust test-certificate`: Content Credentials tried from nothing, by the command line."""

import json
import stat

import pytest
from credential_files import encoded

from underdrawing import cli


@pytest.fixture
def run(capsys):
    """Exit code and JSON objects of a command."""

    def call(*arguments: object) -> tuple[int, list[dict]]:
        code = cli.main([*map(str, arguments), "--json"])
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return call


def test_credentials_are_valid_once_the_trial_root_is_trusted(run, astronaut, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(encoded(astronaut, quality=95))
    code, (made,) = run("trust", "test-certificate", "-o", "certs", "--name", "Desk")
    assert code == 0 and made["organization"] == "Desk (trial, not a real signer)"
    assert stat.S_IMODE((tmp_path / "certs" / "key.pem").stat().st_mode) == 0o600
    signer = ["--credentials", made["chain"], "--credentials-key", made["key"]]
    assert run("protect", "photo.jpg", "-o", "protected.jpg", *signer)[0] == 0
    assert run("trust", "init", "--trust", "trust")[1][0]["certificates"] == 0
    verify = ["verify", "protected.jpg", "--trust", "trust"]
    found = run(*verify)[1][0]["credentials"]
    assert (found["state"], found["issuer"]) == ("untrusted", made["organization"])
    for _ in range(2):  # doing it again changes nothing
        code, (ready,) = run("trust", "init", "--with", made["root"], "--trust", "trust")
        assert (code, ready["certificates"]) == (0, 1)
    assert run(*verify)[1][0]["credentials"]["state"] == "valid"


def test_nothing_is_overwritten_and_misuse_is_named(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("trust", "test-certificate", "-o", "certs")[0] == 0
    key = (tmp_path / "certs" / "key.pem").read_bytes()
    assert run("trust", "test-certificate", "-o", "certs")[0] == 3
    assert (tmp_path / "certs" / "key.pem").read_bytes() == key
    root = "certs/ca.pem"
    for arguments in (["test-certificate"], ["init", root], [root, "-o", "x"], ["--with", root]):
        assert run("trust", *arguments)[0] == 64
