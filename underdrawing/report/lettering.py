"""Text layout: text of any script for one font, without invisible characters.

text -> drawable: missing glyphs and control characters are replaced by codes: [U+4E2D U+6587]
     -> wrapped: broken into lines of a maximum width
     -> visual_order: each line in visual order: Hebrew and Arabic run from right to left

Unicode's bidirectional algorithm (UAX 9) without explicit marks, which `drawable` makes visible;
Arabic is joined by Unicode's presentation forms.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache

Has = Callable[[str], bool]
"""Whether the font has a glyph for a character."""
Width = Callable[[str], float]
"""Of a line, in points."""
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_ZWNJ, _ZWJ = "\u200c", "\u200d"  # significant in Arabic script: they separate or join letters
_LAM = "\u0644"
_FARTHEST = 8  # maximum number of combining marks between two joined letters
_MIRRORED = dict(zip("()[]{}<>«»‹›≤≥", ")(][}{><»«›‹≥≤", strict=True))


def drawable(text: str, has: Has) -> str:
    """Replace characters that cannot be drawn by codes; the text in NFC with Arabic presentation forms."""
    pieces: list[str] = []
    missing: list[str] = []
    letters = unicodedata.normalize("NFC", text)
    for place, letter in enumerate(letters):
        around = letters[max(0, place - 1) : place] + letters[place + 1 : place + 2]
        if letter in _ZWNJ + _ZWJ and any(map(_forms().__contains__, around)):
            visible = True
        else:
            visible = letter == "\n" or (has(letter) and unicodedata.category(letter) not in _INVISIBLE)
        if not visible:
            missing.append(f"U+{ord(letter):04X}")
            continue
        pieces += [_coded(missing), letter]
        missing = []
    return _joined("".join([*pieces, _coded(missing)]), has)


def wrapped(text: str, width: float, measure: Width) -> list[str]:
    """Break text into lines of at most `width` points, at spaces, and within longer words."""
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if measure(longer) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            *full, line = _broken(word, width, measure)
            lines += full
        lines.append(line)
    return lines


def is_leftward(text: str) -> bool:
    """Whether the base direction is right to left: that of the first strong character. UAX 9, P2, P3."""
    kinds = map(unicodedata.bidirectional, text)
    return next((kind != "L" for kind in kinds if kind in ("L", "R", "AL")), False)


def visual_order(line: str, leftward: bool) -> str:
    """Reorder a line into visual order, left to right. leftward: `is_leftward` of its paragraph."""
    kinds = [unicodedata.bidirectional(letter) for letter in line]
    if not {"R", "AL", "AN"} & set(kinds):
        return line
    base = "R" if leftward else "L"
    kinds = _resolved(kinds, base)
    _pair_brackets(line, kinds, base)
    levels = _levels(_neutral(kinds, base), leftward)
    units = [
        (_MIRRORED.get(letter, letter) if level % 2 else letter, level)
        for letter, level in zip(line, levels, strict=True)
    ]
    clusters: list[tuple[str, int]] = []
    for letter, level in units:  # a combining mark stays after its base character
        if clusters and unicodedata.combining(letter):
            clusters[-1] = clusters[-1][0] + letter, clusters[-1][1]
        else:
            clusters.append((letter, level))
    for lowest in range(max(levels), 0, -1):
        clusters = _turned(clusters, lowest)
    return "".join(text for text, _ in clusters)


def _coded(missing: list[str]) -> str:
    return f"[{' '.join(missing)}]" if missing else ""


def _broken(word: str, width: float, measure: Width) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and measure(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _resolved(kinds: list[str], base: str) -> list[str]:
    """Resolve weak types to L, R, EN, AN, or the original type. UAX 9, W1 to W7."""
    found, before, strong = [], base, base
    for kind in kinds:
        kind = before if kind == "NSM" else kind
        if kind in ("L", "R", "AL"):
            strong = kind
        elif kind == "EN" and strong == "AL":
            kind = "AN"
        found.append(kind)
        before = kind
    for place in range(1, len(found) - 1):  # W4: a single separator between digits
        left, right = found[place - 1], found[place + 1]
        joins = {"CS": ("EN", "AN"), "ES": ("EN",)}.get(found[place], ())
        if left == right and left in joins:
            found[place] = left
    for places, step in ((range(1, len(found)), 1), (range(len(found) - 2, -1, -1), -1)):
        for place in places:  # W5: terminators as the per cent sign
            if found[place] == "ET" and found[place - step] == "EN":
                found[place] = "EN"
    strong = base
    for place, kind in enumerate(found):  # W7: a number after L becomes L
        strong = kind if kind in ("L", "R", "AL") else strong
        found[place] = {"AL": "R", "EN": "L" if strong == "L" else "EN"}.get(kind, kind)
    return found


def _pair_brackets(line: str, kinds: list[str], base: str) -> None:
    """Set both brackets of a pair to the direction of their content, in place. UAX 9, N0."""
    pairs: list[tuple[int, int]] = []
    waiting: list[int] = []
    for place, letter in enumerate(line):
        if letter in "([{":
            waiting.append(place)
        elif letter in ")]}":
            fitting = [n for n, start in enumerate(waiting) if _MIRRORED[line[start]] == letter]
            if fitting:
                pairs.append((waiting[fitting[-1]], place))
                del waiting[fitting[-1] :]
    for start, end in sorted(pairs):
        inside = {_side(kind) for kind in kinds[start + 1 : end]} - {""}
        before = next((_side(kind) for kind in reversed(kinds[:start]) if _side(kind)), base)
        if inside:
            kinds[start] = kinds[end] = base if base in inside else before


def _neutral(kinds: list[str], base: str) -> list[str]:
    """Resolve neutral types by both neighbours or the base direction. UAX 9, N1 and N2."""
    found = list(kinds)
    place = 0
    while place < len(found):
        end = place
        while end < len(found) and not _side(found[end]):
            end += 1
        if end > place:
            left = _side(found[place - 1]) if place else base
            right = _side(found[end]) if end < len(found) else base
            found[place:end] = [left if left == right else base] * (end - place)
        place = end + 1
    return found


def _side(kind: str) -> str:
    """L, R, or an empty string for neutral types; numbers count as R (UAX 9, N1)."""
    return {"L": "L", "R": "R", "EN": "R", "AN": "R"}.get(kind, "")


def _levels(kinds: list[str], leftward: bool) -> list[int]:
    """Embedding levels. UAX 9, I1 and I2."""
    raised = {"L": 2 if leftward else 0, "R": 1, "EN": 2, "AN": 2}
    return [raised[kind] for kind in kinds]


def _turned(clusters: list[tuple[str, int]], lowest: int) -> list[tuple[str, int]]:
    """Reverse every run of at least this level. UAX 9, L2."""
    turned: list[tuple[str, int]] = []
    run: list[tuple[str, int]] = []
    for cluster in clusters:
        if cluster[1] >= lowest:
            run.append(cluster)
            continue
        turned += [*reversed(run), cluster]
        run = []
    return [*turned, *reversed(run)]


# --- Arabic -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _forms() -> dict[str, dict[str, str]]:
    """Presentation forms by letter (or lam with alef) and by position: isolated, final, initial, medial."""
    found: dict[str, dict[str, str]] = {}
    for code in (*range(0xFB50, 0xFE00), *range(0xFE70, 0xFEFD)):
        kind, *letters = unicodedata.decomposition(chr(code)).split() or [""]
        plain = "".join(chr(int(letter, 16)) for letter in letters)
        one = len(plain) == 1 or (
            len(plain) == 2 and plain[0] == _LAM and plain[1] in "\u0622\u0623\u0625\u0627"
        )
        if one and kind.strip("<>") in ("isolated", "final", "initial", "medial"):
            found.setdefault(plain, {})[kind.strip("<>")] = chr(code)
    return found


def _joined(text: str, has: Has) -> str:
    """Replace Arabic letters by the presentation forms of their context and remove joiners."""
    forms = _forms()
    if not any(letter in forms for letter in text):
        return text
    units: list[str] = []
    for letter in text:
        if units and units[-1] == _LAM and _LAM + letter in forms:
            units[-1] += letter
        else:
            units.append(letter)
    drawn = []
    for place, unit in enumerate(units):
        kinds = forms.get(unit)
        if kinds is None:
            drawn.append("" if unit in (_ZWNJ, _ZWJ) else unit)
            continue
        before = _reaches(units[max(0, place - _FARTHEST) : place][::-1], "initial")
        after = _reaches(units[place + 1 : place + 1 + _FARTHEST], "final")
        kind = {(True, True): "medial", (True, False): "final", (False, True): "initial"}.get(
            (before, after), "isolated"
        )
        if kind == "medial" and "medial" not in kinds:
            kind = "final"
        if kind == "initial" and "initial" not in kinds:
            kind = "isolated"
        form = kinds.get(kind, unit)
        drawn.append(form if has(form) else unit)
    return "".join(drawn)


def _reaches(units: list[str], needed: str) -> bool:
    """Whether the nearest letter of `units`, after combining marks, joins this one."""
    for unit in units:
        if unit == _ZWJ or unit == "\u0640":  # tatweel joins both sides
            return True
        if unit in _forms():
            return needed in _forms()[unit]
        if not unicodedata.combining(unit):
            return False
    return False
