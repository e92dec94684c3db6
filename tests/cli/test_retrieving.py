"""Registering and finding again: from Python and the command line, with the stand-in and the real system."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from underdrawing import api
from underdrawing.attacks.tamper import Tamper, blob, splice
from underdrawing.coding.keys import Owner
from underdrawing.core.errors import RegistryError
from underdrawing.core.types import FILLED, Verdict
from underdrawing.registry.hashes import file_hash, pixel_hash
from underdrawing.registry.retrieval import matches

FACTS = {"caption": "An astronaut.", "who": ["Eileen Collins"], "when": "1999", "licence": "CC0-1.0"}


@pytest.fixture
def album(tmp_path, astronaut) -> Path:
    """Three different photographs, one of them in a folder below."""
    root = tmp_path / "album"
    (root / "deep").mkdir(parents=True)
    pictures = {"a.png": astronaut, "b.jpg": skimage.data.coffee(), "deep/c.png": skimage.data.chelsea()}
    for name, picture in pictures.items():
        Image.fromarray(picture[:256, :256]).save(root / name)
    return root


@pytest.fixture
def desk(run, stand_in, album, tmp_path) -> Path:
    """A folder with the album protected and registered in photos.db, with facts."""
    (tmp_path / "facts.json").write_text(json.dumps(FACTS), encoding="utf-8")
    ran = run(
        "protect", album, "-o", tmp_path / "out", "--registry", tmp_path / "photos.db",
        "--facts", tmp_path / "facts.json", "--json",
    )  # fmt: skip
    assert ran.code == 0 and [found["registered"] for found in ran.objects] == [1, 2, 3]
    return tmp_path


class TestCommandLine:
    def test_record_lists_files_and_facts(self, run, desk, album):
        shown = run("registry", "show", desk / "photos.db", 3, "--json").objects[0]
        original, protected = album / "deep" / "c.png", desk / "out" / "deep" / "c.png"
        assert shown["original"]["place"] == str(original)
        assert shown["original"]["file"] == file_hash(original.read_bytes())
        assert shown["protected"]["file"] == file_hash(protected.read_bytes())
        assert shown["protected"]["pixels"] == pixel_hash(np.asarray(Image.open(protected)))
        assert shown["facts"] == FACTS and shown["size"] == [256, 256] and shown["system"] == "photo"

    def test_pictures_lead_back_by_what_they_show(self, run, desk, album, tmp_path):
        ran = run("retrieve", album, "--registry", desk / "photos.db", "--limit", 2, "--json")
        assert ran.code == 0
        for found, number in zip(ran.objects, (1, 2, 3), strict=True):
            assert found["status"] == "found" and len(found["matches"]) == 2
            first = found["matches"][0]
            assert (first["number"], first["by"], first["sure"]) == (number, "embedding", True)
            assert first["original"]["place"] == found["file"] and first["facts"] == FACTS
        text = run("retrieve", album / "a.png", "--registry", desk / "photos.db").out
        assert "FOUND" in text and str(album / "a.png") in text and "Eileen Collins" in text

    def test_identity_comes_first(self, run, desk):
        ran = run("retrieve", desk / "out" / "b.jpg", "--registry", desk / "photos.db", "--json")
        (found,) = ran.objects
        assert {match["by"] for match in found["matches"]} == {"identity"}
        assert found["matches"][0]["number"] == 3  # the stand-in gives all the same identity: the latest

    def test_a_stranger_is_not_found(self, run, desk, tmp_path):
        Image.fromarray(skimage.data.rocket()[:256, :256]).save(tmp_path / "stranger.png")
        ran = run("retrieve", tmp_path / "stranger.png", "--registry", desk / "photos.db", "--json")
        assert ran.code == 2 and ran.objects[0]["status"] == "not found"
        assert not any(match["sure"] for match in ran.objects[0]["matches"])

    def test_a_bad_file_does_not_stop_the_rest(self, run, desk, album):
        (album / "bad.jpg").write_bytes(b"no picture")
        ran = run("retrieve", album, "--registry", desk / "photos.db", "--json")
        assert ran.code == 3
        assert [found["status"] for found in ran.objects] == ["found", "found", "error", "found"]
        assert str(album / "bad.jpg") in ran.err

    def test_registry_is_listed_shown_and_audited(self, run, desk):
        listed = run("registry", "list", desk / "photos.db")
        assert [line.split()[0] for line in listed.out.splitlines()] == ["1", "2", "3"]
        identity = run("registry", "list", desk / "photos.db", "--json").objects[0]["identity"]
        assert identity in run("registry", "show", desk / "photos.db", identity).out
        assert run("registry", "show", desk / "photos.db", "77").code == 2
        audited = run("registry", "audit", desk / "photos.db", "--json")
        assert audited.code == 0
        head = audited.objects[0]["head"]
        assert audited.objects[0] | {"head": ""} == {
            "file": str(desk / "photos.db"), "status": "whole", "records": 3, "head": "", "faults": [],
        }  # fmt: skip
        assert run("registry", "audit", desk / "photos.db", "--head", head).code == 0
        other = run("registry", "audit", desk / "photos.db", "--head", head[:-1] + "fe"[head[-1] == "f"])
        assert other.code == 1 and "BROKEN" in other.out and "record 3" in other.out

    @pytest.mark.parametrize(
        "arguments",
        [
            ["retrieve", "a.png"],
            ["retrieve", "a.png", "--registry", "missing.db"],
            ["retrieve", "a.png", "--registry", "x.db", "--limit", "0"],
            ["protect", "a.png", "-o", "out", "--facts", "facts.json"],
            ["protect", "a.png", "-o", "out", "--registry", "photos.db", "--facts", "missing.json"],
            ["registry", "show", "photos.db"],
            ["registry", "show", "photos.db", "xyz"],
            ["registry", "paint", "photos.db"],
        ],
    )
    def test_wrong_usage_ends_with_64(self, run, desk, monkeypatch, arguments):
        monkeypatch.chdir(desk)
        ran = run(*arguments)
        assert ran.code == 64 and ran.out == "" and "underdrawing" in ran.err

    def test_other_files_are_no_registry(self, run, desk, album):
        assert run("registry", "audit", album / "a.png").code == 3
        ran = run("protect", album, "-o", desk / "again", "--registry", album / "a.png")
        assert ran.code == 64 and str(album / "a.png") in ran.err
        assert not (desk / "again").exists()


def test_failed_registration_names_the_written_file(stand_in, photo, tmp_path):
    class Full:
        def add(self, records):
            raise RegistryError("the disk is full")

    with pytest.raises(RegistryError, match=r"photo\.png.*full.*out\.png is written, but not registered"):
        api.protect(photo, tmp_path / "out.png", registry=Full())
    assert (tmp_path / "out.png").is_file()
    with pytest.raises(RegistryError, match="registry"):
        api.protect(photo, facts=FACTS)
    with pytest.raises(RegistryError, match="author"):
        api.protect(photo, registry=tmp_path / "a.db", facts={"author": "Ada"})
    assert not (tmp_path / "a.db").exists()


class TestMatches:
    """What a verdict leads to, without a system behind it."""

    @pytest.fixture
    def cat(self) -> np.ndarray:
        return np.ascontiguousarray(skimage.data.chelsea()[20:276, 100:356])

    @pytest.fixture
    def registry(self, stand_in, astronaut, cat, tmp_path):
        with api.open_registry(tmp_path / "photos.db", create=True) as registry:
            for identity, picture in (("aa" * 8, astronaut), ("bb" * 8, cat)):
                api.protect(picture, registry=registry, identity=identity)
            yield registry

    def verdict(self, **changes) -> Verdict:
        return replace(Verdict("altered", True, "", identity="bb" * 8), **changes)

    def test_identity_stands_alone(self, registry, cat):
        (found,) = matches(registry, cat, self.verdict(recovered=cat), 5)
        assert found.sure and (found.by, found.score, found.record.identity) == ("identity", 1.0, "bb" * 8)

    @pytest.mark.parametrize("matches_content", [False, None])
    def test_a_copied_mark_does_not_hide_whose_picture_it_is(self, registry, astronaut, matches_content):
        """Known from the signed content, or from the registered original alone."""
        verdict = self.verdict(content_matches=matches_content, recovered=astronaut)
        found = matches(registry, astronaut, verdict, 5)
        assert [(m.by, m.record.identity, m.sure) for m in found] == [
            ("identity", "bb" * 8, False),
            ("embedding", "aa" * 8, True),
        ]

    def test_filled_pixels_are_ignored(self, registry, astronaut):
        recovered, source = astronaut.copy(), np.zeros(astronaut.shape[:2], np.uint8)
        recovered[:, 100:], source[:, 100:] = 128, FILLED
        unknown = self.verdict(identity="cc" * 8, recovered=recovered)
        blind = matches(registry, recovered, unknown, 1)[0]
        knowing = matches(registry, recovered, replace(unknown, source_map=source), 1)[0]
        assert knowing.record.identity == "aa" * 8
        assert knowing.score > 0.9 > blind.score

    def test_the_hidden_code_leads_back_too(self, registry, astronaut):
        black = np.zeros_like(astronaut)
        lost = self.verdict(identity="cc" * 8, recovered=black, source_map=np.full(black.shape[:2], FILLED))
        assert not matches(registry, black, lost, 1)[0].sure
        found = matches(registry, black, replace(lost, content=astronaut[::4, ::4].copy()), 1)[0]
        assert found.sure and found.record.identity == "aa" * 8


def unpacked(code: bytes) -> list[np.ndarray]:
    """The layers of a packed content code, without empty ones."""
    layers = []
    while code:
        length, code = int.from_bytes(code[:4], "big"), code[4:]
        layers.append(np.unpackbits(np.frombuffer(code, np.uint8), count=length))
        code = code[-(-length // 8) :]
    return [bits for bits in layers if len(bits)]


def test_real_photo_is_found_by_identity_and_without_one(tmp_path, astronaut):
    owner = Owner.create()
    with api.open_registry(tmp_path / "photos.db", create=True) as registry:
        report = api.protect(astronaut, sign=owner, registry=registry, facts=FACTS)
        coffee = skimage.data.coffee()
        altered, _ = Tamper(blob, splice, (0.1, 0.15))(
            report.protected.image, coffee[:256, :256], np.random.default_rng(4)
        )
        (found,) = api.retrieve(altered, registry)
        assert (found.by, found.record.identity) == ("identity", report.identity)
        assert found.record.facts.who == ("Eileen Collins",)
        assert found.record.owner.raw == owner.public.raw

        kept = unpacked(found.record.code)  # the registry's code is the one in the picture
        verdict = api.verify(report.protected, trust=tmp_path).verdict
        from underdrawing import zoo

        decoded = zoo.load("photo").sketch.decode(kept, *verdict.content.shape[:2])
        assert np.array_equal(decoded, verdict.content)

        copy, _ = Tamper(blob, splice, (0.05, 0.1))(astronaut, coffee[:256, :256], np.random.default_rng(5))
        small = Image.fromarray(copy[12:250, 6:240]).resize((117, 119))
        unmarked = api.retrieve(np.asarray(small), registry)[0]
        assert (unmarked.by, unmarked.sure, unmarked.entry.number) == ("embedding", True, 1)
        assert 0.3 < unmarked.score < 1
