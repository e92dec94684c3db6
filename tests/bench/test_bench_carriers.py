"""The study of carriers, on a stand-in that flips known bits."""

from types import SimpleNamespace

import numpy as np
from PIL import Image
from skimage import data

from underdrawing import zoo
from underdrawing.bench.harness.run import Run
from underdrawing.bench.studies import carriers
from underdrawing.core.errors import CapacityError
from underdrawing.core.interfaces import Reading


class Forgetful:
    """Keeps its message in itself and misreads one bit in ten of what was compressed."""

    def capacity_bits(self, image_u8):
        return 40

    def embed(self, image_u8, bits):
        self.bits, self.protected = bits, image_u8 // 2 * 2
        return SimpleNamespace(apply=lambda pixels: self.protected)

    def read(self, received_u8, count):
        wrong = np.zeros(count, np.uint8)
        wrong[: count // 10] = not np.array_equal(received_u8, self.protected)
        return Reading(1.0 - 2.0 * (self.bits ^ wrong), None)


def test_means_are_over_photographs_with_room(tmp_path, monkeypatch):
    folder = tmp_path / "kodak24"
    folder.mkdir()
    for name in "ab":
        Image.fromarray(data.astronaut()).save(folder / f"{name}.png")

    def refuse(image_u8, bits):
        raise CapacityError("no room")

    full = SimpleNamespace(capacity_bits=lambda image_u8: 8, embed=refuse)
    found = {"forgetful": Forgetful(), "full": full}
    monkeypatch.setattr(zoo, "available", lambda kind: (found, {"other": "why"}))
    carriers.run(Run(tmp_path / "results", tmp_path))
    store = carriers.STUDY.store(tmp_path / "results")
    figures = {key: value["mean"] for key, value in store.figures.items()}
    assert figures["forgetful/bits"] == 40 and 45 < figures["forgetful/psnr_db"] < 60
    assert figures["forgetful/none/bit_accuracy"] == figures["forgetful/none/whole_message"] == 1
    assert figures["forgetful/jpeg70/bit_accuracy"] == 0.9
    assert figures["forgetful/jpeg70/whole_message"] == 0
    assert figures["full/has_room"] == 0 and "full/bits" not in figures
    assert store.parts["full"]["photos"] == 2
