"""Reading: whose, whether they hold, and every kind of manifest that somebody might send."""

import sys
import time
from dataclasses import replace

import pytest
import skimage.data
from credential_files import IDENTITY, encoded
from jumbf import dump, embed, parse, superbox

from underdrawing.core.types import Credentials
from underdrawing.credentials import reading
from underdrawing.credentials.reading import read, recover

OTHER = "fedcba9876543210"


class TestOwnFile:
    def test_a_stranger_signed(self, signed):
        found = read(signed[0], IDENTITY)
        assert found.state == "untrusted" and found.issuer == "Test Agency"
        assert found.problems == ("signingCredential.untrusted",)
        assert "no certificate trusted here" in found.message and "Trial Signer" in found.message

    def test_binding_agrees_with_what_was_read_or_not(self, signed, anchors):
        assert read(signed[0], IDENTITY, anchors).soft_binding.agrees is True
        another, unread = read(signed[0], OTHER, anchors), read(signed[0], None, anchors)
        assert another.soft_binding.agrees is False and "ANOTHER identity" in another.message
        assert unread.soft_binding.agrees is None and "none was read" in unread.message

    def test_changed_pixels_show(self, signed, anchors):
        data = bytearray(signed[0])
        data[-500] ^= 1
        found = read(bytes(data), IDENTITY, anchors)
        assert found.state == "invalid" and "assertion.dataHash.mismatch" in found.problems
        assert "not the one that was signed" in found.message

    def test_no_credentials(self, astronaut):
        assert read(encoded(astronaut), IDENTITY) == Credentials(
            "none", "This file carries no Content Credentials."
        )
        assert read(encoded(astronaut) + b" c2pa ", IDENTITY).state == "none"
        assert read(b"c2pa", IDENTITY).state in ("none", "invalid")

    def test_without_the_package_the_message_names_it(self, signed, astronaut, monkeypatch):
        monkeypatch.setitem(sys.modules, "c2pa", None)
        found = read(signed[0], IDENTITY)
        assert found.state == "unread" and "underdrawing[credentials]" in found.message
        assert read(encoded(astronaut), IDENTITY).state == "none"
        assert recover(signed[1], IDENTITY).state == "unread"


class TestHostileManifests:
    """Every one ends in an answer, quickly."""

    @pytest.fixture
    def judged(self, astronaut, anchors):
        def judge(store: bytes) -> Credentials:
            start = time.perf_counter()
            found = read(embed(encoded(astronaut), store), IDENTITY, anchors)
            assert time.perf_counter() - start < 10
            assert found.state in ("invalid", "none") and found.message
            assert len(found.message) < 1000 and found.message.isprintable()
            return found

        return judge

    def test_our_way_to_embed_is_the_real_one(self, signed, astronaut, anchors):
        """Or else the tests below would show nothing."""
        found = read(embed(encoded(astronaut), signed[1]), IDENTITY, anchors)
        assert found.issuer == "Test Agency" and found.soft_binding.agrees

    def test_another_pictures(self, judged, signed):
        found = judged(signed[1])
        assert found.state == "invalid" and "theirs is another's" in found.message
        coffee = encoded(skimage.data.coffee())
        assert read(embed(coffee, signed[1]), OTHER).soft_binding.agrees is False

    @pytest.mark.parametrize("kept", [8, 30, 100, 700, 2000, -1])
    def test_truncated(self, judged, signed, kept):
        judged(signed[1][:kept])

    def test_file_cut_in_the_manifest(self, signed):
        for length in (600, 1500, 3000):
            assert read(signed[0][:length], IDENTITY).state in ("none", "invalid")

    @pytest.mark.parametrize(
        "label", [b"c2pa.soft-binding", b"c2pa.claim", b"c2pa.actions", b"c2pa.signature"]
    )
    @pytest.mark.parametrize(
        "content",
        [
            b"\x81" * 1_000_000 + b"\x01",  # a million lists in each other
            b"\x9b\x00\x00\x00\x0f\xff\xff\xff\xff\x01",  # a list of 68 thousand million
            b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff\x01",  # so many bytes
            b"",
            b"\xff" * 64,
        ],
        ids=["nested", "long list", "long bytes", "empty", "breaks"],
    )
    def test_boxes_that_lie(self, judged, signed, label, content):
        boxes = parse(signed[1])
        superbox(boxes, label)[1][1] = content
        judged(dump(boxes))

    def test_huge(self, judged, signed):
        boxes = parse(signed[1])
        superbox(boxes, b"c2pa.soft-binding")[1][1] = bytes(8_000_000)
        judged(dump(boxes))

    def test_boxes_in_each_other(self, judged, signed):
        description = dump(parse(signed[1])[0][1][:1])
        store = b""
        for _ in range(1000):
            store = dump([[b"jumb", description + store]])
        judged(store)

    def test_statement_changed_after_signing(self, judged, signed):
        found = judged(signed[1].replace(IDENTITY.encode(), OTHER.encode()))
        assert "assertion.hashedURI.mismatch" in found.problems

    def test_names_of_strangers_cannot_talk_to_the_terminal(self):
        report = {
            "active_manifest": "a",
            "validation_results": {"activeManifest": {"failure": []}},
            "manifests": {
                "a": {
                    "signature_info": {"issuer": "\x1b[2JEvil\n" + "x" * 5000, "common_name": ["no", "text"]},
                    "assertions": [
                        None,
                        {"label": 3},
                        {"label": "c2pa.actions", "data": {"actions": [7, {}]}},
                    ],
                    "claim_generator_info": "none",
                }
            },
        }
        found = reading._credentials("untrusted", report, [], IDENTITY)
        assert found.issuer.startswith("?[2JEvil?") and len(found.issuer) < 210
        assert found.signer is None and found.actions == ()


class TestRecovered:
    def test_store_holds_without_its_file(self, signed, anchors):
        found = recover(signed[1], IDENTITY, anchors)
        assert (found.state, found.problems, found.manifest) == ("valid", (), signed[1])
        assert recover(signed[1], IDENTITY).state == "untrusted"

    def test_store_of_another_identity_is_refused(self, signed, anchors):
        found = recover(signed[1], OTHER, anchors)
        assert found.state == "invalid" and "another identity" in found.message

    def test_changed_store_is_refused(self, signed, anchors):
        changed = signed[1].replace(b"c2pa.opened", b"c2pa.edited")
        assert recover(changed, IDENTITY, anchors).state == "invalid"
        assert recover(b"", IDENTITY).state == "invalid" == recover(signed[1][:500], IDENTITY).state

    def test_json_leaves_the_bytes_out(self, signed, anchors):
        found = read(signed[0], IDENTITY)
        report = replace(found, recovered=recover(signed[1], IDENTITY, anchors)).to_json()
        assert report["recovered"]["state"] == "valid" and "manifest" not in report["recovered"]
        assert report["soft_binding"] == {
            "algorithm": "underdrawing.photo.1",
            "value": IDENTITY,
            "agrees": True,
        }
