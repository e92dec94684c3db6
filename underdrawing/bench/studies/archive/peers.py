"""Other lossless codecs of photographs, each where its package is installed: encode, decode.

Pillow has PNG, JPEG 2000 and WebP; pillow-jxl-plugin JPEG XL, imagecodecs JPEG-LS, pyoxipng oxipng.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

with suppress(ImportError):
    import pillow_jxl  # noqa: F401 - makes JPEG XL known to Pillow


@dataclass(frozen=True)
class Peer:
    """A codec of images (H, W, 3) uint8. Both functions raise ImportError where its package is missing."""

    label: str
    """In tables."""
    encode: Callable[[np.ndarray], bytes]
    decode: Callable[[bytes], np.ndarray]
    slow: bool = False


def _pillow(label: str, kind: str, slow: bool = False, **options: Any) -> Peer:
    def encode(image: np.ndarray) -> bytes:
        if kind not in Image.registered_extensions().values():
            raise ImportError(f"Pillow cannot write {kind}")
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, kind, **options)
        return buffer.getvalue()

    return Peer(label, encode, _decoded, slow)


def _decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))  # oxipng may have written it gray


def _oxipng(image: np.ndarray) -> bytes:
    import oxipng

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return oxipng.optimize_from_memory(buffer.getvalue(), level=4)


def _jpeg_ls(image: np.ndarray) -> bytes:
    """Three files, each behind its length: HP1, the first colour transform of CharLS, then a plane each."""
    import imagecodecs

    red, green, blue = (image[..., channel] for channel in range(3))
    planes = (red - green + np.uint8(128), green, blue - green + np.uint8(128))  # modulo 256
    files = [imagecodecs.jpegls_encode(np.ascontiguousarray(plane)) for plane in planes]
    return b"".join(len(file).to_bytes(4, "little") + file for file in files)


def _from_jpeg_ls(data: bytes) -> np.ndarray:
    import imagecodecs

    planes = []
    while data:
        end = 4 + int.from_bytes(data[:4], "little")
        planes.append(imagecodecs.jpegls_decode(data[4:end]))
        data = data[end:]
    red, green, blue = planes
    return np.stack([red + green - np.uint8(128), green, blue + green - np.uint8(128)], -1)


PEERS = {
    "png": _pillow("PNG, zlib 9", "PNG", compress_level=9, optimize=True),
    "oxipng": Peer("PNG, oxipng level 4", _oxipng, _decoded),
    "jpegls": Peer("JPEG-LS, colour transform HP1", _jpeg_ls, _from_jpeg_ls),
    "jpeg2000": _pillow("JPEG 2000, reversible colour transform", "JPEG2000", irreversible=False, mct=1),
    "webp": _pillow("WebP lossless, m6 q100", "WEBP", slow=True, lossless=True, method=6, quality=100),
    "jxl7": _pillow("JPEG XL, effort 7", "JXL", lossless=True, effort=7),
    "jxl9": _pillow("JPEG XL, effort 9", "JXL", slow=True, lossless=True, effort=9),
}
