"""Wrong usage, keys, secrets and systems; the time of help."""

import stat
import subprocess
import sys
import time
from importlib import import_module

import pytest

from underdrawing import api, systems, zoo
from underdrawing.coding.keys import Owner, PublicKey
from underdrawing.commands import _parser
from underdrawing.core.errors import KeyFileError, PictureError, ShapeError, WeightsError

SECRET = bytes.fromhex("8f1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff0")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["paint"],
        ["protect"],
        ["protect", "a.jpg"],
        ["protect", "a.jpg", "-o", "x", "--strength", "9"],
        ["protect", "a.jpg", "-o", "x", "--focus", "10,20,nan,40"],
        ["protect", "a.jpg", "-o", "x", "--focus", "none", "--focus", "1,2,3,4"],
        ["protect", "a.jpg", "-o", "x", "--focus", "faces", "--system", "imuge"],
        ["protect", "a.jpg", "-o", "x", "--label", "ostritch"],
        ["verify", "a.jpg", "--jobs", "0"],
        ["verify", "a.jpg", "--trust", "/nowhere"],
        ["verify", "a.jpg", "--secret", "/nowhere"],
        ["protect", "a.jpg", "b.jpg", "-o", "x", "--identity", "0123456789abcdef"],
        ["attack", "a.jpg", "-o", "x", "--suite", "nothing"],
        ["train", "nothing", "--data", "x", "-o", "y"],
    ],
)
def test_wrong_usage_ends_with_64(run, arguments):
    ran = run(*arguments)
    assert ran.code == 64
    assert "underdrawing" in ran.err
    assert ran.out == ""


@pytest.mark.parametrize("command", [[], *([name] for name in _parser.summaries())])
def test_help(run, command):
    ran = run(*command, "--help")
    assert ran.code == 0
    assert "usage: underdrawing" in ran.out


def test_import_and_help_are_quick():
    def seconds(*command: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, capture_output=True)
        return time.perf_counter() - start

    assert min(seconds("-c", "import underdrawing") for _ in range(3)) < 0.5
    assert min(seconds("-m", "underdrawing.cli", "--help") for _ in range(3)) < 0.5
    heavy = "import sys, underdrawing.cli; assert not {'torch', 'numpy', 'cv2', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", heavy], check=True)


def test_every_public_name_can_be_imported():
    package = import_module("underdrawing")
    assert all(getattr(package, name) for name in package.__all__)
    with pytest.raises(AttributeError):
        _ = package.nothing


def test_keygen_joins_the_trust_store_and_overwrites_nothing(run, tmp_path):
    path, store = tmp_path / "desk.pem", tmp_path / "trust"
    made = run("keygen", "-o", path, "--trust", store, "--json")
    assert made.code == 0
    key = made.objects[0]["key"]
    assert path.stat().st_mode & 0o077 == 0
    assert run("trust", "--trust", store, "--json").objects == [{"key": key, "name": "desk"}]
    before = path.read_bytes()
    assert run("keygen", "-o", path, "--trust", store).code == 64
    assert path.read_bytes() == before
    again = run("keygen", "-o", tmp_path / "other" / "desk.pem", "--trust", store)
    assert again.code == 3
    assert "another name" in again.err
    assert not (tmp_path / "other" / "desk.pem").exists()


def test_public_half_can_be_added_to_another_store(run, tmp_path):
    made = run("keygen", "-o", tmp_path / "desk.pem", "--trust", tmp_path / "mine", "--json").objects[0]
    given = run("trust", made["public"], "--name", "their desk", "--trust", tmp_path / "theirs", "--json")
    assert given.objects == [{"key": made["key"], "name": "their desk"}]
    assert b"PRIVATE" not in (tmp_path / "theirs" / "their desk.pem").read_bytes()


def test_wrong_key_ends_before_the_first_file(run, stand_in, photo, tmp_path):
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n", encoding="utf-8")
    for key in (wrong, photo, tmp_path / "missing.pem"):
        ran = run("protect", photo, "-o", tmp_path / "out", "--sign", key)
        assert ran.code == 64
        assert str(key) in ran.err
        assert not (tmp_path / "out").exists()


def test_key_behind_a_password(run, stand_in, photo, tmp_path):
    password = tmp_path / "password"
    password.write_text("open sesame\n", encoding="utf-8")
    key, store = tmp_path / "desk.pem", tmp_path / "trust"
    assert run("keygen", "-o", key, "--trust", store, "--password-file", password).code == 0
    assert run("protect", photo, "-o", tmp_path / "a.png", "--sign", key).code == 64
    opened = run("protect", photo, "-o", tmp_path / "a.png", "--sign", key, "--password-file", password)
    assert opened.code == 0
    assert stand_in.calls[-1]["owner"].public.raw == PublicKey.load(store / "desk.pem").raw


def test_trust_depends_on_the_verifiers_own_store(stand_in, astronaut, tmp_path):
    owner, store = Owner.create(), api.trust_store(tmp_path / "trust")
    stand_in.key = owner.public.fingerprint
    protected = api.protect(astronaut).protected
    stranger = api.verify(protected, trust=store).verdict.signature
    assert (stranger.state, stranger.trusted) == ("valid", False)
    api.add_trusted(owner.public, "desk", tmp_path / "trust")
    known = api.verify(protected, trust=store)
    assert (known.verdict.signature.state, known.verdict.signature.trusted) == ("valid", True)
    assert known.to_json()["signature"]["name"] == "desk"


def test_secrets_from_files_and_bytes(stand_in, astronaut, tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(SECRET + b"\r\n")
    api.protect(astronaut, secret=path)
    api.verify(astronaut, secret=SECRET, trust=tmp_path)
    assert all(call["secret"] == SECRET for call in (*stand_in.calls, *stand_in.verified))
    path.write_bytes(b"correct horse battery staple\n")
    with pytest.raises(KeyFileError, match="keygen --secret"):
        api.protect(astronaut, secret=path)


def test_keygen_makes_secrets(run, stand_in, astronaut, tmp_path, monkeypatch):
    random, stretched = tmp_path / "keys" / "random", tmp_path / "stretched"
    assert run("keygen", "--secret", random).code == 0
    assert stat.S_IMODE(random.stat().st_mode) == 0o600
    again = run("keygen", "--secret", random)
    assert (again.code, "never overwritten" in again.err) == (64, True)
    assert run("keygen", "--secret", stretched, "--passphrase").code == 64  # nobody to type it
    monkeypatch.setenv("UNDERDRAWING_PASSPHRASE", "seven green horses")
    assert run("keygen", "--secret", stretched, "--passphrase").code == 0
    for path in (random, stretched):
        api.protect(astronaut, secret=path)
    monkeypatch.delenv("UNDERDRAWING_PASSPHRASE")
    refused = run("verify", "a.png", "--secret", stretched)
    assert (refused.code, "UNDERDRAWING_PASSPHRASE" in refused.err) == (64, True)
    made = [call["secret"] for call in stand_in.calls]
    assert [len(secret) for secret in made] == [32, 32]


def test_identities(stand_in, astronaut):
    assert api.protect(astronaut, identity="00ff00ff00ff00ff").identity == "00ff00ff00ff00ff"
    for wrong in ("00ff", "zz" * 8, b"seven b"):
        with pytest.raises(KeyFileError, match="16 hex digits"):
            api.protect(astronaut, identity=wrong)


def test_arrays(stand_in, astronaut):
    assert api.protect(astronaut[:, :, 0]).protected.gray
    with pytest.raises(ShapeError, match="convert the array to uint8"):
        api.protect(astronaut.astype(float))
    with pytest.raises(ShapeError, match="at least 64"):
        api.verify(astronaut[:63])


def test_errors_name_the_file(stand_in, photo, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(photo.read_bytes()[:200])
    with pytest.raises(PictureError, match=r"bad\.jpg"):
        api.verify(bad, trust=tmp_path)


def test_system_is_chosen_by_name(run, stand_in, photo, tmp_path):
    ran = run("protect", photo, "-o", tmp_path / "a.png", "--system", "imuge")
    assert ran.code == 0 and stand_in.loaded == ["imuge"]
    assert run("verify", tmp_path / "a.png", "--system", "imuge").code == 0
    assert run("verify", tmp_path / "a.png").code == 0 and stand_in.loaded == ["imuge", "imuge", "photo"]


def test_an_unknown_system_ends_before_the_first_file(run, photo, tmp_path):
    ran = run("protect", photo, "-o", tmp_path / "a.png", "--system", "nobody")
    assert ran.code == 64 and "photo" in ran.err and not (tmp_path / "a.png").exists()


def test_misspelt_keyword_arguments_are_refused(stand_in, astronaut):
    with pytest.raises(TypeError, match="strenght"):
        api.protect(astronaut, strenght=2)
    with pytest.raises(TypeError, match="idenity"):
        api.protect(astronaut, idenity="0123456789abcdef")


def test_unknown_trainings_and_recipes_are_usage_errors(run, tmp_path):
    given = ["--data", tmp_path, "-o", tmp_path / "run"]
    ran = run("train", "nobody", *given)
    assert ran.code == 64 and "imuge" in ran.err
    ran = run("train", "imuge", "--recipe", "nothing", *given)
    assert ran.code == 64 and "lean-cpu-2h" in ran.err
    assert run("train", "photo-reader", "--recipe", "paper", *given).code == 64
    ran = run("train", "imuge", "--without", "swap", *given)
    assert ran.code == 64 and "no 'without'" in ran.err


def test_zoo_lists_a_damaged_weight(run, tmp_path, monkeypatch):
    assert "photo" in zoo.names()
    assert run("zoo", "--json").code == 0
    system = tmp_path / "broken"
    system.mkdir()
    (system / "weights.bin").write_bytes(b"not what the card says")
    (system / "card.toml").write_text(
        'kind = "protector"\nclass = "a:b"\ntitle = "t"\nsummary = "s"\nabilities = []\nlicence = "l"\n'
        "behaviour = 1\n[[weights]]\n"
        f'file = "weights.bin"\nsha256 = "{"0" * 64}"\nbytes = 22\nlicence = "l"\njob = "j"\ntrained = "t"\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(systems, "__path__", [str(tmp_path)])
    with pytest.raises(WeightsError, match=r"weights\.bin"):
        zoo.load.__wrapped__("broken")
    with pytest.raises(WeightsError, match="there are: broken"):
        zoo.card("other")
    assert run("zoo").code == 3
