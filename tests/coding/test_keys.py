"""Keys: files that only their owner reads, clear errors, a trust store that passes over what is no key."""

import stat

import pytest

from underdrawing.coding.keys import Owner, PublicKey, TrustStore
from underdrawing.core.errors import KeyFileError


def test_a_saved_key_signs_as_before_and_is_private(tmp_path):
    owner = Owner.create()
    owner.save(tmp_path / "owner.pem", password=b"open sesame")
    again = Owner.load(tmp_path / "owner.pem", password=b"open sesame")
    assert owner.public.verify(b"message", again.sign(b"message"))
    assert not owner.public.verify(b"massage", again.sign(b"message"))
    assert stat.S_IMODE((tmp_path / "owner.pem").stat().st_mode) == 0o600


def test_errors_state_what_is_wrong(tmp_path):
    owner, path = Owner.create(), tmp_path / "owner.pem"
    owner.save(path, password=b"open sesame")
    with pytest.raises(KeyFileError, match="password is needed"):
        Owner.load(path)
    with pytest.raises(KeyFileError, match="wrong password"):
        Owner.load(path, password=b"open barley")
    with pytest.raises(KeyFileError, match=r"owner\.pem"):
        owner.save(path)
    (tmp_path / "text.pem").write_text("no key")
    with pytest.raises(KeyFileError, match=r"text\.pem"):
        PublicKey.load(tmp_path / "text.pem")
    with pytest.raises(KeyFileError, match="cannot be read"):
        PublicKey.load(tmp_path / "absent.pem")
    with pytest.raises(KeyFileError, match="32 bytes"):
        PublicKey(b"short")


def test_a_fingerprint_is_the_start_of_the_keys_hash():
    public = PublicKey(bytes(32))
    assert public.fingerprint == "66687aadf862bd77"  # SHA-256 of 32 zero bytes
    assert public.short.hex() == public.fingerprint[:8]


def test_the_trust_store_finds_by_fingerprint_and_passes_over_rubbish(tmp_path):
    store, owner = TrustStore(tmp_path / "trust"), Owner.create()
    assert store.find(owner.public.short) is None
    store.add(owner.public, "agency")
    (tmp_path / "trust" / "rubbish.pem").write_text("no key")
    assert [name for name, _ in store] == ["agency"]
    assert store.find(owner.public.short).raw == owner.public.raw
    with pytest.raises(KeyFileError, match="usable name"):
        store.add(owner.public, "../agency")
