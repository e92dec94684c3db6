"""Tokens: hashed at rest, shown once, revoked at once."""

import json

import pytest

from underdrawing import cli
from underdrawing.core.errors import KeyFileError
from underdrawing.service.tokens import ROLES, TokenFile, may


@pytest.fixture
def file(tmp_path) -> TokenFile:
    return TokenFile(tmp_path / "tokens.json")


def test_a_token_is_found_and_not_kept(file):
    token = file.add("Ada", "reader")
    assert file.find(token).name == "Ada"
    assert token not in file.path.read_text() and token.removeprefix("ud_") not in file.path.read_text()
    assert file.path.stat().st_mode & 0o777 == 0o600
    for wrong in ("", token[:-1], token + "x", token.upper(), "ud_", "\udcff"):
        assert file.find(wrong) is None


def test_another_process_sees_what_is_revoked(file):
    token = file.add("Ada", "reader")
    other = TokenFile(file.path)
    assert other.find(token)
    file.add("Bert", "admin")
    file.revoke("Ada")
    assert other.find(token) is None and [known.name for known in other.tokens()] == ["Bert"]


def test_a_token_expires(file, monkeypatch):
    token = file.add("Ada", "reader", days=1)
    assert not file.find(token).expired
    text = json.loads(file.path.read_text())
    text["tokens"][0]["expires"] = "2020-01-01T00:00:00+00:00"
    file.path.write_text(json.dumps(text))
    assert file.find(token).expired


@pytest.mark.parametrize(
    ("name", "role", "days"),
    [("", "reader", None), ("a\nb", "reader", None), ("Ada", "king", None), ("Ada", "none", None),
     ("Ada", "reader", 0), ("Ada", "reader", -1), ("Ada", "reader", float("nan"))],
)  # fmt: skip
def test_what_cannot_be_is_refused(file, name, role, days):
    with pytest.raises(KeyFileError):
        file.add(name, role, days)
    assert not file.path.exists()


def test_names_are_unique_and_known(file):
    file.add("Ada", "reader")
    with pytest.raises(KeyFileError, match="already"):
        file.add("Ada", "admin")
    with pytest.raises(KeyFileError, match="no token"):
        file.revoke("Bert")


@pytest.mark.parametrize("text", ["", "[]", '{"tokens": [{"name": "a"}]}', '{"tokens": 3}', "\x00",
    '{"tokens": [{"name": "a", "role": "king", "sha256": "", "created": ""}]}'])  # fmt: skip
def test_a_damaged_file_is_reported(file, text):
    file.path.write_text(text)
    with pytest.raises(KeyFileError, match="tokens"):
        file.tokens()


def test_each_role_may_what_those_before_it_may():
    for place, role in enumerate(ROLES):
        assert [may(role, needed) for needed in ROLES] == [n <= place for n in range(len(ROLES))]


def test_command_line(file, capsys):
    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = cli.main(["token", *arguments, "--tokens", str(file.path)])
        return code, capsys.readouterr().out

    code, token = run("add", "Ada", "--role", "protector", "--days", "30")
    assert code == 0 and file.find(token.strip()).role == "protector"
    code, listed = run("list")
    assert "Ada" in listed and "protector" in listed and token.strip() not in listed
    body = json.loads(run("list", "--json")[1])
    assert body["name"] == "Ada" and "sha256" not in body
    assert run("revoke", "Ada")[0] == 0 and run("list")[1] == ""
    assert run("revoke", "Ada")[0] == 3 and run("add")[0] == 64
    assert [path.name for path in file.path.parent.iterdir()] == ["tokens.json"]
