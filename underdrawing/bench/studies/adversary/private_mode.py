"""Attacks on private mode by somebody who has pictures under one secret, but not the secret.

edits      of 2 % of the frame: as they are; congruent to what stood there, modulo a step and half of one;
           the latter, and written with the dither that the known pictures agree on
presence   is a picture marked? by tiles that repeat; by a linear rule on the energies of the block grid,
           fitted to the known pictures and their originals; by the dither that the known pictures agree on
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from underdrawing.attacks.adversary.edits import EDITS, draw_edit
from underdrawing.attacks.adversary.presence import grid_ratios, repetition
from underdrawing.attacks.adversary_private import congruent, learn_dither, rewrite
from underdrawing.bench.harness.measures import mask_values
from underdrawing.bench.harness.photographs import PhotoSets, hash_photos
from underdrawing.bench.harness.record import Protocol
from underdrawing.bench.harness.run import Case, Row
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies.adversary.measuring import channels_of
from underdrawing.bench.studies.adversary.protocol import AdversaryProtocol, cases_at, square
from underdrawing.carriers.lattice.parameters import FREQUENCIES, TILE, EmbeddingLevel
from underdrawing.metrics.masks import mask_auc
from underdrawing.ops.color import luma
from underdrawing.ops.dct import analyse

SIZE = 512
KNOWN_SET = "coco_val"
SHARE = 0.02
_SECRET = secrets.token_bytes(32)  # of the owner, another one in each run
_STEPS = EmbeddingLevel().steps
_LEARNED = 2.0  # times the agreement of chance, from which the dither of a frequency counts as learned
_RIDGE = 0.1  # of the mean variance of a feature


@dataclass(frozen=True)
class Learned:
    """What the known pictures tell."""

    dither: np.ndarray
    """(r, c, n) modulo half a step, in steps."""
    agreement: np.ndarray
    """(r, c, n) in [0, 1]."""
    frequencies: np.ndarray
    """Indices of those whose dither the pictures agree on."""

    @classmethod
    def of(cls, pictures: Sequence[np.ndarray]) -> Learned:
        """From protected pictures under one secret."""
        dither, agreement = learn_dither(pictures, FREQUENCIES, _STEPS)
        chance = np.sqrt(np.pi / (4 * len(pictures)))
        return cls(dither, agreement, np.flatnonzero(agreement.mean((0, 1)) > _LEARNED * chance))


@dataclass(frozen=True)
class PrivateCase(Case):
    """One photograph, and what the attacker has learned."""

    learned: Learned | None = None


def cases(sets: PhotoSets, protocol: Protocol, subject: Subject) -> list[Case]:
    """The photographs of the quality sets, each with the same known pictures from another set."""
    learned = Learned.of([_protect(subject, image) for image in _known(sets, protocol)])
    return [PrivateCase(**vars(case), learned=learned) for case in cases_at(SIZE)(sets, protocol, subject)]


def edited(subject: Subject, protocol: AdversaryProtocol, case: PrivateCase) -> list[Row]:
    """One edit of 2 % in each of four ways: the status, and F1 of the mask."""
    rng = np.random.default_rng([protocol.seed, case.size, case.index, 3])
    protected = _protect(subject, square(case.photo, case.size))
    kind = list(EDITS)[case.index % len(EDITS)]
    plain, mask = draw_edit(kind, SHARE, protected, square(case.donor, case.size), rng)
    half = congruent(protected, plain, mask, FREQUENCIES, _STEPS, 0.5)
    chosen = case.learned.frequencies
    forged = {
        "edit alone": plain,
        "congruent": congruent(protected, plain, mask, FREQUENCIES, _STEPS),
        "congruent, half a step": half,
        "congruent, learned dither": half,
    }
    if len(chosen):
        frequencies, dither = [FREQUENCIES[k] for k in chosen], case.learned.dither[..., chosen]
        learned = rewrite(protected, half, mask, frequencies, _STEPS[chosen], dither)
        forged["congruent, learned dither"] = learned
    rows: list[Row] = []
    for name, picture in forged.items():
        for channel in channels_of(protocol):
            verdict = subject.model.verify(
                channel(picture, rng), secret=_SECRET, find_key=lambda short: subject.owner.public
            )
            values = {"altered": verdict.status == "altered", "intact": verdict.status == "intact"}
            values |= {"f1": mask_values(verdict, mask)["f1"]}
            rows.append((f"private/{channel.name}/{name}", values))
    return rows


def presence(subject: Subject, protocol: AdversaryProtocol, sets: PhotoSets) -> dict[str, Any]:
    """Facts of the part: the AUC of each test over protected pictures and their originals."""
    start = time.time()
    photos = sets.photos(*protocol.quality_sets)
    known = _known(sets, protocol)
    known_marked = [_protect(subject, image) for image in known]
    learned, rule = Learned.of(known_marked), _linear_rule(known_marked, known)
    scores: dict[str, list[tuple[float, float]]] = {"tiles": [], "energies": [], "learned dither": []}
    for photo in photos:
        image = square(photo, SIZE)
        planes = [luma(picture) for picture in (image, _protect(subject, image))]
        scores["tiles"].append(tuple(repetition(plane, FREQUENCIES, _STEPS, TILE) for plane in planes))
        scores["energies"].append(tuple(float(_ratios(plane) @ rule) for plane in planes))
        scores["learned dither"].append(tuple(_agreement_with(plane, learned) for plane in planes))
    figures = {f"presence/{name}/auc": _auc(np.array(found)) for name, found in scores.items()}
    return {
        "photos": len(photos),
        "strength": protocol.strength,
        "seconds": round(time.time() - start, 1),
        "data_hash": hash_photos(photos),
        "figures": figures,
    }


def _known(sets: PhotoSets, protocol: AdversaryProtocol) -> list[np.ndarray]:
    every = PhotoSets(sets.root, protocol.known_pictures)  # of another limit than the attacked photographs
    return [square(photo, SIZE) for photo in every.photos(KNOWN_SET)]


def _protect(subject: Subject, image_u8: np.ndarray) -> np.ndarray:
    """The picture protected under the secret, with an identity of its own."""
    protection = subject.model.protect(
        image_u8, owner=subject.owner, identity=secrets.token_bytes(8), secret=_SECRET, strength=1.0
    )
    return protection.apply(image_u8)


def _ratios(plane: np.ndarray) -> np.ndarray:
    return grid_ratios(plane, FREQUENCIES)


def _linear_rule(marked: Sequence[np.ndarray], plain: Sequence[np.ndarray]) -> np.ndarray:
    """Fisher's linear discriminant of the energies of marked and plain pictures, (n,)."""
    first, second = (np.array([_ratios(luma(image)) for image in images]) for images in (marked, plain))
    within = np.cov(first.T) + np.cov(second.T)
    within += _RIDGE * np.trace(within) / len(within) * np.eye(len(within))
    return np.linalg.solve(within, first.mean(0) - second.mean(0))


def _agreement_with(plane: np.ndarray, learned: Learned) -> float:
    """Agreement of a luma plane with the learned dither, in standard deviations of chance."""
    rows, cols = (
        min(side // 8, limit) for side, limit in zip(plane.shape, learned.dither.shape, strict=False)
    )
    coefficients = analyse(np.ascontiguousarray(plane[: 8 * rows, : 8 * cols]), FREQUENCIES)
    phase = 4 * np.pi * (coefficients / _STEPS - learned.dither[:rows, :cols])
    weight = learned.agreement[:rows, :cols] ** 2
    return float((weight * np.cos(phase)).sum() / np.sqrt(0.5 * np.square(weight).sum() + 1e-9))


def _auc(scores: np.ndarray) -> dict[str, float]:
    """AUC of scores (photos, [plain, marked]), with its 95 % interval by Hanley and McNeil (1982)."""
    count = len(scores)
    marked = np.repeat([False, True], count)
    auc = mask_auc(scores.T.ravel(), marked)
    first, second = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    variance = auc * (1 - auc) + (count - 1) * (first + second - 2 * auc * auc)
    half = 1.96 * np.sqrt(max(variance, 0.0)) / count
    low, high = max(0.0, auc - half), min(1.0, auc + half)
    return {"mean": round(auc, 4), "low95": round(low, 4), "high95": round(high, 4), "n": count}
