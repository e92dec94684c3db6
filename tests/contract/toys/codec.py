"""Toy codec: zlib."""

import zlib

import numpy as np

from underdrawing.core.errors import CodeError


class Toy:
    def encode(self, image):
        return np.array(image.shape[:2], ">u2").tobytes() + zlib.compress(image.tobytes())

    def decode(self, data):
        try:
            height, width = np.frombuffer(data[:4], ">u2")
            return np.frombuffer(zlib.decompress(data[4:]), np.uint8).reshape(height, width, 3)
        except (ValueError, zlib.error) as error:
            raise CodeError(f"not a coded image ({error})") from error
