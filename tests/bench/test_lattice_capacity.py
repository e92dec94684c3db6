"""The study of the lattice's capacity on one photograph."""

from PIL import Image
from skimage import data

from underdrawing.bench.harness.run import Run
from underdrawing.bench.studies import lattice_capacity


def test_capacity_falls_with_compression(tmp_path, monkeypatch):
    for name in lattice_capacity.PROTOCOL.quality_sets:
        (tmp_path / name).mkdir()
        Image.fromarray(data.astronaut()).save(tmp_path / name / "photo.png")
    channels = [channel for channel in lattice_capacity.CHANNELS if channel.name in ("none", "jpeg50")]
    monkeypatch.setattr(lattice_capacity, "CHANNELS", channels)
    lattice_capacity.run(Run(tmp_path / "results", tmp_path, only=["256"]))
    figures = lattice_capacity.STUDY.store(tmp_path / "results").figures
    for layer in lattice_capacity.LAYERS:
        assert figures[f"bits/256/none/{layer}"]["mean"] > figures[f"bits/256/jpeg50/{layer}"]["mean"] >= 0
    assert 30 < figures["container/256/psnr_db"]["mean"] < 50
