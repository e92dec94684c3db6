"""The table of carriers, on a stand-in that flips known bits."""

from types import SimpleNamespace

import numpy as np
from PIL import Image
from skimage import data

from underdrawing.bench.studies import carriers
from underdrawing.carriers.carrier import Reading
from underdrawing.core.errors import CapacityError
from underdrawing.ops.protection import Protection


class Forgetful:
    """Keeps its message in itself and misreads one bit in ten of what was compressed."""

    name = "forgetful"

    def capacity_bits(self, image_u8):
        return 40

    def embed(self, image_u8, bits):
        self.bits, self.protected = bits, image_u8 // 2 * 2
        return Protection.between(image_u8, self.protected)

    def read(self, received_u8, count):
        wrong = np.zeros(count, np.uint8)
        wrong[: count // 10] = not np.array_equal(received_u8, self.protected)
        return Reading(1.0 - 2.0 * (self.bits ^ wrong), None)


def test_means_are_over_photographs_with_room(tmp_path):
    folder = tmp_path / "kodak24"
    folder.mkdir()
    for name in "ab":
        Image.fromarray(data.astronaut()).save(folder / f"{name}.png")

    def refuse(image_u8, bits):
        raise CapacityError("no room")

    full = SimpleNamespace(name="full", capacity_bits=lambda image_u8: 8, embed=refuse)
    table = carriers.measure({"forgetful": Forgetful(), "full": full}, {"other": "why"}, tmp_path, 2)
    figures = table["figures"]["forgetful"]
    assert figures["bits"] == 40 and figures["photos"] == 2 and 45 < figures["psnr_db"] < 60
    assert figures["none/bit_accuracy"] == figures["none/whole_message"] == 1
    assert figures["jpeg70/bit_accuracy"] == 0.9 and figures["jpeg70/whole_message"] == 0
    assert table["figures"]["full"] == {"photos": 0, "least_bits": 0}
    assert table["absent"] == {"other": "why"} and table["photos"] == 2
