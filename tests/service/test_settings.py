"""Settings: from options and environment."""

import socket
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from underdrawing import cli
from underdrawing.core.errors import KeyFileError, UsageError
from underdrawing.credentials.trial import issue
from underdrawing.service import tasks
from underdrawing.service.hosts import Host, is_loopback
from underdrawing.service.settings import PREFIX, Settings
from underdrawing.service.tokens import TokenFile


def test_options_go_before_the_environment():
    environment = {"UNDERDRAWING_PORT": "81", "UNDERDRAWING_HOST": "::1", "UNDERDRAWING_IDLE_SECONDS": "2.5"}
    settings = Settings.from_environment(environment, port=82, host=None)
    assert (settings.port, settings.host, settings.idle_seconds) == (82, "::1", 2.5)
    assert Settings.from_environment({}) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "http"), ("PORT", "70000"), ("PORT", "-1"), ("ANONYMOUS", "king"), ("TOKENS", "/no/such"),
     ("SIGN", "/no/such.pem"), ("TRUST", "/no/such"), ("UPLOAD_MB", "0"), ("JOB_SECONDS", "nan"),
     ("WORKERS", "1e3"), ("CREDENTIALS", "/no/such.pem"), ("CREDENTIALS", __file__)],
)  # fmt: skip
def test_what_cannot_be_names_the_variable(name, value):
    with pytest.raises(UsageError, match=PREFIX + name):
        Settings.from_environment({PREFIX + name: value})


def test_credentials_need_a_place_to_be_kept(tmp_path):
    given = {"credentials": __file__, "credentials_key": __file__}
    assert Settings.from_environment({}, registry="a.db", **given).manifest_folder == Path("a.db.credentials")
    assert Settings.from_environment({}, **given).manifest_folder is None
    remote = {"registry": "postgresql://ada@db.example/photos"} | given
    with pytest.raises(UsageError, match=PREFIX + "MANIFESTS"):
        Settings.from_environment({}, **remote)
    assert Settings.from_environment({}, manifests=str(tmp_path), **remote).manifest_folder == tmp_path


def test_their_key_may_have_a_password(tmp_path):
    issued = issue(tmp_path, organization="Test Agency")
    key = serialization.load_pem_private_key(issued.key.read_bytes(), None)
    hidden = serialization.BestAvailableEncryption(b"open sesame")
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    issued.key.write_bytes(key.private_bytes(pem, form, hidden))
    (tmp_path / "password").write_text("open sesame\n")
    given = {"credentials": str(issued.chain), "credentials_key": str(issued.key)}
    settings = Settings(**given, credentials_password_file=str(tmp_path / "password"))
    assert tasks.open_session(settings).credentials.algorithm == "ES256"
    with pytest.raises(KeyFileError, match="password"):
        tasks.open_session(Settings(**given))
    assert tasks.open_session(Settings()).credentials is None


def test_signing_them_without_the_extra_ends_the_start(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert cli.main(["serve", "--credentials", __file__, "--credentials-key", __file__]) == 3
    assert "underdrawing[credentials]" in capsys.readouterr().err


def test_an_address_that_others_reach_needs_host_names():
    for host in ("0.0.0.0", "::", "", "192.0.2.7", "photos.example.org"):
        for hosts in ("", " , "):
            with pytest.raises(UsageError, match=PREFIX + "HOSTS.*--hosts"):
                Settings.from_environment({}, host=host, hosts=hosts)
        assert Settings.from_environment({}, host=host, hosts="photos.example.org").host_list
    for host in ("127.0.0.1", "127.0.0.9", "::1", "localhost"):
        assert (
            Host.parse(f"[{host}]" if ":" in host else host)
            in Settings.from_environment({}, host=host).host_list
        )
    for wrong in (
        "a b",
        "https://a.example",
        "a.example/",
        "a@b",
        "*",
        "a:b",
        "a:70000",
        "bücher.example",
        "[::1",
    ):
        with pytest.raises(UsageError, match=PREFIX + "HOSTS"):
            Settings.from_environment({}, hosts=wrong)


def test_signing_needs_tokens(tmp_path):
    TokenFile(tmp_path / "tokens.json").add("desk", "protector")
    abroad = {"host": "0.0.0.0", "hosts": "photos.example.org", "sign": __file__}
    with pytest.raises(UsageError, match=PREFIX + "TOKENS.*underdrawing token add"):
        Settings.from_environment({}, **abroad)
    assert Settings.from_environment({}, tokens=str(tmp_path / "tokens.json"), **abroad).signs
    assert Settings.from_environment({}, sign=__file__).signs and not Settings().signs
    for role in ("protector", "admin"):
        with pytest.raises(UsageError, match=PREFIX + "ANONYMOUS"):
            Settings.from_environment({}, sign=__file__, anonymous=role)
        with pytest.raises(UsageError, match=PREFIX + "ANONYMOUS"):
            Settings.from_environment({}, credentials=__file__, credentials_key=__file__, anonymous=role)
        Settings.from_environment({}, anonymous=role)


def test_loopback_addresses_are_known():
    hosts = ("127.0.0.9", "::1", "localhost", "0.0.0.0", "a.b", "localhost.example.org", "::ffff:192.0.2.1")
    assert [is_loopback(host) for host in hosts] == [True, True, True, False, False, False, False]


def test_queue_and_workers_follow_the_machine(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    assert (Settings().worker_count, Settings().queue_length) == (3, 1)
    assert (Settings(workers=5).queue_length, Settings(queue=9).queue_length) == (2, 9)


def test_a_port_that_is_taken_is_reported(capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        code = cli.main(["serve", "--port", str(other.getsockname()[1])])
    assert code == 64 and "listen" in capsys.readouterr().err


def test_the_extra_is_named_where_it_is_missing(monkeypatch, capsys):
    monkeypatch.setattr("underdrawing.commands.serve._PACKAGES", ("fastapi", "no_such_package"))
    assert cli.main(["serve"]) == 3
    assert "underdrawing[serve]" in capsys.readouterr().err


def test_a_registry_that_is_none_is_reported(tmp_path, capsys):
    (tmp_path / "photo.png").write_bytes(b"no registry" * 100)
    assert cli.main(["serve", "--port", "0", "--registry", str(tmp_path / "photo.png")]) == 3
    assert "photo.png" in capsys.readouterr().err
