"""Answers of a server as typed objects. Fields that a newer server adds are in `raw`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Json = dict[str, Any]
Status = Literal["intact", "altered", "unvouched", "unprotected"]
Do = Literal["protect", "verify", "retrieve", "examine"]
FaceStatus = Literal["signs", "none", "unknown"]


@dataclass(frozen=True)
class Artefact:
    """A file of an answer, until it expires; `Client.fetch` gets its content."""

    url: str
    media_type: str
    bytes: int


@dataclass(frozen=True)
class Signature:
    """The signature of the owner."""

    state: Literal["valid", "invalid", "absent", "unknown"]
    key: str | None
    """Fingerprint of the signer's public key."""
    trusted: bool
    name: str | None
    """Of that key in the server's trust store."""


@dataclass(frozen=True)
class Witness:
    """One source of evidence; docs/TRUST.md."""

    name: str
    state: Literal["agrees", "contradicts", "silent"]
    binding: bool
    share: float
    least_area: float | None
    message: str


@dataclass(frozen=True)
class Record:
    """A record of the registry; fields that the role may not read are None."""

    identity: str | None
    registered: str
    system: str
    size: tuple[int, int] | None
    facts: Mapping[str, Any]
    number: int | None
    manifest: str | None
    """Path of its stored Content Credentials."""
    raw: Json = field(repr=False)

    @classmethod
    def of(cls, raw: Json) -> Record:
        """From the JSON object."""
        size = raw.get("size")
        return cls(
            raw.get("identity"),
            raw["registered"],
            raw["system"],
            None if size is None else (size[0], size[1]),
            raw.get("facts") or {},
            raw.get("number"),
            raw.get("manifest"),
            raw,
        )


@dataclass(frozen=True)
class Verification:
    """The verdict on a picture."""

    status: Status
    message: str
    file: str | None
    present: bool
    identity: str | None
    signature: Signature
    altered_fraction: float | None
    content_matches: bool | None
    witnesses: tuple[Witness, ...]
    records: tuple[Record, ...]
    credentials: str | None
    """State of the Content Credentials: none, valid, untrusted, invalid, unread."""
    artefacts: Mapping[str, Artefact]
    """mask, recovered, report and others by kind."""
    raw: Json = field(repr=False)

    @classmethod
    def of(cls, raw: Json) -> Verification:
        """From the JSON object."""
        signature, assurance = raw["signature"], raw.get("assurance") or {}
        credentials = raw.get("credentials")
        return cls(
            raw["status"],
            raw["message"],
            raw.get("file"),
            raw["present"],
            raw.get("identity"),
            Signature(signature["state"], signature["key"], signature["trusted"], signature["name"]),
            raw.get("altered_fraction"),
            raw.get("content_matches"),
            tuple(map(_witness, assurance.get("witnesses", ()))),
            tuple(map(Record.of, raw["records"])),
            None if credentials is None else credentials["state"],
            _artefacts(raw),
            raw,
        )


@dataclass(frozen=True)
class Protection:
    """A protected picture; `Client.fetch(protection.protected)` gets its file."""

    file: str | None
    identity: str | None
    signed_by: str | None
    registered: int | None
    credentials: bool
    psnr_db: float | None
    protected: Artefact
    raw: Json = field(repr=False)

    @classmethod
    def of(cls, raw: Json) -> Protection:
        """From the JSON object."""
        return cls(
            raw.get("file"),
            raw.get("identity"),
            raw.get("signed_by"),
            raw.get("registered"),
            raw["credentials"],
            raw.get("psnr_db"),
            _artefacts(raw)["protected"],
            raw,
        )


@dataclass(frozen=True)
class Match:
    """A registered photograph that a picture may come from."""

    record: Record
    by: Literal["identity", "embedding"]
    score: float
    sure: bool
    """False: only the nearest record."""


@dataclass(frozen=True)
class Found:
    """The registered photographs that match a picture, best first."""

    status: Literal["found", "not found"]
    matches: tuple[Match, ...]
    raw: Json = field(repr=False)

    @classmethod
    def of(cls, raw: Json) -> Found:
        """From the JSON object."""
        matches = (
            Match(Record.of(match), match["by"], match["score"], match["sure"]) for match in raw["matches"]
        )
        return cls(raw["status"], tuple(matches), raw)


@dataclass(frozen=True)
class Face:
    """One face of an examined picture; docs/EXAMINE.md."""

    box: tuple[float, float, float, float]
    """Left, top, width, height in px of the picture."""
    status: FaceStatus
    fake_prob: Mapping[str, float | None]
    """By detector; None: outside what that detector knows."""
    joint_prob: float | None
    """By all detectors together; None where they cannot tell."""
    reason: str | None
    """Why the status is unknown: small, turned, outside, between, undecided."""


@dataclass(frozen=True)
class Evidence:
    """What one classical method finds in a whole picture; it decides nothing."""

    found: bool | None
    """None: the method cannot be applied to this picture."""
    score: float | None
    sentence: str
    innocent: str
    """What can cause this besides manipulation."""


@dataclass(frozen=True)
class Examination:
    """What detectors of forged faces, localizers and classical methods find in a picture."""

    status: FaceStatus
    """signs: of forgery; none: no signs found, which proves nothing; unknown: cannot tell."""
    message: str
    file: str | None
    size: tuple[int, int]
    """Width and height, px."""
    faces: tuple[Face, ...]
    """Largest first."""
    detectors: Mapping[str, str]
    """By name, what each was trained on."""
    picture_status: FaceStatus | None
    """Answer of all localizers together; None where no decision fits the server's."""
    picture_prob: float | None
    evidence: Mapping[str, Evidence]
    """Classical evidence by method."""
    text: str | None
    """About the picture, as localizers got it."""
    artefacts: Mapping[str, Artefact]
    """received, report; face1.NAME and others: heat maps; map.NAME, reliability.NAME, joint, evidence.NAME:
    maps of the whole picture."""
    raw: Json = field(repr=False)

    @classmethod
    def of(cls, raw: Json) -> Examination:
        """From the JSON object."""
        return cls(
            raw["status"],
            raw["message"],
            raw.get("file"),
            (raw["size"][0], raw["size"][1]),
            tuple(map(_face, raw["faces"])),
            raw["detectors"],
            raw.get("picture_status"),
            raw.get("picture_prob"),
            {name: _evidence(found) for name, found in raw.get("evidence", {}).items()},
            raw.get("text"),
            _artefacts(raw),
            raw,
        )


Answer = Verification | Protection | Found | Examination


@dataclass(frozen=True)
class JobResult:
    """One picture of a job."""

    file: str | None
    state: Literal["waiting", "running", "done", "failed"]
    answer: Answer | None
    """Once done."""
    problem: str | None
    """Once failed: what is wrong with this picture."""


@dataclass(frozen=True)
class Job:
    """An asynchronous job; `results` is empty in a list of jobs."""

    id: str
    do: Do
    state: Literal["waiting", "running", "done"]
    total: int
    done: int
    failed: int
    created: datetime
    finished: datetime | None
    expires: datetime
    results: tuple[JobResult, ...]
    raw: Json = field(repr=False)

    @classmethod
    def of(cls, raw: Json) -> Job:
        """From the JSON object."""
        return cls(
            raw["id"],
            raw["do"],
            raw["state"],
            raw["total"],
            raw["done"],
            raw["failed"],
            _time(raw["created"]),
            None if raw["finished"] is None else _time(raw["finished"]),
            _time(raw["expires"]),
            tuple(_job_result(raw["do"], result) for result in raw.get("results", ())),
            raw,
        )


def _job_result(do: Do, raw: Json) -> JobResult:
    answer, problem = raw["answer"], raw["problem"]
    return JobResult(
        raw["file"],
        raw["state"],
        None if answer is None else _ANSWERS[do].of(answer),
        None if problem is None else problem["detail"],
    )


_ANSWERS: dict[Do, type[Answer]] = {
    "verify": Verification,
    "protect": Protection,
    "retrieve": Found,
    "examine": Examination,
}


def _face(raw: Json) -> Face:
    left, top, width, height = raw["box"]
    box = (left, top, width, height)
    return Face(box, raw["status"], raw["fake_prob"], raw["joint_prob"], raw["reason"])


def _evidence(raw: Json) -> Evidence:
    return Evidence(raw["found"], raw["score"], raw["sentence"], raw["innocent"])


def _witness(raw: Json) -> Witness:
    return Witness(raw["name"], raw["state"], raw["binding"], raw["share"], raw["least_area"], raw["message"])


def _artefacts(raw: Json) -> dict[str, Artefact]:
    return {
        kind: Artefact(file["url"], file["media_type"], file["bytes"])
        for kind, file in raw["artefacts"].items()
    }


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
