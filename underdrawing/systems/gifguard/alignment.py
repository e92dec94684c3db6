"""Where in the marked frame a received one lies, and what undoes its channel, without PyTorch.

    the whole, as received, repaired (ops.restoration) or shifted a little --> energy ratio --> the best one
    every height and width of a crop --> z on the canvas --FFT correlation with the pilots--> best offsets
    best offsets --> energy ratio of all groups --> the best one, refined

The crops are searched where nothing else shows a mark. The energy ratio without a mark, or of a wrong window,
is 1 +- .12 for 140 groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np

from underdrawing.carriers.frame_patterns import aligned_mean, assigned, energy_ratio
from underdrawing.ops.restoration import unblurred, without_outliers
from underdrawing.ops.window import SIDE, Window
from underdrawing.systems.gifguard.spread_code import SpreadCode

PRESENT = 1.9
"""Energy ratio from which a mark is taken as present: windows of unmarked pictures reach 1.6 at most."""
_LEAST_REPAIRED, _LEAST_SHIFTED = 1.3, 1.6
"""Energy ratios from which a repair, or the best shift, is taken: unmarked pictures reach 1.23 and 1.5."""
_MORE = 0.2  # of these where there are more frames than one: each may have any pattern
_CLEARER = 1.15  # ratio of what is left without outliers, over that of all, from which they are left out
_LARGEST_BLURRED = 320  # longer side of a frame that a blur of few pixels harms, px
_SHIFTS = tuple((down / SIDE, right / SIDE) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right)
_SQUARE = tuple((share, share) for share in 0.975 ** np.arange(27))  # sides of a crop, down to half
_SCALES = 0.96 ** np.arange(14)  # as above, of crops of another aspect
_OTHERS = tuple((h, w) for h in _SCALES for w in _SCALES if h != w and max(h / w, w / h) < 1.4)
_CANDIDATES, _REFINED, _LEAST_RATIO = 40, 4, 1.2  # windows that are rated, refined, and their least ratio
_STEPS = ((0.008, 0.006), (0.004, 0.003), (0.002, 0.0015))  # of offsets and sides, rounds of the refinement


@dataclass(frozen=True)
class Alignment:
    """How received frames are read."""

    window: Window
    ratio: float
    """Energy ratio, see PRESENT."""
    repair: Callable[[np.ndarray], np.ndarray] = np.asarray

    def placed(self, frame: np.ndarray) -> np.ndarray:
        """As Window.placed, repaired."""
        return self.window.placed(self.repair(frame))


def least_present(frames: int) -> float:
    """Energy ratio of so many frames from which a mark is taken as present."""
    return PRESENT + _MORE * (frames > 1)


def suppressed(code: SpreadCode, intensity: np.ndarray, window: Window) -> np.ndarray:
    """z (..., SIDE, SIDE) of the means of R, G and B on the canvas, zero outside of the window."""
    z = code.suppressed(code.band(intensity))
    return z if window == Window() else z * window.mask()


def patterns_of(code: SpreadCode, z: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, float]:
    """The pattern of each frame of z (T, SIDE, SIDE), and the energy ratio of their mean. numbers: (T,)."""
    signed = code.signed(z)
    of = assigned(signed, code.patterns, code.sums, numbers)
    return of, energy_ratio(aligned_mean(signed, code.patterns, of), code.sums)


def align(
    code: SpreadCode, frames: np.ndarray, numbers: np.ndarray, is_word: Callable[[Alignment], bool]
) -> Alignment:
    """Of received frames (T, H, W, 3) uint8 of these numbers; the whole as it is where no mark is found.

    is_word: whether what is read so is a word of the code of identities: in texture that tells more than the
    energy. Asked of the whole, two repairs, a shift and a crop, which multiplies its false accepts by five.
    """

    def ratio(window: Window, of: np.ndarray | None = None) -> float:
        canvas = np.stack([window.placed(frame) for frame in (gray if of is None else of)])
        every = -(-len(gray) // len(canvas))
        return patterns_of(code, suppressed(code, canvas, window), numbers[::every])[1]

    gray, present = _gray(frames), least_present(len(frames))
    by_ratio, whole = attrgetter("ratio"), Alignment(Window(), ratio(Window()))
    outliers = Alignment(Window(), ratio(Window(), _gray(map(without_outliers, frames))), without_outliers)
    if max(whole, outliers, key=by_ratio).ratio >= present:
        return outliers if outliers.ratio > _CLEARER * whole.ratio else whole
    undone = [(outliers, _LEAST_REPAIRED), *_undone(frames, ratio)]
    clear = [found for found, least in undone if found.ratio - present >= least - PRESENT]
    near = max([whole, *clear], key=by_ratio)
    if near.ratio >= present:
        return near
    for found in sorted([whole, *(found for found, _ in undone)], key=by_ratio, reverse=True):
        if is_word(found):
            return found
    best, most = Window(), whole.ratio
    picture, few = gray.mean(0), gray[::2]  # motion blurs the scene and leaves the pilots
    for shapes in (_SQUARE, _OTHERS):
        rated = [(ratio(window, few), window) for window in _shortlist(code, picture, shapes)]
        for value, window in sorted(rated, key=lambda entry: -entry[0])[:_REFINED]:
            if value < _LEAST_RATIO:
                break
            found, value = _refined(window, ratio)
            if value > most:
                best, most = found, value
        if most >= present:
            return Alignment(best, most)
    crop = Alignment(best, most)
    return crop if best != Window() and is_word(crop) else near


def _gray(frames: Iterable[np.ndarray]) -> np.ndarray:
    """Means of R, G and B, (T, H, W) float32."""
    return np.stack([frame.astype(np.float32).mean(-1) for frame in frames])


def _undone(frames: np.ndarray, ratio: Callable[..., float]) -> Iterator[tuple[Alignment, float]]:
    """The whole frame sharpened, and shifted by the pixel that a resize by the nearest pixel moves it; each
    with a ratio that unmarked pictures do not reach."""
    if max(frames.shape[1:3]) <= _LARGEST_BLURRED:
        value = ratio(Window(), _gray(map(unblurred, frames)))
        yield Alignment(Window(), value, unblurred), _LEAST_REPAIRED
    yield Alignment(*_refined(max((Window(*shift) for shift in _SHIFTS), key=ratio), ratio)), _LEAST_SHIFTED


def _refined(window: Window, ratio: Callable[[Window], float]) -> tuple[Window, float]:
    """A local maximum of the ratio near a window: by coordinates, with smaller and smaller steps."""
    best, most = window, ratio(window)
    for offset, side in _STEPS:
        for name, step in (("top", offset), ("left", offset), ("height", side), ("width", side)):
            for sign in (-1, 1):
                tried = replace(best, **{name: getattr(best, name) + sign * step})
                if (value := ratio(tried)) > most:
                    best, most = tried, value
    return best, most


def _shortlist(code: SpreadCode, picture: np.ndarray, shapes: Iterable[tuple[float, float]]) -> list[Window]:
    """The windows of these heights and widths whose correlation with the pilots is the clearest."""
    values = np.zeros(code.config.bits + code.config.pilots + 1, np.float32)
    values[code.config.bits : -1] = 1
    pilot = np.fft.rfft2(code.pattern(values))
    found: list[tuple[float, Window]] = []
    for height, width in shapes:
        window = Window(0.0, 0.0, float(height), float(width))
        z = suppressed(code, window.placed(picture), window)
        correlation = np.fft.irfft2(np.conj(np.fft.rfft2(z)) * pilot, (SIDE, SIDE))
        score = correlation / max(float(correlation.std()), 1e-9)
        rows, cols = (SIDE - int(SIDE * share) + 1 for share in (height, width))
        inside = score[:rows, :cols]
        for place in np.argsort(inside, axis=None)[-2:]:
            top, left = np.unravel_index(place, inside.shape)
            place_of = Window(float(top / SIDE), float(left / SIDE), float(height), float(width))
            found.append((float(inside[top, left]), place_of))
    found.sort(key=lambda entry: -entry[0])
    return [window for _, window in found[:_CANDIDATES]]
