"""Toy carrier: one bit in the lowest bit of each pixel of the first row."""

import numpy as np

from underdrawing.carriers.checks import checked_count, checked_message, checked_picture
from underdrawing.core.interfaces import Reading
from underdrawing.ops.protection import Protection


class Toy:
    name = "toy"
    tells_length = False

    def capacity_bits(self, image_u8):
        checked_picture(image_u8)
        return image_u8.shape[1]

    def embed(self, image_u8, bits):
        checked_message(bits, self.capacity_bits(image_u8), self.name)
        protected = image_u8.copy()
        protected[0, : len(bits)] = protected[0, : len(bits)] // 2 * 2 + bits[:, None]
        return Protection.between(image_u8, protected)

    def read(self, received_u8, count):
        checked_count(count, self.capacity_bits(received_u8), self.name)
        return Reading(1 - 2 * (received_u8[0, :count, 0] % 2).astype(np.float32), None)
