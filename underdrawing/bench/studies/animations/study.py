"""animations: identities in animations, after files, palettes, codecs, geometry, other timing and deepfakes.

    own        clips at their own size, 200 to 320 px
    small      clips of 128 px
    unmarked   identities that are accepted where no mark is

A clip of eight frames is marked as `protect` does it, and written as a real GIF; every channel but the files
and palettes starts from what that file shows. The channels are real operations on 8-bit frames. The people
are those of the test split of a set of `underdrawing forge`; half of the clips and more are photographs in
motion (data/motion.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from underdrawing import zoo
from underdrawing.attacks.clip_channels import (
    QUANTIZERS,
    RETIMED,
    SIGNAL,
    ClipChannel,
    EachFrame,
    SentClip,
)  # fmt: skip
from underdrawing.attacks.face_channels import BENIGN, DEEPFAKES, NearestResize, Through
from underdrawing.attacks.geometry import Crop, Scale
from underdrawing.bench.harness.photographs import PhotoSets
from underdrawing.bench.harness.record import Protocol, versions_of
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies.animations import tables
from underdrawing.bench.studies.animations.clips import Clip, spread
from underdrawing.bench.studies.watermarks.messages import Message, Values, accepted_bits
from underdrawing.bench.studies.watermarks.samples import HeldOut
from underdrawing.core.interfaces import FrameCarrier
from underdrawing.data.animations import Animation, encode_animation, read_animation
from underdrawing.judging.marked_frames import MarkedFrames
from underdrawing.metrics.quality import psnr_db, ssim
from underdrawing.metrics.ssimulacra2 import ssimulacra2

SYSTEM = "gifguard"
FILES: tuple[tuple[str, str, int | None], ...] = (
    ("gif-file", "a.gif", None), ("apng-file", "a.png", None), ("webp95-file", "a.webp", None),
    ("webp50-file", "a.webp", 50),
)  # fmt: skip
"""Name, path and quality of the files."""
_GEOMETRY = {Scale(0.5).name, NearestResize(0.8).name}
_PICTURES = {channel.name: EachFrame(channel) for channel in BENIGN if channel.name != "none"}
_CODED = {channel.name: channel for channel in SIGNAL}
CHANNELS: Mapping[str, tuple[ClipChannel, ...]] = {
    "signal": tuple(one for name, one in (_PICTURES | _CODED).items() if name not in _GEOMETRY),
    "geometry": (
        *(one for name, one in (_PICTURES | _CODED).items() if name in _GEOMETRY),
        EachFrame(Through(Scale(0.7))), EachFrame(Through(Crop(0.7)), steady=True),
    ),
    "timing": RETIMED,
}  # fmt: skip
"""After the GIF file, by group. Crops come back at the size before."""
_DURATION_MS = 80.0


@dataclass(frozen=True)
class ClipProtocol(Protocol):
    """Conditions of this study."""

    clip_sets: tuple[str, ...] = ("clips", "portraits", "caltech", "wild")
    each: int = 7
    """Most clips of a set."""
    frames: int = 8
    small: int = 128
    """Side of small clips, px."""
    unmarked: int = 2
    """Unmarked clips of each photograph."""


PROTOCOL = ClipProtocol("animations")


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    faces: str = "set"
    """Folder of `underdrawing forge` below --data, or its path, whose test split names the people."""


def run(run: Run, protocol: ClipProtocol = PROTOCOL) -> None:
    """Measure what is not measured yet."""
    held_out = HeldOut.of(run, run.read_settings(Settings).faces, protocol.small, protocol.seed)
    subject = Subject(SYSTEM, zoo.load(SYSTEM), None, versions=versions_of(SYSTEM))
    parts = [
        Part("own", partial(cases_of, held_out, 0, protocol.each), measure),
        Part("small", partial(cases_of, held_out, protocol.small, protocol.each), measure),
        Part("unmarked", partial(cases_of, held_out, protocol.small, None), measure_unmarked),
    ]
    run_parts(run, STUDY.store(run.results), protocol, [(subject, part) for part in parts])


def cases_of(
    held_out: HeldOut, side: int, each: int | None, sets: PhotoSets, protocol: Protocol, subject: Subject
) -> list[Case]:
    """A case for each clip, the next one being the donor of its forgeries."""
    assert isinstance(protocol, ClipProtocol)
    photos = []
    for name in protocol.clip_sets:
        found = held_out.photographs((name,))
        photos += found if each is None else spread(found, each)
    following = [*photos[1:], photos[0]]
    return [
        Case(photo, side, place, donor)
        for place, (photo, donor) in enumerate(zip(photos, following, strict=True))
    ]


def measure(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    """One clip, as marked and after every channel."""
    assert isinstance(protocol, ClipProtocol)
    model, rng = MarkedFrames(subject.model), np.random.default_rng([protocol.seed, case.index])
    clip = Clip.of(case.photo, protocol.frames, case.size, rng)
    message = Message.draw(128, rng)
    assert message is not None
    marked = model.protect(clip.frames, identity=message.number.to_bytes(8, "big")).frames
    part = case_name(case)
    rows: list[Row] = [(part, _quality(clip.frames, marked))]
    groups: dict[str, dict[str, Values]] = {"files": {}}
    shown = marked
    for name, path, quality in FILES:
        frames = written(marked, Path(path), quality)
        shown = frames if name == "gif-file" else shown
        groups["files"][name] = message.read_frames(model.carrier, frames)
    groups["palettes"] = _after(message, model.carrier, QUANTIZERS, SentClip(marked, clip.frames), rng)
    for group, channels in CHANNELS.items():
        groups[group] = _after(message, model.carrier, channels, SentClip(shown, clip.frames), rng)
    assert case.donor is not None
    donor = Clip.of(case.donor, 1, case.size, np.random.default_rng([protocol.seed, case.index, 1])).donor()
    forged = {one.name: clip.forged(shown, one.name, donor, case.index) for one in DEEPFAKES}
    groups["deepfakes"] = {
        name: message.read_frames(model.carrier, frames)
        for name, frames in forged.items()
        if frames is not None
    }
    for group, values in groups.items():
        rows += [
            (f"{part}/{name}", {key: one[key] for key in ("ber", "identity")}) for name, one in values.items()
        ]
        if values:
            rows.append((f"{part}/{group}", mean_of(values.values())))
    return rows


def measure_unmarked(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    """Clips of one photograph or file without a mark, as real GIF files."""
    assert isinstance(protocol, ClipProtocol)
    rows: list[Row] = []
    for number in range(protocol.unmarked):
        rng = np.random.default_rng([protocol.seed, case.index, number])
        clip = Clip.of(case.photo, protocol.frames, (protocol.small, 0)[number % 2], rng)
        reading = subject.model.read_frames(written(clip.frames, Path("a.gif"), None))
        found = {"accepted": accepted_bits(reading), "present": reading.present is True}
        rows.append(("unmarked", found))
    return rows


def written(frames: np.ndarray, path: Path, quality: int | None) -> np.ndarray:
    """The frames that an animated file of this name shows."""
    animation = Animation(frames, None, (_DURATION_MS,) * len(frames), plays=0, format="GIF")
    return read_animation(encode_animation(animation, path, quality=quality).data).shown


def case_name(case: Case) -> str:
    """Of its part."""
    return "small" if case.size else "own"


def _after(
    message: Message,
    carrier: FrameCarrier,
    channels: Iterable[ClipChannel],
    sent: SentClip,
    rng: np.random.Generator,
) -> dict[str, Values]:
    return {one.name: message.read_frames(carrier, one(sent, rng).frames) for one in channels}


def mean_of(values: Iterable[Values]) -> dict[str, float]:
    """Over the channels of one clip."""
    found = list(values)
    return {key: float(np.mean([one[key] for one in found])) for key in ("ber", "identity", "wrong")}


def _quality(frames: np.ndarray, marked: np.ndarray) -> Values:
    first, middle = 0, len(frames) // 2
    flat = (-1, *frames.shape[2:])
    return {
        "psnr_db": psnr_db(frames.reshape(flat), marked.reshape(flat)),
        "ssim": float(np.mean([ssim(*pair) for pair in zip(frames, marked, strict=True)])),
        "ssimulacra2": float(np.mean([ssimulacra2(frames[n], marked[n]) for n in (first, middle)])),
    }


STUDY = Study(
    "animations",
    "marks of animations: files, palettes, codecs, geometry, timing, deepfakes, false accepts",
    run,
    tables.TABLES,
    Settings,
)
