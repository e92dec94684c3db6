"""Parts of a picture whose JPEG blocks lie on another grid than those of the rest.

A window whose tiles vote for a phase that is not the picture's (`blocks`) was compressed elsewhere, and put
here. Without a foreign grid a window's votes for one phase are binomial, which bounds the number of false
alarms (a contrario). After ZERO (Nikoukhah et al., IPOL 2021).
"""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.judging.classical.blocks import WINDOW, strength, window_sums
from underdrawing.judging.classical.evidence import Evidence, to_pixels
from underdrawing.judging.classical.view import View

_STEP = 3
"""Of windows, in tiles."""
_LEAST_SCORE = 3.0
"""-log10 of the number of windows that would be found in a picture without a foreign grid."""
_INNOCENT = (
    "Collages, logos and captions pasted by a layout program have grids of their own; so have screenshots "
    "that show a JPEG picture."
)
_ABSENT = (
    "This proves nothing: scaling and strong compression after an edit remove the traces, and one inserted "
    "part in 64 has the right grid by chance."
)


def jpeg_grid(view: View) -> Evidence:
    """Evidence from the JPEG grids in a picture. Score: -log10 of the expected false alarms."""
    grid = view.grid
    main = None if grid.origin is None else 8 * grid.origin[0] + grid.origin[1]
    phase, score, cells = _foreign(grid.votes, main)
    whole = "no JPEG grid" if grid.origin is None else f"one at {_offset(grid.origin)}"
    if score >= _LEAST_SCORE:
        share = float((cells > 0).mean())
        sentence = (
            f"A part ({100 * share:.0f} % of the picture) has a JPEG grid at {_offset(divmod(phase, 8))}, "
            f"the rest {whole}: it was compressed elsewhere before it came here."
        )
        return Evidence(True, sentence, _INNOCENT, score, to_pixels(cells, view.plane.shape))
    if grid.origin is None:
        sentence = "No trace of JPEG blocks was found anywhere in the picture."
    elif grid.origin == (0, 0):
        sentence = "All blocks of JPEG compression that were found lie on one grid, that of the picture."
    else:
        sentence = (
            f"All blocks of JPEG compression lie on one grid at {_offset(grid.origin)}: the picture was "
            "compressed, and cropped or turned later."
        )
    return Evidence(False, sentence, _ABSENT, max(score, 0.0))


def _foreign(votes: np.ndarray, main: int | None) -> tuple[int, float, np.ndarray]:
    """The phase, other than the main one, that a window votes for most clearly; its score; and the share of
    its votes around each tile, (h, w) float32, 0 outside the windows that agree on it."""
    window = min(WINDOW, *votes.shape)
    others = [phase for phase in range(64) if main is None or not _congruent(phase, main)]
    total = window_sums(votes >= 0, window)
    coarse = total[::_STEP, ::_STEP]
    strongest = [
        float(strength(window_sums(votes == phase, window)[::_STEP, ::_STEP], coarse).max())
        for phase in others
    ]
    phase, tests = others[int(np.argmax(strongest))], np.log10(len(others) * total.size)
    score = max(strongest) - tests
    agreed = strength(window_sums(votes == phase, window), total) - tests >= _LEAST_SCORE
    covered = cv2.dilate(
        np.pad(agreed.astype(np.uint8), ((window - 1, 0), (window - 1, 0))),
        np.ones((window, window), np.uint8),
        anchor=(0, 0),
    )
    return phase, float(score), _shares(votes, phase) * covered


def _shares(votes: np.ndarray, phase: int) -> np.ndarray:
    """Share of a phase among the votes near each tile."""
    own = cv2.blur((votes == phase).astype(np.float32), (3, 3))
    return own / np.maximum(cv2.blur((votes >= 0).astype(np.float32), (3, 3)), 1e-6)


def _congruent(phase: int, main: int) -> bool:
    """Whether two phases are equal modulo 4: codecs with blocks of 4 px (WebP, AVIF) prefer all of these."""
    return (phase - main) % 4 == 0 and (phase // 8 - main // 8) % 4 == 0


def _offset(origin: tuple[int, int]) -> str:
    return f"offset ({origin[1]}, {origin[0]})"
