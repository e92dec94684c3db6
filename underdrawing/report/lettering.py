"""Text layout: text of any script as one font can draw it, without invisible characters.

text -> drawable: letters that the font lacks and control characters become codes: [U+4E2D U+6587]
     -> wrapped: lines of a width
     -> visual_order: each line in visual order: Hebrew and Arabic run from right to left

Unicode's bidirectional algorithm (UAX 9) without explicit marks, which `drawable` makes visible;
Arabic is joined by Unicode's presentation forms.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache

Has = Callable[[str], bool]
"""Whether the font has a letter."""
Width = Callable[[str], float]
"""Of a line, in points."""
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_ZWNJ, _ZWJ = "\u200c", "\u200d"  # in Arabic script they are spelling: letters kept apart, or joined
_LAM = "\u0644"
_FARTHEST = 8  # so many marks may stand between two letters that join
_MIRRORED = dict(zip("()[]{}<>«»‹›≤≥", ")(][}{><»«›‹≥≤", strict=True))


def drawable(text: str, has: Has) -> str:
    """The text with a code for every letter that cannot be drawn; in composed form, Arabic joined."""
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
    """The text in lines that are at most `width` wide, broken at spaces and in words that are longer."""
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
    """Whether the first letter that has a direction runs from right to left; then the whole text does."""
    kinds = map(unicodedata.bidirectional, text)
    return next((kind != "L" for kind in kinds if kind in ("L", "R", "AL")), False)


def visual_order(line: str, leftward: bool) -> str:
    """A line in the order in which it is drawn, from left to right. leftward: `is_leftward` of its text."""
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
    for letter, level in units:  # a mark stays behind the letter that carries it
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
    """Each letter's direction: L, R, EN (a number), AN (one in Arabic), or what it was. UAX 9, W1 to W7."""
    found, before, strong = [], base, base
    for kind in kinds:
        kind = before if kind == "NSM" else kind
        if kind in ("L", "R", "AL"):
            strong = kind
        elif kind == "EN" and strong == "AL":
            kind = "AN"
        found.append(kind)
        before = kind
    for place in range(1, len(found) - 1):  # one separator between digits belongs to the number
        left, right = found[place - 1], found[place + 1]
        joins = {"CS": ("EN", "AN"), "ES": ("EN",)}.get(found[place], ())
        if left == right and left in joins:
            found[place] = left
    for places, step in ((range(1, len(found)), 1), (range(len(found) - 2, -1, -1), -1)):
        for place in places:  # signs as per cent, beside a number
            if found[place] == "ET" and found[place - step] == "EN":
                found[place] = "EN"
    strong = base
    for place, kind in enumerate(found):  # a number after a word from left to right is part of it
        strong = kind if kind in ("L", "R", "AL") else strong
        found[place] = {"AL": "R", "EN": "L" if strong == "L" else "EN"}.get(kind, kind)
    return found


def _pair_brackets(line: str, kinds: list[str], base: str) -> None:
    """Give both brackets of a pair the direction of what is in them. UAX 9, N0."""
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
    """What has no direction takes that of both sides, or of the line. UAX 9, N1 and N2."""
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
    """L, R, or nothing; numbers count as running from right to left, as UAX 9 has it."""
    return {"L": "L", "R": "R", "EN": "R", "AN": "R"}.get(kind, "")


def _levels(kinds: list[str], leftward: bool) -> list[int]:
    """UAX 9, I1 and I2."""
    raised = {"L": 2 if leftward else 0, "R": 1, "EN": 2, "AN": 2}
    return [raised[kind] for kind in kinds]


def _turned(clusters: list[tuple[str, int]], lowest: int) -> list[tuple[str, int]]:
    """UAX 9, L2: every run of this level or a higher one, the other way round."""
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
    """Letter (or lam and alef) -> isolated, final, initial, medial -> its presentation form."""
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
    """Arabic letters in the form that their neighbours require; joiners are removed."""
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
    """Whether the nearest letter on one side, beyond its marks, joins this one."""
    for unit in units:
        if unit == _ZWJ or unit == "\u0640":  # a stretched line joins both sides
            return True
        if unit in _forms():
            return needed in _forms()[unit]
        if not unicodedata.combining(unit):
            return False
    return False
