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
    read = {
        place: [store.figures[f"read/256/{place}/{c.name}/content"]["mean"] for c in channels]
        for place in content_bits.PLACES
    }
    assert read["mark"][0] > 2 * read["mark"][1] > 2 * read["mark"][2] >= 0
    assert all(more > less for more, less in zip(read["registry"], read["mark"], strict=True))
    assert all(store.figures[f"read/256/{p}/jpeg70/signed"]["mean"] == 1 for p in content_bits.PLACES)
    lengths = [len(table.rows) for table in content_bits.curve_table(store)[:5]]
    assert lengths == [len(channels)] * 4 + [4]
