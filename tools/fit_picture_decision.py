"""Fit the joint decision of `examine` on whole pictures to the released localizers, and write
judging/picture_decision.json.

    python tools/fit_picture_decision.py SET PHOTOS...

SET: a set of `underdrawing manipulate`; of its split `val` the share that is found is printed and stored.
PHOTOS: untouched photographs as they are published, that no localizer was trained on. All of them give the
threshold; the rate of false signs is that of each half at the threshold of the other one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from fit_face_decision import CLEAR, FALSE_SIGNS, least_threshold

from underdrawing import zoo
from underdrawing.bench.studies.face_detection.joint import sets_threshold
from underdrawing.core.errors import UnderdrawingError, UsageError, WeightsError
from underdrawing.core.interfaces import Localizer
from underdrawing.data.files import find_pictures
from underdrawing.data.manipulated_set import AUTHENTIC, ManipulatedSet
from underdrawing.data.sources import decode_source
from underdrawing.judging.map_agreement import STORED, PictureDecision, joint_prob
from underdrawing.metrics.classification import auc, wilson

MOST = 400
"""Pictures of the set that are examined."""
Localizers = Mapping[str, Localizer]


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, write and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("set", type=Path)
    parser.add_argument("photos", nargs="+")
    given = parser.parse_args(arguments)
    localizers = released()
    photos = of_photos(given.photos, localizers)
    probs, manipulated = of_set(given.set, localizers)
    decision = fit(
        photos, probs, manipulated, {name: zoo.card(name).own_weights[0].sha256 for name in localizers}
    )
    STORED.write_text(json.dumps(asdict(decision), indent=2) + "\n", encoding="utf-8")
    print(STORED.read_text(encoding="utf-8"))


def released() -> Localizers:
    """All localizers with weights. UsageError where there are none."""
    found = {}
    for name in zoo.names("localizer"):
        try:
            found[name] = zoo.load(name)
        except WeightsError as error:
            print(f"{name} is left out: {error}")
    if not found:
        raise UsageError("no localizer has weights; there is nothing to decide by")
    return found


def fit(
    photos: Mapping[str, float], probs: np.ndarray, manipulated: np.ndarray, sha256: Mapping[str, str]
) -> PictureDecision:
    """photos: joint probability of untouched photographs by path; probs, manipulated: (N,) of the set."""
    halves = [
        [prob for path, prob in photos.items() if sets_threshold(path) == first] for first in (True, False)
    ]
    threshold = least_threshold(list(photos.values()))
    false = sum(
        sum(prob >= least_threshold(other) for prob in half) for half, other in (halves, reversed(halves))
    )
    low, high = wilson(false, len(photos))
    found = int((probs[manipulated] >= threshold).sum())
    text = (
        f"{len(probs)} pictures of the split val, AUC {float(auc(probs, manipulated)):.3f}; {found} of "
        f"{int(manipulated.sum())} manipulated ones have signs; at most {100 * FALSE_SIGNS:.0f} % of "
        f"{len(photos)} photographs reach the threshold; {false} reach that of the half without them "
        f"(95 %: {100 * low:.1f} to {100 * high:.1f} %)"
    )
    return PictureDecision(threshold, CLEAR, dict(sha256), text)


def of_set(folder: Path, localizers: Localizers) -> tuple[np.ndarray, np.ndarray]:
    """Joint probability of pictures of the split val, and whether each is manipulated."""
    pictures = ManipulatedSet.read(folder, "val")
    places = np.random.default_rng(0).permutation(len(pictures.entries))[:MOST]
    probs = [prob_of(np.ascontiguousarray(pictures.pictures[place]), localizers) for place in places]
    return np.array(probs), np.array([pictures.entries[place].kind != AUTHENTIC for place in places])


def of_photos(paths: Sequence[str], localizers: Localizers) -> dict[str, float]:
    """Joint probability of all photographs that can be read, by path."""
    found = {}
    for entry in find_pictures(paths, {}):
        try:
            found[str(entry.path)] = prob_of(decode_source(entry.path).picture.shown, localizers)
        except UnderdrawingError as error:
            print(f"{entry.path}: {error}")
    return found


def prob_of(image: np.ndarray, localizers: Localizers) -> float:
    """Joint probability of a picture (H, W, 3) uint8."""
    prob = joint_prob({name: localizer.examine(image) for name, localizer in localizers.items()})
    assert prob is not None, "a released localizer gives picture_prob"
    return prob


if __name__ == "__main__":
    main()
