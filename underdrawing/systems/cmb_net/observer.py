"""Sentences about pictures of which the truth is known: what an observer could write, with errors.

A sentence names at most a place of a 3x3 grid, a size, and what seems to have been done. Nothing else of the
mask enters it, and these are wrong or missing as often as `Observer` has it, in both classes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from underdrawing.judging.picture_words import ANY, COLUMNS, ROWS, SIZES, SUSPICIONS, place_of

OPENINGS = ("There seems to be a", "I suspect a", "Possibly manipulated: a", "The picture shows a")
NOTHING = ("Nothing looks manipulated.", "The picture looks consistent.", "No suspicious area.")

WHOLE = np.array([0, 0, 1, 1], np.float32)
"""Extent of a picture that is not a part of another."""


@dataclass(frozen=True)
class Observer:
    """Rates of errors and omissions, each in [0, 1]."""

    silent: float = 0.4
    """Pictures without any text."""
    missed: float = 0.2
    """Manipulated pictures that the text calls consistent."""
    alarmed: float = 0.2
    """Authentic pictures in which the text suspects something, anywhere."""
    misplaced: float = 0.2
    """Suspicions whose place is one of the eight others."""
    mistaken: float = 0.3
    """Suspicions whose kind is another."""
    omitted: float = 0.3
    """Suspicions without a size, and without a kind."""


CAREFUL = Observer(*(0.0 for _ in fields(Observer)))
"""Makes no error: a bound on what a text can contribute."""
MISLEADING = Observer(silent=0.0, missed=0.5, alarmed=1.0, misplaced=1.0, mistaken=1.0, omitted=0.0)
"""Is wrong about every picture."""


@dataclass(frozen=True)
class Statement:
    """What is written about one picture."""

    text: str
    """Empty: nothing."""
    right: bool
    """Whether place and class are those of the truth; False without text."""


def observe(
    region: np.ndarray, kind: str, extent: np.ndarray, observer: Observer, rng: np.random.Generator
) -> Statement:
    """A sentence about a whole picture.

    region: (h, w) share of manipulated pixels in the part of it that is at hand; kind: of the manipulation;
    extent: x0, y0, x1, y1 of that part in the picture, in [0, 1].
    """
    if rng.random() < observer.silent:
        return Statement("", False)
    manipulated = bool((region > 0.5).any())
    if rng.random() >= (1 - observer.missed if manipulated else observer.alarmed):
        return Statement(str(rng.choice(NOTHING)), not manipulated)
    if not manipulated:
        place, size = int(rng.integers(9)), int(rng.integers(3))
        return Statement(sentence(place, size, str(rng.choice(sorted(SUSPICIONS))), rng), False)
    place, size = place_of(region, extent)
    misplaced = rng.random() < observer.misplaced
    if misplaced:
        place = (place + int(rng.integers(1, 9))) % 9
    if rng.random() < observer.mistaken:
        kind = str(rng.choice(sorted(set(SUSPICIONS) - {kind})))
    size = 1 if rng.random() < observer.omitted else size
    kind = "" if rng.random() < observer.omitted else kind
    return Statement(sentence(place, size, kind, rng), not misplaced)


def sentence(place: int, size: int, kind: str, rng: np.random.Generator) -> str:
    """Such as "I suspect a small pasted object at the top left."; no kind for "" or one without phrases."""
    what = str(rng.choice(SUSPICIONS.get(kind, (ANY,))))
    row, column = (str(rng.choice(names[i])) for names, i in ((ROWS, place // 3), (COLUMNS, place % 3)))
    return f"{rng.choice(OPENINGS)} {SIZES[size]} {what} at the {row} {column}.".replace("  ", " ")
