"""The study of the content bits on one photograph."""

from PIL import Image
from skimage import data

from underdrawing.bench.harness.run import Run
from underdrawing.bench.studies import content_bits


def test_fewer_bits_are_read_after_stronger_compression(tmp_path, monkeypatch):
    folder = tmp_path / content_bits.PROTOCOL.object_set
    folder.mkdir()
    Image.fromarray(data.astronaut()).save(folder / "photo.png")
    channels = [c for c in content_bits.CHANNELS if c.name in ("none", "jpeg70", "jpeg50")]
    monkeypatch.setattr(content_bits, "CHANNELS", channels)
    content_bits.run(Run(tmp_path / "results", tmp_path, only=["bits-256"]))
    store = content_bits.STUDY.store(tmp_path / "results")
    read = [store.figures[f"read/256/{name}/content"]["mean"] for name in ("none", "jpeg70", "jpeg50")]
    assert read[0] > 2 * read[1] > 2 * read[2] >= 0
    assert store.figures["read/256/jpeg70/signed"]["mean"] == 1
    assert [len(table.rows) for table in content_bits.curve_table(store)[:2]] == [
        len(content_bits.CHANNELS),
        3,
    ]
