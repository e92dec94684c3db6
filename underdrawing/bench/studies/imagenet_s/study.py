"""imagenet-s: label and image found again from a picture whose labelled object was altered.

    references     original (the ceiling), tampered (nothing is done), blind inpainting with the true mask
    recovered-*    protect -> alter the object -> JPEG 70, or none -> verify -> recovered
    label-*        the label of the classifier is recorded in the mark, and read after the same
    told-*         the object decoded from a system's code of some bits, all else as it was; beside it AVIF

The references are one part because they share one tampered picture. Rows are by channel and edit, and over
all edits. Paper: "HIDDEN-CODE", arXiv 2602.22759, with its own triplets and carriers; it states no JPEG.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from underdrawing.attacks.channel import Channel
from underdrawing.attacks.suites import by_name
from underdrawing.bench.harness import measures
from underdrawing.bench.harness.avif import avif_at
from underdrawing.bench.harness.photographs import PhotoSets
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Cell, Table, join, judged
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies.imagenet_s.builder import Builder, Triplet
from underdrawing.bench.studies.imagenet_s.edits import EDITS
from underdrawing.bench.studies.imagenet_s.folder import LabelledPhoto, labelled_photos
from underdrawing.bench.studies.imagenet_s.saliency import salient
from underdrawing.bench.studies.imagenet_s.tasks import BLIND, Tasks, distances
from underdrawing.coding.labels import Label, label_names
from underdrawing.content.importance.request import ContentRequest
from underdrawing.content.labelling.recognizer import load_recognizer
from underdrawing.core.errors import CapacityError, UsageError
from underdrawing.metrics.quality import masked_psnr_db, psnr_db, ssim

PROTOCOL = Protocol(
    "imagenet-s",
    sizes=(256,),
    quality_sets=(),
    object_set="imagenet1k_one",
    edit_area=(0.05, 0.40),
    recovery_channels=("none", "jpeg70"),
    code_bits=(2000, 5000, 8000, 16000),
)
SYSTEMS = ("photo", "hidden-code", "hidden-code:tokens", "hidden-code:256-bits", "hidden-code:64-bits")
SINGLE_SCALE = "hidden-code:single-scale"
REFERENCE = "references"
PAPER = {"label": 0.9231, "image": 0.8744}
TARGET = {"kept": 0.92, "image": 0.95}
"""After JPEG 70: the share of the originals' labels that the recovered retain, and Top-1 image."""
TARGET_CHANNEL = "jpeg70"
RECORDED, TARGET_RECORDED = " (label told by the code)", {"kept": 0.95}
"""Ends the name of a system whose mark records a label; its target."""
NAMES = {
    "original": "original (ceiling)",
    "tampered": "tampered, nothing done",
    "telea": "blind inpainting, Telea",
    "navier-stokes": "blind inpainting, Navier-Stokes",
    "texture": "blind inpainting, texture",
}
DISTANCES = {"psnr_db": ("PSNR, dB", 2), "ssim": ("SSIM", 3), "stlpips": ("ST-LPIPS", 4)}


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    weights: str = ""
    """Folder with single-scale/tokens.safetensors, the tokens of one scale alone."""


def run(run: Run) -> None:
    """Measure the references and all systems. The gallery is always of the whole folder.

    PictureError for a folder without labels or photos; MissingExtraError without the extra "imagenet-s".
    """
    if run.data is None:
        raise UsageError("imagenet-s needs --data DIR, a folder of labelled photographs")
    builder = Builder(load_recognizer(), salient, PROTOCOL.sizes[0], PROTOCOL.edit_area)
    subjects = [run.load(name) for name in SYSTEMS]
    weights = run.read_settings(Settings).weights
    if weights:
        subjects.append(run.load(SINGLE_SCALE, Path(weights) / "single-scale" / "tokens.safetensors"))
    measure(
        run, [replace(subject, owner=None) for subject in subjects], builder
    )  # no signatures in the paper


def measure(run: Run, subjects: Sequence[Subject], builder: Builder) -> None:
    """Measure the references and these subjects on triplets of the builder."""
    bench = ImageNetS(labelled_photos(run.data), builder)
    everyone = [Subject(REFERENCE, None, None), *subjects]
    parts = [(subject, part) for subject in everyone for part in bench.parts(subject)]
    run_parts(run, STUDY.store(run.results), PROTOCOL, parts)


@dataclass(frozen=True)
class LabelledCase(Case):
    """One labelled photo, its edit, and the label of the photo that a replacement is taken from."""

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
            return [Part(REFERENCE, self._cases, self._references)]
        name = subject.name.replace(":", "-")
        parts = [Part(f"recovered-{name}", self._cases, self._recovered)]
        if hasattr(subject.model, "describe") and name == subject.name:
            parts.append(Part(f"told-{name}", self._cases, self._decoded))
        if hasattr(subject.model, "importance"):
            parts.append(Part(f"label-{name}", self._edits, self._recorded))
        return parts

    @cached_property
    def tasks(self) -> Tasks:
        """The tasks with the gallery of all originals of the folder."""
        pictures = (labelled.square(self.builder.side) for labelled in self.labelled)
        recognizer = self.builder.recognizer
        return Tasks(recognizer, np.stack([recognizer.look(picture).embedding for picture in pictures]))

    def _cases(self, sets: PhotoSets, protocol: Protocol, subject: Subject) -> list[Case]:
        _ = self.tasks  # make the gallery before the work is shared by processes
        return self._edits(sets, protocol, subject)

    def _edits(self, sets: PhotoSets, protocol: Protocol, subject: Subject) -> list[Case]:
        """Photos and what is done to them, without the gallery of image retrieval."""
        cases: list[Case] = []
        for turn, index in enumerate(sets.picks(len(self.labelled))):
            own, other = self.labelled[index], self.labelled[(index + 7) % len(self.labelled)]
            size, edit = self.builder.side, list(EDITS)[turn % len(EDITS)]
            known = {"label": own.label, "edit": edit, "donor_label": other.label}
            case = LabelledCase(own.photo, size, index, other.photo, (), protocol.strength, **known)
            self._triplets(case)  # make the masks, too
            cases.append(case)
        return cases

    def _triplets(self, case: LabelledCase) -> tuple[Triplet, Triplet]:
        """The photo and the donor of a case."""
        own = self.builder.triplet(LabelledPhoto(case.photo, case.label))
        if case.edit == "replacement":
            return own, self.builder.triplet(LabelledPhoto(case.donor, case.donor_label))
        return own, Triplet(case.donor_u8, case.donor_label, np.zeros_like(own.mask))

    def _references(self, subject: Subject, protocol: Protocol, case: LabelledCase) -> list[Row]:
        own, donor = self._triplets(case)
        rng = np.random.default_rng([protocol.seed, case.size, case.index])
        tampered = EDITS[case.edit](own.image, own.mask, donor, rng)
        rows: list[Row] = [("masks", {"area": float(own.mask.mean())})]
        known = self._ceiling(own)
        for channel, noise in self._channels(protocol, case):
            ceiling, received = (channel(picture, noise) for picture in (own.image, tampered))
            pictures = {"original": ceiling, "tampered": received}
            for name, fill in BLIND.items():
                pictures[name] = fill(received, own.mask, donor.image, np.random.default_rng(case.index))
            for name, picture in pictures.items():
                rows += self._rows(f"{name}/{channel.name}", case, own, picture, known)
        return rows

    def _recovered(self, subject: Subject, protocol: Protocol, case: LabelledCase) -> list[Row]:
        own, donor = self._triplets(case)
        rows: list[Row] = []
        try:
            protected = subject.protect(own.image, case.strength)
            cost = {"psnr_db": psnr_db(own.image, protected), "ssim": ssim(own.image, protected)}
            rows.append((f"container/{subject.name}", cost))
        except CapacityError:  # too flat for this system: it stays unprotected, and counts
            protected = own.image
        rng = np.random.default_rng([protocol.seed, case.size, case.index])
        tampered = EDITS[case.edit](protected, own.mask, donor, rng)
        known = self._ceiling(own)
        for channel, noise in self._channels(protocol, case):
            received = channel(tampered, noise)
            verdict = subject.verify(received)
            picture = received if verdict.recovered is None else verdict.recovered
            found = known | {"f1": measures.mask_values(verdict, own.mask)["f1"]}
            found |= {"recovered": verdict.recovered is not None, "present": verdict.present}
            found["identity"] = subject.matches(verdict.identity)
            rows += self._rows(f"{subject.name}/{channel.name}", case, own, picture, found)
        return rows

    def _recorded(self, subject: Subject, protocol: Protocol, case: LabelledCase) -> list[Row]:
        """The label that the mark states, of the edited picture; none where it is not read."""
        own, donor = self._triplets(case)
        look = self.builder.recognizer.look(own.image)
        content = ContentRequest(label=Label(look.label, look.confidence))
        try:
            protected = subject.protect(own.image, case.strength, content=content)
        except CapacityError:
            protected = own.image
        rng = np.random.default_rng([protocol.seed, case.size, case.index])
        tampered = EDITS[case.edit](protected, own.mask, donor, rng)
        rows: list[Row] = []
        for channel, noise in self._channels(protocol, case):
            stated = (subject.verify(channel(tampered, noise)).recorded or {}).get("label")
            found = {
                "label": stated == label_names()[own.label],
                "label_of_original": look.label == own.label,
            }
            rows += [
                (f"{subject.name}{RECORDED}/{channel.name}/{group}", found) for group in ("all", case.edit)
            ]
        return rows

    def _decoded(self, subject: Subject, protocol: Protocol, case: LabelledCase) -> list[Row]:
        own, rows = self._triplets(case)[0], []
        for bits in protocol.code_bits:
            decoded = {subject.name: subject.describe(own.image, bits), "avif": avif_at(own.image, bits)}
            for name, picture in decoded.items():
                shown = np.where(own.mask[..., None], picture, own.image)
                values = self.tasks.scores(shown, own.label, case.index)
                values["inside_psnr_db"] = masked_psnr_db(own.image, shown, own.mask)
                rows.append((f"told/{name}/{bits}", values))
        return rows

    def _channels(self, protocol: Protocol, case: Case) -> list[tuple[Channel, np.random.Generator]]:
        channels = by_name(protocol.suite, *protocol.recovery_channels)
        seeds = ([protocol.seed, case.size, case.index, turn] for turn in range(len(channels)))
        return [(channel, np.random.default_rng(seed)) for channel, seed in zip(channels, seeds, strict=True)]

    def _ceiling(self, own: Triplet) -> dict[str, bool]:
        return {"label_of_original": self.builder.recognizer.look(own.image).label == own.label}

    def _rows(
        self, place: str, case: LabelledCase, own: Triplet, picture: np.ndarray, more: dict
    ) -> list[Row]:
        values = self.tasks.scores(picture, own.label, case.index) | more
        values |= distances(own.image, picture, own.mask)
        return [(f"{place}/all", values), (f"{place}/{case.edit}", values)]


def table(store: Store) -> Sequence[Block] | None:
    """A row for each picture and channel, distances inside / outside the mask."""
    figures = store.figures
    if not figures:
        return None
    references = [name for name in NAMES if f"{name}/none/all/label" in figures]
    systems = sorted({key.split("/")[0] for key in figures if key.endswith("/none/all/label")} - set(NAMES))
    rows = [
        [NAMES.get(name, name), channel, *_cells(store, name, channel, name in systems)]
        for name in [*references, *systems]
        for channel in PROTOCOL.recovery_channels
        if f"{name}/{channel}/all/label" in figures
    ]
    paper = [f"{PAPER['label']:.4f}", "-", f"{PAPER['image']:.4f}", "-", *("-" for _ in DISTANCES)]
    rows.append(["Hidden-Code (paper)", "none stated", *paper])
    head = ("picture", "channel", "Top-1 label", "kept of the originals'", "Top-1 image", "identity read")
    return [
        Table((*head, *(f"{title}, in / out" for title, _ in DISTANCES.values())), rows),
        *_by_edit(store, systems),
        *_by_code(store),
        store.conditions_table(),
        store.stale_note(),
    ]


def _cells(store: Store, name: str, channel: str, system: bool) -> list[Cell]:
    place = f"{name}/{channel}/all"
    recorded = name.endswith(RECORDED)
    targets = (TARGET_RECORDED if recorded else TARGET) if system and channel == TARGET_CHANNEL else {}
    share = label_kept(store, name, channel)
    label = store.cell(f"{place}/label", 4)
    kept = Cell("-") if share is None else label._replace(text=f"{share:.4f}")
    cells = [label, judged(kept, share or 0.0, targets.get("kept"))]
    if recorded:
        return [*cells, *[Cell("-")] * (2 + len(DISTANCES))]
    image = store.cell(f"{place}/image", 4)
    cells.append(judged(image, store.figures[f"{place}/image"]["mean"], targets.get("image")))
    identity = store.figures.get(f"{place}/identity", {"mean": 0})["mean"]
    cells.append(store.cell(f"{place}/identity", 4) if identity else Cell("-"))
    for metric, (_, digits) in DISTANCES.items():
        cells.append(join(store.cell(f"{place}/{side}_{metric}", digits) for side in ("inside", "outside")))
    return cells


def label_kept(store: Store, name: str, channel: str) -> float | None:
    """Top-1 label as a share of what the originals of the same photos get; None where they get none."""
    ceiling = store.figures[f"{name}/{channel}/all/label_of_original"]["mean"]
    return store.figures[f"{name}/{channel}/all/label"]["mean"] / ceiling if ceiling else None


def _by_edit(store: Store, systems: Sequence[str]) -> list[Block]:
    """Both tasks by edit, after the channel of the target."""
    edits = ("removal", "replacement", "inpainting")
    rows = []
    for name in ["tampered", *(name for name in systems if not name.endswith(RECORDED))]:
        places = [f"{name}/{TARGET_CHANNEL}/{edit}" for edit in edits]
        tasks = [[store.cell(f"{place}/{task}", 3) for task in ("label", "image")] for place in places]
        rows.append([NAMES.get(name, name), *map(join, tasks)])
    title = f"Top-1 label / Top-1 image after {TARGET_CHANNEL}, by what was done to the object:"
    return [title, Table(("picture", *edits), rows)]


def _by_code(store: Store) -> list[Block]:
    """Label and distance when the object alone is decoded from a code of so many bits under the true mask."""
    keys = [key.split("/") for key in store.figures if key.startswith("told/")]
    sizes = sorted({int(key[2]) for key in keys})
    rows = []
    for name in dict.fromkeys(key[1] for key in keys):
        pairs = [
            (store.cell(f"told/{name}/{bits}/label", 3), store.cell(f"told/{name}/{bits}/inside_psnr_db"))
            for bits in sizes
        ]
        rows.append([name, *map(join, pairs)])
    if not rows:
        return []
    title = "Top-1 label / PSNR inside, dB, when so many bits tell the object under the true mask:"
    return [title, Table(("code", *map(str, sizes)), rows)]


STUDY = Study(
    "imagenet-s",
    "label and image found again after a labelled object was removed or replaced",
    run,
    {"imagenet-s": table},
    Settings,
)
