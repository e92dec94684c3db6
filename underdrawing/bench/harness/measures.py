"""What is measured on one photograph: the container, what survives edits and channels, the recovery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from underdrawing.attacks.channel import Channel
from underdrawing.attacks.placement import Placement
from underdrawing.attacks.tamper import FILLS, Objects, Silhouettes, Tamper, free_form
from underdrawing.bench.harness.photographs import Outlines, PhotoSets
from underdrawing.bench.harness.record import Protocol
from underdrawing.bench.harness.run import Case, Row
from underdrawing.bench.harness.subjects import Subject
from underdrawing.core.types import ALTERED_PROBABILITY, Verdict
from underdrawing.metrics.masks import count_mask, mask_auc, mask_bce
from underdrawing.metrics.perceptual import stlpips
from underdrawing.metrics.quality import masked_psnr_db, psnr_db, smooth_rms, ssim
from underdrawing.metrics.ssimulacra2 import ssimulacra2

STLPIPS_LIMIT_PX = 1024 * 1024
"""Larger pictures are left out of ST-LPIPS: its first layer keeps every pixel in 64 channels."""

AUC_LIMIT_PX = 1024 * 1024
WHOLE_LIMIT_PX = 1024 * 1024
"""Recovered pictures of larger ones are compared inside the mask alone."""


def container_values(image_u8: np.ndarray, protected_u8: np.ndarray) -> dict[str, float]:
    """How invisible the mark is."""
    values = {
        "psnr_db": psnr_db(image_u8, protected_u8),
        "ssim": ssim(image_u8, protected_u8),
        "ssimulacra2": ssimulacra2(image_u8, protected_u8),
        "smooth_rms": smooth_rms(image_u8, protected_u8),
    }
    if image_u8.shape[0] * image_u8.shape[1] <= STLPIPS_LIMIT_PX:
        values["stlpips"] = stlpips(image_u8, protected_u8)
    return values


def read_values(subject: Subject, verdict: Verdict) -> dict[str, bool]:
    """What of identity, signature and code was read; another identity than the hidden one is none."""
    return {
        "present": verdict.present,
        "identity": subject.matches(verdict.identity),
        "signed": verdict.signature.state == "valid",
        **{f"layer_{layer}": layer in verdict.layers for layer in ("base", "middle", "top")},
    }


def contradicted(verdict: Verdict) -> bool | None:
    """Whether the signed content alone contradicts the picture; None where the verdict names no witnesses."""
    witness = None if verdict.assurance is None else verdict.assurance.witness("signed content")
    return None if witness is None else witness.state == "contradicts"


def mask_values(verdict: Verdict, mask: np.ndarray) -> dict[str, float]:
    """Scores against the true mask (H, W) bool of the received frame; no answer counts as nothing flagged."""
    prob = verdict.tampered_prob if verdict.tampered_prob is not None else np.zeros(mask.shape, np.float32)
    counts = count_mask(prob, mask)
    values = {"f1": counts.f1, "iou": counts.iou}
    if mask.size <= AUC_LIMIT_PX:
        values |= {"auc": mask_auc(prob, mask), "bce": mask_bce(prob, mask)}
    return values


def recovery_values(
    image_u8: np.ndarray, received_u8: np.ndarray, verdict: Verdict, placement: Placement, mask: np.ndarray
) -> dict[str, Any]:
    """L-PSNR against the original inside the true mask.

    Where the channel only scaled, the recovered picture is brought back to the original's size first, as the
    papers do; where it cropped or turned, the original is brought into received coordinates. Without a
    recovered picture the received one is scored. `untouched_lpsnr_db` is that of doing nothing.
    """
    values: dict[str, Any] = {"recovered": verdict.recovered is not None}
    for name, picture in (
        ("lpsnr_db", _recovered(verdict, received_u8)),
        ("untouched_lpsnr_db", received_u8),
    ):
        inside = mask if _whole_in_view(placement) else placement.warp_mask(mask)
        values[name] = masked_psnr_db(*_laid_over(image_u8, picture, placement), inside)
    return values


def whole_values(
    image_u8: np.ndarray, received_u8: np.ndarray, verdict: Verdict, placement: Placement
) -> dict[str, float]:
    """PSNR and SSIM of the whole recovered picture, compared as in `recovery_values`."""
    pair = _laid_over(image_u8, _recovered(verdict, received_u8), placement)
    return {"psnr_db": psnr_db(*pair), "ssim": ssim(*pair)}


def _recovered(verdict: Verdict, received_u8: np.ndarray) -> np.ndarray:
    return verdict.recovered if verdict.recovered is not None else received_u8


def _whole_in_view(placement: Placement) -> bool:
    return placement.is_identity or placement.covers_source


def _laid_over(
    image_u8: np.ndarray, picture: np.ndarray, placement: Placement
) -> tuple[np.ndarray, np.ndarray]:
    """Original and received picture in the same coordinates: source where all of it is in view."""
    if _whole_in_view(placement):
        return image_u8, placement.to_source(picture)
    return placement.warp_image(image_u8), picture


@dataclass(frozen=True)
class Trial:
    """One protected photograph through channels, as it is and edited."""

    subject: Subject
    image_u8: np.ndarray
    protected_u8: np.ndarray
    edits: Callable[[int, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]
    """(turn, picture, rng) -> edited picture, mask (H, W) bool."""
    seeds: tuple[int, ...]

    def authentic_rows(self, channels: Sequence[Channel], place: str) -> list[Row]:
        """Untouched protected picture through every channel: what is read and what is wrongly flagged."""
        rows: list[Row] = []
        for index, channel in enumerate(channels):
            rng = np.random.default_rng([*self.seeds, index, 0])
            received, placement = channel.attack(self.protected_u8, rng)
            verdict = self.subject.verify(received)
            prob = verdict.tampered_prob
            called = np.zeros(placement.size, bool) if prob is None else prob > ALTERED_PROBABILITY
            inside = called[placement.inside_source()]
            flagged = count_mask(inside, np.zeros(inside.shape, bool)).flagged
            values: dict[str, Any] = read_values(self.subject, verdict)
            values |= {"flagged": flagged, "flagged_signed": flagged if values["signed"] else None}
            values |= {status: verdict.status == status for status in ("intact", "unvouched", "altered")}
            values["contradicted"] = contradicted(verdict)
            rows.append((f"{place}/{channel.name}", values))
        return rows

    def edited_rows(self, channels: Sequence[Channel], place: str) -> list[Row]:
        """Protected picture, edited, through every channel, each with an edit of its own."""
        rows: list[Row] = []
        for index, channel in enumerate(channels):
            rng = np.random.default_rng([*self.seeds, index, 1])
            tampered, mask = self.edits(self.seeds[-1] + index, self.protected_u8, rng)
            received, placement = channel.attack(tampered, rng)
            verdict = self.subject.verify(received)
            values: dict[str, Any] = read_values(self.subject, verdict)
            values |= mask_values(verdict, placement.warp_mask(mask))
            values |= recovery_values(self.image_u8, received, verdict, placement, mask)
            if self.image_u8.shape[0] * self.image_u8.shape[1] <= WHOLE_LIMIT_PX:
                values |= whole_values(self.image_u8, received, verdict, placement)
            values |= {"altered": verdict.status == "altered"}
            rows.append((f"{place}/{channel.name}", values))
        return rows


def try_photo(subject: Subject, protocol: Protocol, case: Case, objects_only: bool = False) -> Trial:
    """Protect the photograph of a case, with the edits and seeds of the protocol."""
    image, outlines = case.photo.square(case.size)
    edits = Edits(case.donor_u8, outlines, case.library, protocol.edit_area, objects_only)
    protected = subject.protect(image, case.strength)
    return Trial(subject, image, protected, edits, (protocol.seed, case.size, case.index))


class Edits:
    """The edits of one photograph: shapes alternate, contents take turns."""

    def __init__(
        self, donor_u8: np.ndarray, outlines: Outlines, library: Outlines, area: tuple, objects_only=False
    ) -> None:
        self.donor_u8, self.area = donor_u8, area
        own = Objects(outlines) if outlines else None
        objects = own or (Silhouettes(library) if library else free_form)
        self.shapes = (objects if objects_only else free_form, objects)

    def __call__(self, turn: int, image_u8: np.ndarray, rng: np.random.Generator) -> tuple:
        """The edited picture and its mask (H, W) bool."""
        tamper = Tamper(self.shapes[turn % 2], FILLS[turn % len(FILLS)], self.area)
        return tamper(image_u8, self.donor_u8, rng)


def cases_of(names: Sequence[str], size: int) -> Callable[[PhotoSets, Protocol, Subject], list[Case]]:
    """Make the `cases` of a part: `plan` for these sets and this size at the protocol's strength."""
    return lambda sets, protocol, subject: plan(sets, names, size, protocol.strength)


def plan(sets: PhotoSets, names: Sequence[str], size: int, strength: float) -> list[Case]:
    """All photographs of the sets at one size and strength, each with a donor and outlines for edits."""
    photos = sets.photos(*names)
    library = sets.outline_library
    return [
        Case(photo, size, index, photos[(index + 7) % len(photos)], library, strength)
        for index, photo in enumerate(photos)
    ]


def strength_for(subject: Subject, images: Sequence[np.ndarray], target_db: float) -> float:
    """The strength at which the mean container PSNR of these pictures comes nearest to `target_db`.

    By bisection, then the nearer of the last two bounds: a system may have only some strengths.
    """

    def mean_db(strength: float) -> float:
        return float(np.mean([psnr_db(image, subject.protect(image, strength)) for image in images]))

    low, high = 0.5, 3.0
    for _ in range(7):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if mean_db(middle) > target_db else (low, middle)
    return min((low, high), key=lambda strength: abs(mean_db(strength) - target_db))
