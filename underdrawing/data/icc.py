"""Colour profiles from code points (ITU-T H.273), for formats that have no place for those."""

from __future__ import annotations

import struct

import numpy as np

from underdrawing.data.picture import Cicp

_PRIMARIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
"""x and y of red, green and blue of BT.709, BT.2020 and P3 (H.273, table 2); white is D65."""
_D65 = (0.3127, 0.3290)
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_BT709 = (1, 6, 14, 15)
_SRGB = 13
_CURVE_POINTS = 1024


def icc_of_cicp(cicp: Cicp) -> bytes | None:
    """An ICC profile (version 2.4, matrix and curve); None for other primaries, and for the transfer
    functions of HDR, whose levels no such profile describes."""
    curve = _curve(cicp.transfer)
    if cicp.primaries not in _PRIMARIES or curve is None:
        return None
    columns = _to_d50(_PRIMARIES[cicp.primaries])
    name = f"H.273 {cicp.primaries}/{cicp.transfer}".encode() + b"\0"
    description = b"desc" + bytes(4) + struct.pack(">I", len(name)) + name + bytes(78)
    tags = {b"desc": description, b"cprt": b"text" + bytes(4) + b"No copyright\0", b"wtpt": _xyz(_D50)}
    tags |= {key: _xyz(column) for key, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns.T, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    places: dict[bytes, int] = {}
    table, data, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for key, body in tags.items():
        if body not in places:
            places[body] = start + len(data)
            data += body + bytes(-len(body) % 4)
        table += struct.pack(">4sII", key, places[body], len(body))
    size = start + len(data)
    head = struct.pack(">I4xI", size, 0x02400000) + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    return (head + _xyz(_D50)[8:]).ljust(128, b"\0") + table + data


def _to_d50(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    """XYZ of the primaries in the columns of a matrix, adapted to D50."""

    def column(x: float, y: float) -> list[float]:
        return [x / y, 1, (1 - x - y) / y]

    matrix = np.array([column(*point) for point in primaries]).T
    white = np.array(column(*_D65))
    matrix = matrix * np.linalg.solve(matrix, white)
    gain = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return np.linalg.solve(_BRADFORD, gain[:, None] * (_BRADFORD @ matrix))


def _curve(transfer: int) -> bytes | None:
    """The curve from code values to light."""
    if transfer in _GAMMAS:
        return b"curv" + bytes(4) + struct.pack(">IH", 1, round(_GAMMAS[transfer] * 256))
    value = np.linspace(0, 1, _CURVE_POINTS)
    if transfer == _SRGB:
        light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    elif transfer in _BT709:
        light = np.where(value < 0.081, value / 4.5, ((value + 0.099) / 1.099) ** (1 / 0.45))
    else:
        return None
    points = np.round(light * 65535).astype(">u2").tobytes()
    return b"curv" + bytes(4) + struct.pack(">I", _CURVE_POINTS) + points


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(value) * 65536) for value in values))
