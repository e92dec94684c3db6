"""imagenet-s: label and image told again from a picture whose labelled object was altered.

    references     original (the ceiling), tampered (nothing is done), blind inpainting with the true mask
    SYSTEM         protect -> alter the object -> JPEG 70, or none -> verify -> recovered
    told           the object as a system's code of so many bits tells it, all else as it was; beside it AVIF

Each is a part: results/imagenet-s/references.json, recovered-SYSTEM.json and told-SYSTEM.json there. The
references are one part because they share one tampered picture. Rows are by channel and edit, and over all
edits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from underdrawing.attacks.channel import Channel
from underdrawing.bench.harness import measures
from underdrawing.bench.harness.avif import avif_at
from underdrawing.bench.harness.photographs import PhotoSets
from underdrawing.bench.harness.protocol import IMAGENET_S, Protocol
from underdrawing.bench.harness.run import RunOptions, measure_parts, merge, select_parts
from underdrawing.bench.harness.stats import Row
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies.imagenet_s.builder import Builder, Triplet
from underdrawing.bench.studies.imagenet_s.edits import EDITS
from underdrawing.bench.studies.imagenet_s.folder import LabelledPhoto, labelled_photos
from underdrawing.bench.studies.imagenet_s.masks import user_masks
from underdrawing.bench.studies.imagenet_s.recognizer import load_recognizer
from underdrawing.bench.studies.imagenet_s.saliency import salient
from underdrawing.bench.studies.imagenet_s.tasks import BLIND, Gallery, Tasks, distances
from underdrawing.bench.studies.photo_core import Job, Part
from underdrawing.core.errors import CapacityError
from underdrawing.metrics.quality import masked_psnr_db, psnr_db, ssim

REFERENCE = "references"


def run_imagenet_s(
    subjects: Sequence[Subject],
    data: Path,
    results: Path,
    *,
    photos: int | None = None,
    only: Sequence[str] | None = None,
    options: RunOptions | None = None,
    builder: Builder | None = None,
) -> dict:
    """Measure the references and all subjects and write results/imagenet-s.json; the merged table.

    photos: at most so many, evenly over the folder; the gallery is of the whole folder all the same. only: as
    in run_bench. builder: with other eyes than EfficientNet-Lite0 and U2-Netp.
    PictureError for a folder without labels or photos; MissingExtraError without the extra "imagenet-s".
    """
    protocol, labelled = IMAGENET_S, labelled_photos(data)
    side = protocol.sizes[0]
    builder = builder or Builder(load_recognizer(), salient, side, protocol.edit_area, user_masks())
    bench = ImageNetS(labelled, builder)
    everyone = [Subject(REFERENCE, None, None), *subjects]
    parts = {part.name: (part, subject) for subject in everyone for part in bench.parts(subject)}
    for part in select_parts({name: part for name, (part, _) in parts.items()}, only):
        sets = PhotoSets(data, photos)
        measure_parts([part], parts[part.name][1], sets, protocol, results, options or RunOptions())
    return merge(results, protocol.name)


@dataclass(frozen=True)
class LabelledJob(Job):
    """One labelled photo, the edit its turn brings, and the photo that a replacement is taken from."""

    label: int = 0
    edit: str = "removal"
    donor_label: int = 0


@dataclass(frozen=True, eq=False)
class ImageNetS:
    """The benchmark over one folder of labelled photos."""

    labelled: Sequence[LabelledPhoto]
    builder: Builder

    def parts(self, subject: Subject) -> list[Part]:
        """What is measured of a subject; of the subject called references, what needs none."""
        if subject.name == REFERENCE:
            return [Part(REFERENCE, self._jobs, self._references)]
        name = subject.name.replace(":", "-")
        parts = [Part(f"recovered-{name}", self._jobs, self._recovered)]
        if hasattr(subject.model, "describe") and name == subject.name:
            parts.append(Part(f"told-{name}", self._jobs, self._told))
        return parts

    @cached_property
    def tasks(self) -> Tasks:
        """The tasks with the gallery of all originals of the folder."""
        pictures = (labelled.square(self.builder.side) for labelled in self.labelled)
        recognizer = self.builder.recognizer
        return Tasks(recognizer, Gallery(np.stack([recognizer.look(p).embedding for p in pictures])))

    def _jobs(self, sets: PhotoSets, protocol: Protocol, subject: Subject) -> list[Job]:
        _ = self.tasks  # the gallery is made before the work goes to several processes
        jobs: list[Job] = []
        for turn, index in enumerate(sets.picks(len(self.labelled))):
            own, other = self.labelled[index], self.labelled[(index + 7) % len(self.labelled)]
            size, edit = self.builder.side, list(EDITS)[turn % len(EDITS)]
            known = {"label": own.label, "edit": edit, "donor_label": other.label}
            jobs.append(LabelledJob(own.photo, size, index, other.photo, (), protocol.strength, **known))
        return jobs

    def _triplets(self, job: LabelledJob) -> tuple[Triplet, Triplet]:
        """The photo and the donor of a job."""
        own = self.builder.triplet(LabelledPhoto(job.photo, job.label))
        if job.edit == "replacement":
            return own, self.builder.triplet(LabelledPhoto(job.donor, job.donor_label))
        return own, Triplet(job.donor_u8, job.donor_label, np.zeros_like(own.mask))

    def _references(self, subject: Subject, protocol: Protocol, job: LabelledJob) -> list[Row]:
        own, donor = self._triplets(job)
        rng = np.random.default_rng([protocol.seed, job.size, job.index])
        tampered = EDITS[job.edit](own.image, own.mask, donor, rng)
        rows: list[Row] = [("masks", {"area": float(own.mask.mean())})]
        known = self._ceiling(own)
        for channel, noise in self._channels(protocol, job):
            ceiling, received = (channel(picture, noise) for picture in (own.image, tampered))
            told = {"original": ceiling, "tampered": received}
            for name, fill in BLIND.items():
                told[name] = fill(received, own.mask, donor.image, np.random.default_rng(job.index))
            for name, picture in told.items():
                rows += self._rows(f"{name}/{channel.name}", job, own, picture, known)
        return rows

    def _recovered(self, subject: Subject, protocol: Protocol, job: LabelledJob) -> list[Row]:
        own, donor = self._triplets(job)
        rows: list[Row] = []
        try:
            protected = subject.protect(own.image, job.strength)
            cost = {"psnr_db": psnr_db(own.image, protected), "ssim": ssim(own.image, protected)}
            rows.append((f"container/{subject.name}", cost))
        except CapacityError:  # too flat for this system: it goes out as it is, and counts all the same
            protected = own.image
        rng = np.random.default_rng([protocol.seed, job.size, job.index])
        tampered = EDITS[job.edit](protected, own.mask, donor, rng)
        known = self._ceiling(own)
        for channel, noise in self._channels(protocol, job):
            received = channel(tampered, noise)
            verdict = subject.verify(received)
            picture = received if verdict.recovered is None else verdict.recovered
            found = known | {"f1": measures.mask_values(verdict, own.mask)["f1"]}
            found |= {"recovered": verdict.recovered is not None, "present": verdict.present}
            found["identity"] = subject.names(verdict.identity)
            rows += self._rows(f"{subject.name}/{channel.name}", job, own, picture, found)
        return rows

    def _told(self, subject: Subject, protocol: Protocol, job: LabelledJob) -> list[Row]:
        own, rows = self._triplets(job)[0], []
        for bits in protocol.code_bits:
            told = {subject.name: subject.describe(own.image, bits), "avif": avif_at(own.image, bits)}
            for name, picture in told.items():
                shown = np.where(own.mask[..., None], picture, own.image)
                values = self.tasks.scores(shown, own.label, job.index)
                values["inside_psnr_db"] = masked_psnr_db(own.image, shown, own.mask)
                rows.append((f"told/{name}/{bits}", values))
        return rows

    def _channels(self, protocol: Protocol, job: Job) -> list[tuple[Channel, np.random.Generator]]:
        channels = measures.channels_of(protocol.suite, protocol.recovery_channels)
        seeds = ([protocol.seed, job.size, job.index, turn] for turn in range(len(channels)))
        return [(channel, np.random.default_rng(seed)) for channel, seed in zip(channels, seeds, strict=True)]

    def _ceiling(self, own: Triplet) -> dict[str, bool]:
        return {"label_of_original": self.builder.recognizer.look(own.image).label == own.label}

    def _rows(self, place: str, job: LabelledJob, own: Triplet, picture: np.ndarray, more: dict) -> list[Row]:
        values = self.tasks.scores(picture, own.label, job.index) | more
        values |= distances(own.image, picture, own.mask)
        return [(f"{place}/all", values), (f"{place}/{job.edit}", values)]
