"""Text as the network reads it: a hashed bag of words, without vocabulary and without PyTorch.

    text -> words in lower case, without repetitions and function words -> signs (WORDS, CODE), presence

The code of a word is 64 bits of its BLAKE2b hash as +1 and -1. Two words have nearly orthogonal codes, so one
linear layer can give every word of the training a meaning of its own; others add noise.
"""

from __future__ import annotations

import hashlib
import re

import numpy as np

WORDS = 40
"""Words that are read; later ones are left out."""
CODE = 64
"""Length of the code of a word."""
FUNCTION_WORDS = frozenset(
    {
        *(
            "a",
            "an",
            "and",
            "are",
            "as",
            "at",
            "be",
            "been",
            "by",
            "for",
            "from",
            "has",
            "have",
            "i",
            "in",
            "is",
        ),
        *(
            "it",
            "its",
            "of",
            "on",
            "or",
            "that",
            "the",
            "there",
            "this",
            "to",
            "was",
            "were",
            "which",
            "with",
        ),
    }
)
"""Left out: they carry nothing that can be related to a place of a picture."""


def words_of(text: str) -> list[str]:
    """The words that are read, in order."""
    found = dict.fromkeys(re.findall(r"[^\W_]+", text.lower()))
    return [word for word in found if word not in FUNCTION_WORDS][:WORDS]


def encode(text: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Codes (WORDS, CODE) float32 of -1, 0, 1; presence (WORDS,) float32 of 0 or 1. Zeros without text."""
    codes, present = np.zeros((WORDS, CODE), np.float32), np.zeros(WORDS, np.float32)
    for place, word in enumerate(words_of(text or "")):
        digest = hashlib.blake2b(word.encode(), digest_size=CODE // 8).digest()
        codes[place] = 2.0 * np.unpackbits(np.frombuffer(digest, np.uint8)) - 1
        present[place] = 1
    return codes, present
