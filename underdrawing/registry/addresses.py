"""Registry URLs: the option `vectors`, and the URL without its password."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote


def split_vectors(url: str) -> tuple[str, str | None]:
    """A registry URL without the option `vectors`, and the value of that option, or None."""
    address, _, query = url.partition("?")
    options = query.split("&") if query else []
    chosen = [unquote(option.partition("=")[2]) for option in options if option.startswith("vectors=")]
    others = "&".join(option for option in options if not option.startswith("vectors="))
    return address + ("?" + others if others else ""), chosen[-1] if chosen else None


def without_password(url: str | Path) -> str:
    """A registry's path or URL without its password, for messages."""
    shown = re.sub(r"(://[^/@:]*):[^/@]*@", r"\1@", str(url))
    return re.sub(r"(?<=[?&])((?:ssl)?password)=[^&]*", r"\1=...", shown)
