"""Producing: protect, encode and read back; a mark that is not read back is embedded again, stronger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from underdrawing.api.animated import FrameEmbedder, FrameReader
from underdrawing.api.protecting import Embedder, EncodedFile
from underdrawing.api.read_back import ReadBack, Reader
from underdrawing.core.errors import CapacityError
from underdrawing.data.containers import container_of
from underdrawing.data.sources import SourcePicture
from underdrawing.registry.facts import Facts
from underdrawing.report.reports import ProtectReport

_FACTORS = (1.0, 1.45, 2.1)
"""On the strength, tried in turn; the product is at most the last one."""
FINER_QUALITY = 95
_STRONGER_NOTE = "embedded stronger than asked for: at strength"
_NAMES = {"mark": "the mark", "identity": "the identity", "signature": "the signature",
          "middle": "the first part of the content code"}  # fmt: skip
_TOP_LOST = (
    "the second part of the content code is not readable in this file: "
    "verify will show less detail of what was there"
)


@dataclass(frozen=True)
class Producer:
    """Protects pictures so that the report states what a reader finds."""

    embedder: Embedder | FrameEmbedder
    reader: Reader | FrameReader
    encode: Callable[[ProtectReport], EncodedFile] | None = None
    """Makes the file; None: the pixels are the product, and are read back."""
    may_refine: bool = True
    """Whether a JPEG file may get a finer quantizer than its input has."""

    def produce(
        self, source: SourcePicture, identity: bytes | None, facts: Facts | None
    ) -> tuple[ProtectReport, EncodedFile | None]:
        """The report, whose identity, signature and bits were read back, and the file.

        Errors: those of embedding and encoding; CapacityError, which names what was promised and what was
        found, where the strongest mark is not read back either.
        """
        problem = CapacityError("nothing was tried")
        notes: tuple[str, ...] = ()
        for strength in _strengths(self.embedder.strength):
            try:
                report = replace(self.embedder, strength=strength).embed(source, identity, facts)
            except CapacityError as error:
                problem, notes = error, (f"{_STRONGER_NOTE} {strength:.3g}, {error}",)
                continue
            encoded = None if self.encode is None else self.encode(report)
            reader = self._reader(report)
            found = reader.read(_product(report) if encoded is None else encoded.data)
            if encoded is not None and found.missing(report):
                report, encoded, found = self._finer(report, encoded, found, reader)
            lost = [_NAMES[name] for name in found.missing(report) if name in _NAMES]
            if not lost:
                return _confirmed(_with_growth(report, encoded), found, notes), encoded
            what = " and ".join(lost)
            notes = (f"{_STRONGER_NOTE} {strength:.3g}, {what} could not be read back",)
            problem = _not_read(report, found, what)
        raise problem

    def _reader(self, report: ProtectReport) -> Reader | FrameReader:
        """The reader, which knows the signature that the registry is to keep."""
        kept = None if report.record is None else report.record.mark_signature
        if kept is None or isinstance(self.reader, FrameReader):
            return self.reader
        return replace(self.reader, signature=kept)

    def _finer(
        self, report: ProtectReport, encoded: EncodedFile, found: ReadBack, reader: Reader | FrameReader
    ) -> tuple[ProtectReport, EncodedFile, ReadBack]:
        """The same with a finer quantizer, where the file is a JPEG in that of its input and more is read."""
        picture = report.protected
        if report.animation is not None:
            return report, encoded, found
        own = container_of(encoded.data).FORMAT == picture.format == "JPEG"
        if self.encode is None or not self.may_refine or not own or (picture.quality or 0) >= FINER_QUALITY:
            return report, encoded, found
        finer = replace(report, protected=replace(picture, quality=FINER_QUALITY))
        other = self.encode(finer)
        read = reader.read(other.data)
        if len(read.missing(report)) < len(found.missing(report)):
            return finer, other, read
        return report, encoded, found


def _product(report: ProtectReport) -> np.ndarray:
    """The protected pixels or frames, as a reader takes them."""
    return report.protected.shown if report.animation is None else report.animation.shown


def _strengths(asked: float) -> list[float]:
    stronger = (asked * factor for factor in _FACTORS[1:])
    return [asked, *(strength for strength in stronger if strength <= _FACTORS[-1])]


def _with_growth(report: ProtectReport, encoded: EncodedFile | None) -> ProtectReport:
    if encoded is None or not report.source_file:
        return report
    return replace(report, growth=len(encoded.data) / len(report.source_file))


def _confirmed(report: ProtectReport, found: ReadBack, notes: tuple[str, ...]) -> ProtectReport:
    if "top" in found.missing(report):
        notes = (*notes, _TOP_LOST)
    return replace(
        report,
        signed_by=found.signed_by if report.signed_by else None,
        bits=found.bits or report.bits,
        notes=(*report.notes, *notes),
    )


def _not_read(report: ProtectReport, found: ReadBack, lost: str) -> CapacityError:
    return CapacityError(
        f"{lost} cannot be read back: expected identity {report.identity}, signed by {report.signed_by}; "
        f"found identity {found.identity}, signed by {found.signed_by}. The picture is too small or too "
        "flat, or its file is compressed too strongly"
    )
