"""Draw docs/images/localizations.webp: what the localizers find, and what they miss.

python tools/draw_localizations.py

Manipulations of photographs of scikit-image, after JPEG 88. Of 12 of each kind the one that the localizers
find best and the one that they find worst, by the mean IoU of their masks; the outline is the region.
"""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image
from skimage import data

from underdrawing import zoo
from underdrawing.attacks.channel import Jpeg
from underdrawing.attacks.manipulation import KINDS

OUT = Path(__file__).parent.parent / "docs/images/localizations.webp"
LOCALIZERS = {
    "courtroom": "Courtroom",
    "cmb-net": "CMB-Net",
    "box-prompt-iml": "BoxPromptIML",
    "sc-iml": "Sc-IML",
}
PHOTOS = (data.astronaut, data.chelsea, data.coffee, data.rocket)
EACH, QUALITY, HEIGHT, TILE, LABEL = 12, 88, 384, (180, 135), 20


class Shown(NamedTuple):
    """A picture with its region and its maps."""

    image: np.ndarray
    region: np.ndarray
    maps: list[np.ndarray]

    @property
    def iou(self) -> float:
        """Mean over the localizers."""
        masks = [found > 0.5 for found in self.maps]
        return float(np.mean([(m & self.region).sum() / max(1, (m | self.region).sum()) for m in masks]))


def main() -> None:
    """The contact sheet: of each kind a hit and a miss."""
    photos = [_reduced(name()) for name in PHOTOS]
    localizers = [zoo.load(name) for name in LOCALIZERS]
    iou = attrgetter("iou")
    sheet = [_words(["picture, region", *LOCALIZERS.values()])]
    for kind, manipulation in KINDS.items():
        tried = []
        for number in range(EACH):
            rng = np.random.default_rng([7, number])
            photo, donor = photos[number % len(photos)], photos[(number + 1) % len(photos)]
            made = manipulation(photo, donor, rng)
            received = Jpeg(QUALITY)(made.image, rng)
            maps = [one.examine(received).tampered_prob for one in localizers]
            tried.append(Shown(received, made.mask > 0.5, maps))
        for chosen, word in ((max(tried, key=iou), "found"), (min(tried, key=iou), "missed")):
            sheet += [_words([f"{kind}, {word}: IoU {chosen.iou:.2f}"]), _row(chosen)]
    Image.fromarray(np.vstack(sheet)).save(OUT, quality=80, method=6)


def _reduced(photo: np.ndarray) -> np.ndarray:
    width = round(photo.shape[1] * HEIGHT / photo.shape[0])
    return cv2.resize(photo, (width, HEIGHT), interpolation=cv2.INTER_AREA)


def _row(shown: Shown) -> np.ndarray:
    """The picture with the outline of the region, and each map in red on the gray picture."""
    outlined = shown.image.copy()
    contours, _ = cv2.findContours(shown.region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(outlined, contours, -1, (0, 255, 0), 3)
    gray = cv2.cvtColor(cv2.cvtColor(shown.image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    red = np.array([230, 20, 20], np.float32)
    tiles = [outlined]
    for found in shown.maps:
        weight = (0.8 * found * (found > 0.2))[..., None]
        tiles.append(np.rint(0.6 * gray * (1 - weight) + red * weight).astype(np.uint8))
    return np.hstack([cv2.resize(tile, TILE, interpolation=cv2.INTER_AREA) for tile in tiles])


def _words(words: list[str]) -> np.ndarray:
    row = np.full((LABEL, TILE[0] * (1 + len(LOCALIZERS)), 3), 255, np.uint8)
    for number, text in enumerate(words):
        at = (4 + number * TILE[0], LABEL - 6)
        cv2.putText(row, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (30, 30, 30), 1, cv2.LINE_AA)
    return row


if __name__ == "__main__":
    main()
