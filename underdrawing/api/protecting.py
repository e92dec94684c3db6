"""Protecting without effects: a picture to its protected picture, record and file contents."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np

from underdrawing.coding.keys import Owner
from underdrawing.coding.labels import Label, named_label
from underdrawing.coding.payload import Previous
from underdrawing.content.importance.request import DEFAULT_FOCUS, ContentRequest, FocusRequest, SigningPlace
from underdrawing.core.errors import KeyFileError, UsageError
from underdrawing.credentials.signing import CredentialSigner, Original
from underdrawing.data.animations import encode_animation
from underdrawing.data.files import storable
from underdrawing.data.pictures import Picture, encode_picture
from underdrawing.data.sources import SourcePicture
from underdrawing.judging.signed_content import LOCAL_BITS
from underdrawing.metrics.quality import psnr_db, ssim
from underdrawing.registry import embedding
from underdrawing.registry.facts import Facts
from underdrawing.registry.hashes import file_hash, perceptual_hash, pixel_hash
from underdrawing.registry.record import FORMAT, FORMAT_WITH_MARK_SIGNATURE, Copy, Record, now
from underdrawing.registry.rendition import FULL, LEAST_PX, LONG_SIDE_PX, render
from underdrawing.report.reports import LAYERS, ProtectReport

AUTO = "auto"
"""A label by the classifier."""
_IDENTITY_BYTES = 8
_IN_REGISTRY = (
    "the signature is kept in the registry, and not in the picture: verify needs this registry to find it"
)
_NO_ROOM = "not signed: this picture is too small or too flat to hold a signature; a higher strength may help"


@dataclass(frozen=True)
class EncodedFile:
    """The content of a protected picture's file."""

    data: bytes
    manifest: bytes | None = None
    """The manifest store inside `data`; None without Content Credentials."""
    notes: tuple[str, ...] = ()
    """What the picture has and the file lacks, or has in another form; a sentence each."""


class Recorded(NamedTuple):
    """Facts of a picture that the mark is to record where it has room; None takes those of the registry."""

    caption: str | None = None
    """Its hash is recorded."""
    label: str | None = None
    """What the picture shows: a class of ImageNet, its index, or "auto" for that of the classifier."""


NOTHING: Recorded = Recorded()


@dataclass(frozen=True)
class Embedder:
    """A system and its settings, the same for many pictures."""

    model: Any
    """Of the zoo."""
    system: str
    """Its name."""
    owner: Owner | None
    secret: bytes | None
    strength: float
    rendition_px: int = LONG_SIDE_PX
    """Longest side of the rendition of the original that is kept with a record; 0 keeps none."""
    focus: FocusRequest = DEFAULT_FOCUS
    """Places that get more of the content code, in systems that have one."""
    recorded: Recorded = NOTHING
    lossless: bool = False
    """Whether the product is stored losslessly, and gets a layer that holds there only."""
    signing: SigningPlace = "mark"
    """Of the signature; in the mark where no record is made."""

    def embed(self, source: SourcePicture, identity: bytes | None, facts: Facts | None) -> ProtectReport:
        """Protect a picture in memory. facts: of the record; None makes no record."""
        picture, start = source.picture, time.perf_counter()
        earlier = self._earlier(picture)
        already = None if earlier is None else _stated(earlier)
        stated = {} if earlier is None else {"previous": earlier}
        if hasattr(self.model, "importance"):
            caption = self.recorded.caption or (None if facts is None else facts.caption)
            stated["content"] = ContentRequest(
                self.focus, caption, self._label(picture, facts), "mark" if facts is None else self.signing
            )
        elif self.recorded.label is not None:
            raise UsageError(f"{self.system} records no label; leave it out")
        protection = self.model.protect(
            picture.shown,
            owner=self.owner,
            secret=self.secret,
            identity=identity,
            strength=self.strength,
            **stated,
        )
        protected = replace(picture, pixels=_changed(picture, protection))
        signed = getattr(protection, "signed", True)
        if self.lossless:
            protected = self._with_lossless_layer(picture, protected, protection.identity, signed)
        seconds = time.perf_counter() - start
        unsigned = getattr(self.model, "unsigned_note", _NO_ROOM)
        notes: tuple[str, ...] = () if self.owner is None or signed else (unsigned,)
        notes += () if getattr(protection, "signature", None) is None else (_IN_REGISTRY,)
        notes += (*getattr(protection, "notes", ()), *_poor_content(protection.bits))
        return ProtectReport(
            file=source.name,
            output=None,
            identity=protection.identity,
            psnr_db=psnr_db(picture.image, protected.image),
            ssim=ssim(picture.image, protected.image),
            bits=dict(protection.bits),
            seconds=seconds,
            signed_by=self.owner.public.fingerprint if self.owner is not None and signed else None,
            protected=protected,
            source_file=source.data,
            record=None if facts is None else self._record(source, protected, protection, facts, already),
            already=already,
            notes=picture.notes + notes,
        )

    def _label(self, picture: Picture, facts: Facts | None) -> Label | None:
        """The label that is asked for, or the one of the facts where it names a class."""
        if self.recorded.label == AUTO:
            from underdrawing.content.labelling.recognizer import load_recognizer

            look = load_recognizer().look(picture.shown)
            return Label(look.label, look.confidence)
        if self.recorded.label is not None:
            return named_label(self.recorded.label)
        if facts is not None and facts.label is not None:
            with suppress(UsageError):
                return named_label(facts.label)
        return None

    def _with_lossless_layer(
        self, picture: Picture, protected: Picture, identity: str, signed: bool
    ) -> Picture:
        """The protected picture with the layer of lossless copies, where the system has one and the picture
        is opaque and in colour."""
        add = getattr(self.model, "with_lossless_layer", None)
        transparent = picture.alpha is not None and bool(
            (picture.alpha < np.iinfo(picture.alpha.dtype).max).any()
        )
        if add is None or picture.gray or transparent:
            return protected
        owner, raw = self.owner if signed else None, bytes.fromhex(identity)
        return protected.with_image(add(protected.image, picture.image, raw, owner=owner, secret=self.secret))

    def _earlier(self, picture: Picture) -> Any:
        """coding.payload.Previous of a picture that is protected already, by a system that can state it."""
        find = getattr(self.model, "earlier", None)
        return None if find is None else find(picture.shown, secret=self.secret)

    def _record(
        self,
        source: SourcePicture,
        protected: Picture,
        protection: Any,
        facts: Facts,
        previous: tuple[str, str | None] | None,
    ) -> Record:
        height, width = protected.pixels.shape[:2]
        of_mark = getattr(protection, "signature", None)
        return Record(
            original=_copy(source.picture, source.data),
            protected=_copy(protected, None),
            size=(width, height),
            registered=now(),
            system=self.system,
            identity=protection.identity,
            owner=None if self.owner is None else self.owner.public,
            code=getattr(protection, "code", None),  # not every system has a code apart from its residual
            vector=embedding.pack(embedding.embed(source.picture.shown)),
            embedding=embedding.NAME,
            facts=facts,
            previous=previous,
            rendition=render(source.picture.shown, self.rendition_px) if self.rendition_px else None,
            mark_signature=of_mark,
            format=FORMAT if of_mark is None else FORMAT_WITH_MARK_SIGNATURE,
        )


def encode(
    report: ProtectReport, name: str, signer: CredentialSigner | None, system: str, quality: int | None = None
) -> EncodedFile:
    """The file of a protected picture in the format of the suffix of `name`, with Content Credentials where
    there is a signer. quality: as in `encode_picture`. Errors: those of encode_picture and of
    CredentialSigner.sign; UsageError for Content Credentials of an animation."""
    if report.animation is not None:
        if signer is not None:
            raise UsageError("Content Credentials are not written into animations; leave them out")
        written = encode_animation(report.animation, Path(name), quality=quality)
        return EncodedFile(written.data, notes=written.notes)
    if signer is None:
        written = encode_picture(report.protected, Path(name), quality=quality)
        return EncodedFile(written.data, notes=written.notes)
    title = None if report.file is None else storable(Path(report.file).name)
    original = Original(title, report.source_file or b"", report.protected.format)
    written, store = signer.sign_picture(
        report.protected,
        Path(name),
        identity=report.identity,
        system=system,
        original=original,
        quality=quality,
    )
    return EncodedFile(written.data, store, written.notes)


def placed_record(
    record: Record,
    file: bytes | None,
    *,
    original: str | None = None,
    protected: str | None = None,
    owner: Owner | None = None,
) -> Record:
    """A record with what is known once the protected picture is encoded, signed by its owner.

    owner: None leaves the record unsigned; verify does not rely on what an unsigned record says.
    file: content of the protected picture's file; None where none is written.
    original, protected: paths or URLs where the two files are kept; None where they are not.
    """
    places = [None if place is None else storable(place) for place in (original, protected)]
    placed = replace(
        record,
        original=replace(record.original, place=places[0]),
        protected=replace(record.protected, place=places[1], file=None if file is None else file_hash(file)),
    )
    return placed.signed(owner)


def to_facts(facts: Facts | Mapping[str, Any] | None) -> Facts:
    """Facts from a mapping. RegistryError where it does not follow registry/facts.schema.json."""
    return facts if isinstance(facts, Facts) else Facts.from_json(facts or {})


def check_settings(
    quality: int | None, rendition_px: int, signing: SigningPlace, system: str, registry: object | None
) -> None:
    """UsageError for settings of a Session that are out of range, or contradict each other."""
    if quality is not None and not 1 <= quality <= 100:
        raise UsageError(f"expected a quality from 1 to 100, got {quality}")
    if rendition_px and not LEAST_PX <= rendition_px <= FULL:
        raise UsageError(
            f"expected a rendition of {LEAST_PX} to {FULL} px, or 0 for none, got {rendition_px}"
        )
    places = get_args(SigningPlace)
    if signing not in places:
        raise UsageError(f"expected the place of the signature, one of {', '.join(places)}, got {signing!r}")
    if signing == "registry" and (system != "photo" or registry is None):
        raise UsageError("only a registry keeps the signature of a mark, of system photo; name a registry")


def identity_bytes(identity: str | bytes | None) -> bytes | None:
    """The 8 bytes of an identity, given as such or as 16 hex digits; KeyFileError for anything else."""
    if identity is None:
        return None
    try:
        raw = bytes.fromhex(identity) if isinstance(identity, str) else identity
    except ValueError:
        raw = b""
    if len(raw) != _IDENTITY_BYTES:
        raise KeyFileError(f"an identity is 16 hex digits (8 bytes), got {identity!r}")
    return raw


def _changed(picture: Picture, protection: Any) -> np.ndarray:
    """The protected pixels; those that nobody can see stay as they are."""
    pixels = protection.apply(picture.pixels)
    return pixels if picture.alpha is None else np.where(picture.alpha[..., None] > 0, pixels, picture.pixels)


def _poor_content(bits: Mapping[str, int]) -> tuple[str, ...]:
    """A sentence where the mark of a picture has a content code of few bits, or none."""
    count = bits.get("content", LOCAL_BITS)
    if count >= LOCAL_BITS:
        return ()
    if count:
        room = f"room for {count} bits of content code"
        limits = "of what was there before an edit, verify will show its colours at most"
    else:
        room = f"{sum(bits.get(layer, 0) for layer in LAYERS)} bits and no room for a content code"
        limits = "re-encoded, edits of text and lines may be missed, and nothing of what was there is shown"
    reason = "too small, or too much of it white, black or flat, as text and line art"
    return (f"{reason}: the mark has {room}; {limits}",)


def _stated(earlier: Previous) -> tuple[str, str | None]:
    """Identity and start of the key's fingerprint, in hex digits."""
    return earlier.identity.hex(), None if earlier.fingerprint is None else earlier.fingerprint.hex()


def _copy(picture: Picture, file: bytes | None) -> Copy:
    digest = None if file is None else file_hash(file)
    return Copy(pixel_hash(picture.pixels), perceptual_hash(picture.shown), digest)
