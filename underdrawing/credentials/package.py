"""The package c2pa, imported on demand and configured without network access."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from underdrawing.core.errors import MissingExtraError

OFFLINE = {"remote_manifest_fetch": False, "ocsp_fetch": False}
"""A received file must not cause requests to addresses in it."""
MIME = {
    "JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "AVIF": "image/avif",
    "TIFF": "image/tiff", "HEIF": "image/heic",
}  # fmt: skip
"""MIME types of the formats that can hold a manifest, by Pillow's name."""


def c2pa() -> ModuleType:
    """The package; MissingExtraError where it is not installed or cannot be loaded."""
    try:
        return importlib.import_module("c2pa")
    except (
        ImportError,
        OSError,
        RuntimeError,
    ) as error:  # the last two: its library does not fit this machine
        raise MissingExtraError(
            f'Content Credentials need c2pa-python ({error}): pip install "underdrawing[credentials]"'
        ) from error


def context(anchors: str = "", **settings: Any) -> Any:
    """A c2pa.Context that fetches nothing and trusts the certificates in `anchors` (PEM, may be empty)."""
    chosen: dict[str, Any] = {"verify": OFFLINE, "builder": {"thumbnail": {"enabled": False}}} | settings
    if anchors:
        chosen["trust"] = {"user_anchors": anchors}
    return c2pa().Context.from_dict(chosen)
