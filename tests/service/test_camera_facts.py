"""What a camera wrote into the file, as the answer to a verification has it."""

import resource
import struct

import pytest
from PIL import Image
from PIL.ExifTags import IFD

from underdrawing.service.camera import camera_facts


def block(tags: dict, inner: dict | None = None, place: dict | None = None) -> bytes:
    exif = Image.Exif()
    for tag, value in tags.items():
        exif[tag] = value
    for directory, values in ((IFD.Exif, inner), (IFD.GPSInfo, place)):
        if values:
            exif.get_ifd(directory).update(values)
    return exif.tobytes()


def test_maker_model_lens_time_and_place():
    where = {1: "N", 2: (53.0, 32.0, 0.0), 3: "E", 4: (9.0, 58.0, 0.0)}
    exif = block(
        {0x10F: "Canon", 0x110: "EOS R5", 0x131: "Firmware 1"},
        {0x9003: "2026:01:02 03:04:05", 0xA434: "RF24"},
        where,
    )
    assert camera_facts(exif) == {
        "maker": "Canon", "model": "EOS R5", "lens": "RF24", "software": "Firmware 1", "artist": None,
        "copyright": None, "taken": "2026-01-02 03:04:05", "place": True,
    }  # fmt: skip


def test_nothing_and_hostile_blocks():
    assert camera_facts(None) is None and camera_facts(b"") is None
    assert camera_facts(block({0x112: 1})) is None
    facts = camera_facts(block({0x10F: "Ca\x07non" + "x" * 500, 0x132: "0000:00:00 00:00:00"}))
    assert facts["maker"].startswith("Canonx") and len(facts["maker"]) == 100 and facts["taken"] is None
    whole = block(
        {0x10F: "Canon", 0x110: "EOS R5"}, {0xA434: "RF24"}, {2: (1.0, 2.0, 3.0), 4: (1.0, 2.0, 3.0)}
    )
    for length in range(len(whole)):
        camera_facts(whole[:length])


@pytest.mark.parametrize("position", range(6, 60))
def test_damage_is_no_error(position):
    whole = bytearray(block({0x10F: "Canon", 0x110: "EOS R5"}, {0xA434: "RF24"}, {2: (1.0, 2.0, 3.0)}))
    for value in (0, 0x7F, 0xFF):
        whole[position] = value
        camera_facts(bytes(whole))


def test_a_block_whose_tags_share_its_bytes_costs_no_memory():
    tags = b"".join(struct.pack("<HHII", number, 7, 1 << 20, 0) for number in range(4000))
    hostile = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 4000) + tags + bytes(1 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    camera_facts(hostile)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10
