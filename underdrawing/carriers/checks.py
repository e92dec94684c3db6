"""Checks of the arguments of a carrier, with the errors that core.interfaces.Carrier names."""

from __future__ import annotations

import numpy as np

from underdrawing.core.errors import CapacityError, CodeError, ShapeError, UsageError


def checked_picture(image_u8: np.ndarray) -> None:
    """ShapeError where this is no (H, W, 3) uint8 picture."""
    if image_u8.ndim != 3 or image_u8.shape[2] != 3 or image_u8.dtype != np.uint8:
        raise ShapeError(f"expected a picture (H, W, 3) uint8, got {image_u8.shape} {image_u8.dtype}")


def checked_message(bits: np.ndarray, room: int, name: str) -> None:
    """CodeError where these are no bits, CapacityError where they are none or more than `room`."""
    if bits.ndim != 1 or bits.dtype != np.uint8 or (bits > 1).any():
        raise CodeError(f"expected a one-dimensional uint8 array of 0 and 1, got {bits.shape} {bits.dtype}")
    checked_count(len(bits), room, name)


def checked_count(count: int | None, room: int, name: str) -> None:
    """CapacityError where `count` is not between 1 and `room`, UsageError where it is not given."""
    if count is None:
        raise UsageError(f"{name} does not say how long a message is: give the number of its bits")
    if not 0 < count <= room:
        raise CapacityError(f"{name} carries 1 to {room} bits in a picture of this kind, got {count}")
