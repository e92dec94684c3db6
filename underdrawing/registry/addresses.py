"""Registries' URLs: the option that says where vectors are looked for, and how a URL is shown."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote


def split_vectors(url: str) -> tuple[str, str | None]:
    """A registry's URL without the option `vectors`, and its value. Other options stay as they are."""
    address, _, query = url.partition("?")
    options = query.split("&") if query else []
    chosen = [unquote(option.partition("=")[2]) for option in options if option.startswith("vectors=")]
    others = "&".join(option for option in options if not option.startswith("vectors="))
    return address + ("?" + others if others else ""), chosen[-1] if chosen else None


def without_password(url: str | Path) -> str:
    """A registry's address as messages show it."""
    shown = re.sub(r"(://[^/@:]*):[^/@]*@", r"\1@", str(url))
    return re.sub(r"(?<=[?&])((?:ssl)?password)=[^&]*", r"\1=...", shown)
