"""The 1,000 classes of ImageNet (ILSVRC 2012), in their usual order, and the label that a mark records.

Names are of WordNet, the first of each synset; two that would be alike have a word more (labels.txt).
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import NamedTuple

from underdrawing.core.errors import UsageError

_FILE = Path(__file__).with_name("labels.txt")
CONFIDENCES = (0.1, 0.3, 0.5, 0.7, 0.85, 0.93, 0.98)
"""A classifier's confidence is recorded as the nearest of these."""


class Label(NamedTuple):
    """What a picture shows."""

    number: int
    """Of the class, from 0."""
    confidence: float | None = None
    """Of the classifier, one of CONFIDENCES once recorded; None for a label that somebody named."""


@cache
def label_names() -> tuple[str, ...]:
    """Names by index."""
    return tuple(_FILE.read_text(encoding="utf-8").splitlines())


def named_label(text: str) -> Label:
    """The label of a name, in any case, or of an index. UsageError, with similar names, for others."""
    names, wanted = label_names(), " ".join(text.replace("_", " ").split()).lower()
    if wanted.isdecimal() and int(wanted) < len(names):
        return Label(int(wanted))
    lower = [name.lower() for name in names]
    if wanted in lower:
        return Label(lower.index(wanted))
    similar = [names[lower.index(name)] for name in get_close_matches(wanted, lower)]
    hint = f"; similar: {', '.join(similar)}" if similar else ""
    raise UsageError(
        f"expected auto, a class of ImageNet, or its index from 0 to {len(names) - 1}, got {text!r}{hint}"
    )
