"""Protecting and verifying animated files: the steps of pictures, with frames in place of pixels.

    Animation -> MarkedFrames.protect -> file -> read back -> report, and record with the first frame
    Animation -> MarkedFrames.verify -> identity -> its record, proven where a frame shows the registered one

The mark has no room for a signature; the owner signs the record.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from underdrawing import zoo
from underdrawing.api.read_back import ReadBack
from underdrawing.api.registered import Consulted
from underdrawing.api.verifying import Judge, published
from underdrawing.coding.keys import Owner
from underdrawing.core.types import Verdict
from underdrawing.data.animations import Animation, read_animation
from underdrawing.data.pictures import MAX_PIXELS
from underdrawing.data.sources import SourcePicture
from underdrawing.judging.marked_frames import MarkedFrames
from underdrawing.metrics.quality import psnr_db, ssim
from underdrawing.registry import embedding
from underdrawing.registry.facts import Facts
from underdrawing.registry.hashes import file_hash, perceptual_hash, pixel_hash
from underdrawing.registry.placing import first_aligned
from underdrawing.registry.record import Copy, Entry, Record, now
from underdrawing.registry.rendition import LONG_SIDE_PX, render
from underdrawing.registry.store import Registry
from underdrawing.report.reports import ProtectReport, VerifyReport

SYSTEM = "gifguard"
"""Marks animations, where `photo` marks pictures."""
_UNSIGNED = "the mark of an animation has no room for a signature; with a registry its record is signed"
_FIRST_SHOWN = "pictures of this report show its first frame"
_UNPROVEN = "No frame shows the registered animation: its record is not proven for this one."
_MOST_RECORDS, _MOST_FRAMES = 2, 2  # of an identity, and of the animation, that are compared


def system_of(system: str) -> str | None:
    """The system that marks the animations of a session with this one; None where there is none with weights,
    and animated files are refused."""
    if system not in ("photo", SYSTEM) or SYSTEM not in zoo.names():
        return None
    weights = zoo.card(SYSTEM).own_weights
    return SYSTEM if weights and all(weight.path.is_file() for weight in weights) else None


def load(system: str) -> MarkedFrames:
    """The marker of animations. WeightsError, MissingExtraError."""
    return MarkedFrames(zoo.load(system))


@dataclass(frozen=True)
class FrameEmbedder:
    """As protecting.Embedder, for sources with an animation."""

    model: MarkedFrames
    system: str
    owner: Owner | None
    secret: bytes | None
    strength: float
    rendition_px: int = LONG_SIDE_PX
    """Longest side of the first frame's rendition that is kept with a record; 0 keeps none."""

    def embed(self, source: SourcePicture, identity: bytes | None, facts: Facts | None) -> ProtectReport:
        """Protect an animation in memory. facts: of the record; None makes no record. CapacityError."""
        start = time.perf_counter()
        animation = _animation(source)
        shown = animation.shown
        protection = self.model.protect(shown, identity=identity, secret=self.secret, strength=self.strength)
        protected = animation.with_pixels(_changed(animation, shown, protection.frames))
        earlier = self.model.verify(shown).identity
        already = None if earlier is None else (earlier, None)
        seconds = time.perf_counter() - start
        picture = replace(source.picture, pixels=protected.pixels[0])
        report = ProtectReport(
            file=source.name,
            output=None,
            identity=protection.identity,
            psnr_db=psnr_db(_stacked(animation.pixels), _stacked(protected.pixels)),
            ssim=float(
                np.mean([ssim(*pair) for pair in zip(animation.pixels, protected.pixels, strict=True)])
            ),
            bits=dict(protection.bits),
            seconds=seconds,
            signed_by=None,
            protected=picture,
            animation=protected,
            source_file=source.data,
            already=already,
            notes=(
                *source.picture.notes,
                *(() if self.owner is None else (_UNSIGNED,)),
                _described(animation),
            ),
        )
        return report if facts is None else replace(report, record=self._record(source, report, facts))

    def _record(self, source: SourcePicture, report: ProtectReport, facts: Facts) -> Record:
        """Hashes are those of all frames; embedding and rendition those of the first one."""
        first, protected = source.picture.shown, report.protected.shown
        assert report.animation is not None
        digest = None if source.data is None else file_hash(source.data)
        height, width = first.shape[:2]
        return Record(
            original=Copy(pixel_hash(_animation(source).pixels), perceptual_hash(first), digest),
            protected=Copy(pixel_hash(report.animation.pixels), perceptual_hash(protected), None),
            size=(width, height),
            registered=now(),
            system=self.system,
            identity=report.identity,
            owner=None if self.owner is None else self.owner.public,
            vector=embedding.pack(embedding.embed(first)),
            embedding=embedding.NAME,
            facts=facts,
            previous=report.already,
            rendition=render(first, self.rendition_px) if self.rendition_px else None,
        )


@dataclass(frozen=True)
class FrameReader:
    """As read_back.Reader, for animations."""

    model: MarkedFrames
    max_pixels: int = MAX_PIXELS

    def read(self, source: bytes | np.ndarray) -> ReadBack:
        """What is found. source: the bytes of an animated file, or frames (T, H, W, 3). PictureError."""
        if isinstance(source, bytes):
            source = read_animation(source, max_pixels=self.max_pixels).shown
        verdict = self.model.verify(source)
        return ReadBack(verdict.identity, None, {}, verdict.present)


@dataclass(frozen=True)
class FrameJudge:
    """As verifying.Judge, for sources with an animation."""

    pictures: Judge
    """Whose registry and trust store are consulted."""
    model: MarkedFrames

    def judge(self, source: SourcePicture) -> VerifyReport:
        """Verify an animation. RegistryError."""
        start = time.perf_counter()
        animation = _animation(source)
        frames = animation.shown
        consulted = self._consult(self.model.verify(frames), frames)
        entry, verdict = consulted.entry, consulted.verdict
        count, height, width = frames.shape[:3]
        shape = {"frames": count, "size": [width, height], "seconds": sum(animation.durations_ms) / 1000}
        return VerifyReport(
            file=source.name,
            verdict=replace(verdict, details=verdict.details | {"animation": shape}),
            seconds=time.perf_counter() - start,
            picture=source.picture,
            sha256=None if source.data is None else file_hash(source.data),
            checked=now(),
            record=None if entry is None else published(entry, consulted.proven),
            notes=(*source.picture.notes, _described(animation), _FIRST_SHOWN),
        )

    def _consult(self, verdict: Verdict, frames: np.ndarray) -> Consulted:
        """The verdict with the record of its identity. A record is proven by a frame that shows the rendition
        of the registered one, unless its signature is not valid: anybody can embed an identity."""
        registry = self.pictures.registry
        if registry is None or verdict.identity is None:
            return Consulted(verdict)
        entries = registry.by_identity(verdict.identity)[:_MOST_RECORDS]
        if not entries:
            return Consulted(replace(verdict, message=f"{verdict.message} The registry lacks this identity."))
        shown = next(_showing(registry, entries, frames), None)
        entry = entries[0] if shown is None else shown
        proven = shown is not None and entry.record.signature_state() != "invalid"
        found = _UNPROVEN if shown is None else "A frame shows the registered animation."
        signed = _signed(entry.record, self.pictures.signer_name(entry.record.owner))
        return Consulted(replace(verdict, message=f"{verdict.message} {found} {signed}"), entry, proven)


def _showing(registry: Registry, entries: list[Entry], frames: np.ndarray) -> Iterator[Entry]:
    """Records whose renditions are aligned with the first or the middle frame."""
    for number in sorted({0, len(frames) // 2})[:_MOST_FRAMES]:
        placed, _ = first_aligned(registry, entries, frames[number])
        if placed is not None:
            yield placed.entry


def _signed(record: Record, name: str | None) -> str:
    state, owner = record.signature_state(), record.owner
    if state == "invalid":
        return "The signature of its record is not valid."
    if state != "valid" or owner is None:
        return "Its record is not signed."
    known = "not among those trusted here" if name is None else f"trusted here as {name}"
    return f"Its record is signed by key {owner.fingerprint}, {known}."


def _animation(source: SourcePicture) -> Animation:
    assert source.animation is not None
    return source.animation


def _changed(animation: Animation, shown: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """The pixels, moved as far as the mark moves the frames that are shown; (T, H, W, 3) uint8."""
    if animation.alpha is None:
        return marked
    pixels = np.empty_like(marked)
    for out, own, before, after in zip(pixels, animation.pixels, shown, marked, strict=True):
        out[:] = np.clip(own + (after.astype(np.int16) - before), 0, 255)
    return pixels


def _stacked(frames: np.ndarray) -> np.ndarray:
    """All frames below each other, (T H, W, 3)."""
    return frames.reshape(-1, *frames.shape[2:])


def _described(animation: Animation) -> str:
    seconds = sum(animation.durations_ms) / 1000
    count = len(animation.durations_ms)
    return f"an animation of {count} frame{'' if count == 1 else 's'}, {seconds:.2f} s"
