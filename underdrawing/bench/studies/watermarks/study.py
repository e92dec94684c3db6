"""watermarks: marks of faces and of pictures by one protocol, benign channels, deepfakes, further embeddings.

    faces       crops of 128 px as the papers measure them: quality, and bits after every channel
    photos      whole photographs: the face is found again in the received picture
    again       1 to 5 further messages by the same carrier, and one by every other carrier
    unmarked    identities that are accepted where no mark is

A message is an identity of coding.short_identity in the longest code that the carrier has room for: a bit
error rate of 0 is a whole message, and "identity" needs an accepted code. PSNR and SSIM are of RGB in 8 bits.
The people are those of the test split of a set of `underdrawing forge`, in no training of marks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from underdrawing import zoo
from underdrawing.attacks.channel import Channel, Jpeg, Nothing, Webp
from underdrawing.attacks.face_channels import BENIGN, DEEPFAKES, Deepfake, FaceChannel, SentFace
from underdrawing.attacks.face_forgery.resynthesis import Resynthesis
from underdrawing.attacks.geometry import SCREENSHOT, Crop, Scale
from underdrawing.bench.harness.photographs import hash_photos
from underdrawing.bench.harness.record import Protocol, conditions, part_of, versions_of
from underdrawing.bench.harness.run import Row, Run, Study, columns_of, summarize
from underdrawing.bench.studies.watermarks import tables
from underdrawing.bench.studies.watermarks.messages import Message, Values, accepted
from underdrawing.bench.studies.watermarks.samples import HeldOut
from underdrawing.bench.studies.watermarks.turning import loaded
from underdrawing.core.errors import MissingExtraError, OutputError
from underdrawing.metrics.quality import psnr_db, ssim
from underdrawing.metrics.ssimulacra2 import ssimulacra2

PHOTO_CHANNELS: tuple[Channel, ...] = (
    Nothing(), Jpeg(50), Jpeg(30), Webp(50), Scale(0.7), Crop(0.7), SCREENSHOT,
)  # fmt: skip


@dataclass(frozen=True)
class MarkProtocol(Protocol):
    """Conditions of this study."""

    side: int = 128
    """Of the crops, px."""
    further: int = 5
    """Most further embeddings by the same carrier."""
    again_faces: int = 40
    """Faces that are marked again."""
    photo_sets: tuple[str, ...] = ("portraits", "wild", "caltech")


PROTOCOL = MarkProtocol("watermarks")


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    faces: str = "set"
    """Folder of `underdrawing forge` below --data, or its path."""
    carriers: str = ""
    """Names, separated by commas, NAME:turned too; empty: all of the zoo that can be loaded."""
    taef2: str = ""
    """Folder with the weights of TAEF2, which redraws faces too."""
    unmarked: int = 2000
    """Most unmarked crops: a carrier that searches for its mark takes up to a second for each."""


@dataclass
class Bench:
    """Samples and carriers of one run."""

    run: Run
    settings: Settings
    protocol: MarkProtocol

    @cached_property
    def held_out(self) -> HeldOut:
        """Errors: those of HeldOut.of."""
        return HeldOut.of(self.run, self.settings.faces, self.protocol.side, self.protocol.seed)

    @cached_property
    def carriers(self) -> dict[str, Any]:
        """By name, those of the settings."""
        chosen = [name for name in self.settings.carriers.split(",") if name]
        found = {name: loaded(name) for name in chosen} if chosen else zoo.available("carrier")[0]
        if not found:
            raise OutputError("no carrier can be loaded")
        return found

    @cached_property
    def deepfakes(self) -> tuple[FaceChannel, ...]:
        """The forgeries of the laboratory, and TAEF2 where its weights are given."""
        if not self.settings.taef2:
            return DEEPFAKES
        from underdrawing.nets.tiny_autoencoder import TinyAutoencoder

        redrawn = Resynthesis(TinyAutoencoder(Path(self.settings.taef2)), (96, 160))
        return (*DEEPFAKES, Deepfake("taef2", redrawn))

    def rng(self, place: int) -> np.random.Generator:
        """The generator of one sample: the same message and channels for every carrier."""
        return np.random.default_rng([self.protocol.seed, place])


Rows = list[tuple[str, list[Row]]]
"""Name of a sample, and its values."""


def run(run: Run, protocol: MarkProtocol = PROTOCOL) -> None:
    """Measure what is not measured yet, part by part. OutputError where no part of this name exists."""
    bench = Bench(run, run.read_settings(Settings), protocol)
    store, known, chosen = STUDY.store(run.results), [], []
    for name in bench.carriers:
        for part, measure in _PARTS.items():
            known.append(f"{part}-{name.replace(':', '-')}")
            if run.selects(known[-1]):
                chosen.append((known[-1], name, measure))
    if not chosen:
        raise OutputError(f"no part is called {', '.join(run.only)}; there are: {', '.join(known)}")
    for done, (part, name, measure) in enumerate(chosen):
        run.progress(part, done, len(chosen))
        if not run.again and part in store.parts:
            continue
        start, at = time.process_time(), conditions(protocol)
        rows, data_hash = measure(bench, name)
        facts = {"photos": len(rows), "strength": 1.0, "data_hash": data_hash}
        facts |= {"seconds": round(time.process_time() - start, 1)}
        facts["figures"] = summarize(row for _, sample in rows for row in sample)
        store.write(name, part, part_of(protocol, at, versions_of(name), **facts), columns_of(rows))


def measure_faces(bench: Bench, name: str) -> tuple[Rows, str]:
    """Quality of marked crops, and bits after benign channels and deepfakes."""
    carrier, label, rows = in_place(bench.carriers[name]), name.replace(":", "-"), []
    for place, face in enumerate(bench.held_out.faces):
        rng = bench.rng(place)
        message = Message.draw(carrier.capacity_bits(face.original), rng)
        marked = message and message.embed(carrier, face.original)
        if not message or not marked:
            rows.append((f"face{place}", [(label, {"has_room": False})]))
            continue
        sent = SentFace(marked[0], face.original, face.landmarks, face.donor)
        quality = {"has_room": True, "bits": float(len(message.bits)), "embed_ms": marked[1]}
        found: list[Row] = [(label, quality | _quality(face.original, marked[0]))]
        groups = {"benign": BENIGN}
        if sent.face is not None:
            groups["deepfakes"] = bench.deepfakes
        for group, channels in groups.items():
            values = {channel.name: message.read(carrier, channel(sent, rng)) for channel in channels}
            found += [(f"{label}/{channel}", value) for channel, value in values.items()]
            found.append((f"{label}/{group}", _mean(values.values())))
        rows.append((f"face{place}", found))
    return rows, bench.held_out.digest


def measure_photos(bench: Bench, name: str) -> tuple[Rows, str]:
    """Whole photographs of people."""
    carrier, label, rows = bench.carriers[name], f"{name.replace(':', '-')}/photo", []
    photos = bench.held_out.photographs(bench.protocol.photo_sets)
    for place, photo in enumerate(photos):
        image, rng = photo.load(), bench.rng(place)
        message = Message.draw(carrier.capacity_bits(image), rng)
        marked = message and message.embed(carrier, image)
        if not message or not marked:
            rows.append((photo.name, [(label, {"has_room": False})]))
            continue
        quality = {"has_room": True, "bits": float(len(message.bits)), "psnr_db": psnr_db(image, marked[0])}
        found: list[Row] = [(label, quality | {"embed_ms": marked[1]})]
        for channel in PHOTO_CHANNELS:
            found.append((f"{label}/{channel.name}", message.read(carrier, channel(marked[0], rng))))
        rows.append((photo.name, found))
    return rows, hash_photos(photos)


def measure_again(bench: Bench, name: str) -> tuple[Rows, str]:
    """The first message after further ones, by the same carrier and by each other one."""
    carrier, label, rows = in_place(bench.carriers[name]), f"{name.replace(':', '-')}/again", []
    for place, face in enumerate(bench.held_out.faces[: bench.protocol.again_faces]):
        rng, original = bench.rng(place), face.original
        first = Message.draw(carrier.capacity_bits(original), rng)
        marked = first and first.embed(carrier, original)
        if not first or not marked:
            continue
        found: list[Row] = [(f"{label}/0", _after(first, carrier, original, marked[0]))]
        received = marked[0]
        for count in range(1, bench.protocol.further + 1):
            further = _marked_again(carrier, received, rng)
            if further is None:
                break
            received = further
            found.append((f"{label}/{count}", _after(first, carrier, original, received)))
        for other, attacker in bench.carriers.items():
            further = _marked_again(attacker, marked[0], rng) if other != name else None
            if further is not None:
                place_of_other = f"{label}/by-{other.replace(':', '-')}"
                found.append((place_of_other, _after(first, carrier, original, further)))
        rows.append((f"face{place}", found))
    return rows, bench.held_out.digest


def measure_unmarked(bench: Bench, name: str) -> tuple[Rows, str]:
    """False accepts on crops without a mark."""
    carrier, label = in_place(bench.carriers[name]), f"{name.replace(':', '-')}/unmarked"
    rows: Rows = []
    for place, crop in enumerate(bench.held_out.every_crop(bench.settings.unmarked)):
        found = accepted(carrier, crop)
        if found is not None:
            rows.append((f"crop{place}", [(label, {"accepted": found})]))
    return rows, bench.held_out.digest


_PARTS: Mapping[str, Callable[[Bench, str], tuple[Rows, str]]] = {
    "faces": measure_faces, "photos": measure_photos, "again": measure_again, "unmarked": measure_unmarked,
}  # fmt: skip


def in_place(carrier: Any) -> Any:
    """The carrier without its search for moved pictures, where it has one: crops keep their frame."""
    return replace(carrier, moved=False) if hasattr(carrier, "moved") else carrier


def _quality(original: np.ndarray, marked: np.ndarray) -> Values:
    values: Values = {"psnr_db": psnr_db(original, marked), "ssim": ssim(original, marked)}
    with suppress(MissingExtraError):
        values["ssimulacra2"] = ssimulacra2(original, marked)
    return values


def _mean(values: Iterable[Values]) -> dict[str, float]:
    """Over the channels of one face."""
    values = list(values)
    return {
        name: float(np.mean([one[name] for one in values])) for name in ("ber", "exact", "identity", "wrong")
    }


def _marked_again(carrier: Any, image_u8: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    message = Message.draw(carrier.capacity_bits(image_u8), rng)
    marked = message and message.embed(carrier, image_u8)
    return marked[0] if marked else None


def _after(first: Message, carrier: Any, original: np.ndarray, received: np.ndarray) -> Values:
    return first.read(carrier, received) | {"psnr_db": psnr_db(original, received)}


STUDY = Study(
    "watermarks",
    "marks of faces: quality, benign channels, deepfakes, further embeddings, false accepts",
    run,
    tables.TABLES,
    Settings,
)
