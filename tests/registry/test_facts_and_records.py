"""Facts follow their schema, records their text, hashes and chain what is documented."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
import skimage.data
from sample_records import record, rendition

from underdrawing.coding.keys import Owner
from underdrawing.core.errors import RegistryError
from underdrawing.metrics.quality import psnr_db
from underdrawing.registry.chain import Head
from underdrawing.registry.facts import SCHEMA, Facts
from underdrawing.registry.hashes import perceptual_hash, pixel_hash
from underdrawing.registry.record import Copy, Record
from underdrawing.registry.rendition import render

schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
GOOD = (
    {},
    *schema["examples"],
    *({"when": when} for when in schema["properties"]["when"]["examples"]),
    {"who": ["Ada", "橋本"], "label": "bridge"},
    {"when": "2024-05-03T14:20Z"},
)
BAD = (
    ([], "object"),
    ({"author": "Ada"}, "author"),
    ({"caption": ""}, "caption"),
    ({"caption": 5}, "caption"),
    ({"caption": None}, "caption"),
    ({"where": "x" * 401}, "where"),
    ({"who": "Ada"}, "who"),
    ({"who": []}, "who"),
    ({"who": ["Ada", 3]}, "who"),
    ({"who": ["Ada"] * 101}, "who"),
    ({"when": "yesterday"}, "when"),
    ({"when": "03.05.2024"}, "when"),
    ({"when": "2024-05-03 14:20"}, "when"),
)


@pytest.mark.parametrize("given", GOOD)
def test_good_facts_come_back(given):
    assert Facts.from_json(given).to_json() == given


@pytest.mark.parametrize(("given", "reported"), BAD)
def test_bad_facts_are_reported_by_field(given, reported):
    with pytest.raises(RegistryError, match=reported):
        Facts.from_json(given)


@pytest.mark.parametrize("when", ["2024-13", "2023-02-29", "2024-05-03T25:00"])
def test_a_day_that_never_was_is_refused(when):
    with pytest.raises(RegistryError, match="when"):
        Facts(when=when)


def test_schema_agrees_with_the_code():
    assert list(schema["properties"]) == [field.name for field in fields(Facts)]
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    assert all(validator.is_valid(given) for given in GOOD)
    assert not any(validator.is_valid(given) for given, _ in BAD)


def test_facts_file_is_named_where_it_is_wrong(tmp_path):
    path = tmp_path / "facts.json"
    for text in ("{", '{"caption": 5}', "\xff"):
        path.write_bytes(text.encode("latin-1"))
        with pytest.raises(RegistryError, match=r"facts\.json"):
            Facts.load(path)
    with pytest.raises(RegistryError, match="cannot be read"):
        Facts.load(tmp_path / "missing.json")


def test_record_and_its_text_agree():
    given = record(5, owner=Owner.create().public)
    text = given.to_text()
    again = Record.from_text(text, given.vector)
    assert again.to_text() == text
    assert again.to_json() == given.to_json() and again.vector == given.vector
    assert " " not in text.split('"facts"')[0] and "橋" in text


def test_records_of_format_1_are_read_as_they_were():
    old = record(1, format=1)
    assert {"rendition", "signature"}.isdisjoint(old.to_json())
    assert Record.from_text(old.to_text(), old.vector).to_text() == old.to_text()


@pytest.mark.parametrize(
    "changes",
    [{"registered": "2027-01-02T03:04:05Z"}, {"facts": Facts(caption="Another.")}, {"identity": "0" * 16},
     {"rendition": rendition(2)}, {"original": record(2).original}],
)  # fmt: skip
def test_owner_signs_the_whole_record(changes):
    signed = record(1, rendition=rendition(1)).signed(Owner.create())
    again = Record.from_text(signed.to_text(), signed.vector)
    assert again.to_text() == signed.to_text() and again.rendition.file is None
    assert again.signature_state() == "valid"
    assert replace(again, **changes).signature_state() == "invalid"
    assert record(1).signature_state() == "absent" == signed.signed(None).signature_state()


def test_a_record_keeps_the_signature_of_a_mark_and_other_records_stay_readable_by_older_versions():
    kept = record(1, mark_signature=bytes(range(64)), format=3).signed(Owner.create())
    again = Record.from_text(kept.to_text(), kept.vector)
    assert again.mark_signature == bytes(range(64)) and again.signature_state() == "valid"
    assert replace(again, mark_signature=bytes(64)).signature_state() == "invalid"
    assert "mark_signature" not in record(1).to_json() and record(1).to_json()["format"] == 2
    for wrong in ({"mark_signature": bytes(64)}, {"format": 3}):
        with pytest.raises(RegistryError, match="format 3"):
            record(1, **wrong)


def test_signature_of_a_picture_is_none_of_a_record():
    owner, unsigned = Owner.create(), record(1)
    text = replace(unsigned, owner=owner.public).to_text().encode()
    taken = replace(unsigned, owner=owner.public, signature=owner.sign(text))
    assert taken.signature_state() == "invalid"


def test_rendition_is_reduced_and_checked():
    photo = skimage.data.astronaut()
    kept = render(photo, 300)
    assert kept.size == (300, 300) and kept.image(kept.file).shape == (300, 300, 3)
    assert render(photo).size == (512, 512) and psnr_db(photo, render(photo).image(render(photo).file)) > 35
    for broken in (None, kept.file[:-9], render(photo, 301).file):
        with pytest.raises(RegistryError, match="rendition"):
            kept.image(broken)


@pytest.mark.parametrize("damage", [("{", ""), ('"format":2', '"format":3'), ('"size"', '"sighs"')])
def test_damaged_text_is_reported(damage):
    with pytest.raises(RegistryError, match="record"):
        Record.from_text(record(5).to_text().replace(*damage, 1), record(5).vector)


def test_hashes_have_to_be_hashes():
    good = record(1).original
    for changes in ({"pixels": "12"}, {"perceptual": "G" * 16}, {"file": "A" * 64}):
        with pytest.raises(RegistryError, match=next(iter(changes))):
            Copy(**(vars(good) | changes))
    with pytest.raises(RegistryError, match="identity"):
        record(1, identity="12")
    with pytest.raises(RegistryError, match="vector"):
        record(1, embedding=None)


@pytest.mark.parametrize("text", ["", "3", "3:" + "0" * 63, "-1:" + "0" * 64, "3:" + "G" * 64])
def test_what_is_no_head_is_refused(text):
    with pytest.raises(RegistryError, match="COUNT:HASH"):
        Head.parse(text)


def test_pixel_and_perceptual_hash_tell_pictures_apart():
    photo = skimage.data.astronaut()
    darker = np.clip(photo.astype(np.int16) - 9, 0, 255).astype(np.uint8)
    assert pixel_hash(photo) == pixel_hash(photo.copy()[::1]) != pixel_hash(darker)
    assert pixel_hash(photo.astype(np.uint16)) != pixel_hash(photo)
    turned = np.ascontiguousarray(photo.transpose(1, 0, 2))
    bits = [int(perceptual_hash(image), 16) for image in (photo, darker, turned)]
    assert (bits[0] ^ bits[1]).bit_count() <= 4
    assert (bits[0] ^ bits[2]).bit_count() > 16
