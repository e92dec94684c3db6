"""Responses of the API, as OpenAPI describes them. Fields may be added, never renamed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class ProblemOut(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:underdrawing:problem:bad-picture",
                    "title": "Unprocessable Content",
                    "status": 422,
                    "detail": "the picture is truncated",
                }
            ]
        }
    )

    type: str = Field(description="urn:underdrawing:problem: and a word for programs")
    title: str
    status: int
    detail: str


class Artefact(BaseModel):
    """A file of a response; it can be fetched without a token until it expires."""

    url: str
    media_type: str
    bytes: int


class SignatureOut(BaseModel):
    """The signature of the owner."""

    state: Literal["valid", "invalid", "absent", "unknown"] = Field(
        description="valid: under `key`; unknown: the public key with this fingerprint is not known"
    )
    key: str | None = Field(description="fingerprint of the signer's public key")
    trusted: bool = Field(description="whether that key is in the server's trust store")
    name: str | None = Field(description="of the key in the trust store")


class WitnessOut(BaseModel):
    """One source of evidence and its answer; docs/TRUST.md."""

    name: Literal["mark", "signed content", "lossless layer", "registered original"]
    state: Literal["agrees", "contradicts", "silent"] = Field(
        description="silent: it was not read, or does not suffice for a decision here"
    )
    binding: bool = Field(
        description="whether nobody without the owner's key or secret can make it agree; only a binding "
        "witness makes a picture intact"
    )
    share: float = Field(description="of the picture that it can judge, 0 to 1")
    least_area: float | None = Field(
        description="share of the picture from which it finds nine of ten visible edits, made by somebody "
        "who writes the mark again; null: unknown"
    )
    message: str = Field(description="one sentence for readers")


class AssuranceOut(BaseModel):
    """The evidence on which the status stands."""

    strongest: Literal["mark", "signed content", "lossless layer", "registered original"] | None
    least_area: float | None = Field(description="of the strongest witness")
    unvouched_share: float = Field(description="of the picture that no binding witness judges, 0 to 1")
    witnesses: list[WitnessOut]


class EarlierOut(BaseModel):
    """An earlier protection of the picture."""

    identity: str = Field(description="16 hex digits")
    key: str | None = Field(description="start of the fingerprint of the key that signed it")


class SoftBindingOut(BaseModel):
    """The hidden mark that a manifest names."""

    algorithm: str
    value: str
    agrees: bool | None = Field(
        description="whether it is the identity in the picture; null: none was read, or another algorithm"
    )


class ManifestOut(BaseModel):
    """A manifest of Content Credentials and whether it is valid; docs/CREDENTIALS.md."""

    state: Literal["none", "valid", "untrusted", "invalid", "unread"] = Field(
        description="untrusted: valid, and signed under no certificate that the server trusts; "
        "unread: this server lacks the package that reads manifests"
    )
    message: str = Field(description="one or two sentences for readers")
    issuer: str | None = Field(description="organization in the signer's certificate")
    signer: str | None = Field(description="name in that certificate")
    title: str | None
    generator: str | None = Field(description="the program that wrote the manifest")
    signed: str | None = Field(description="time stamp of a time-stamping authority")
    actions: list[str] = Field(description="as c2pa.opened, in order")
    soft_binding: SoftBindingOut | None
    problems: list[str] = Field(description="failure codes of the C2PA specification")


class CredentialsOut(ManifestOut):
    """The Content Credentials in the picture's file, and stored ones that it lost."""

    recovered: ManifestOut | None = Field(
        description="stored for the identity in the picture, where the file has no valid ones; `manifest` in "
        "`artefacts` is the file"
    )


class RecordOut(BaseModel):
    """The registry's record of a photograph. Without the role reader: no number, hashes, places. Verification
    of a picture that is not proven to be of this record gives no size, owner, facts and places."""

    identity: str | None
    registered: str = Field(description="UTC")
    system: str
    size: tuple[int, int] | None = Field(description="width and height of the original, px")
    owner: dict[str, str] | None = Field(description="fingerprint and key of the public key that signed")
    facts: dict[str, Any] = Field(description="caption, who, where, when, source, label, licence")
    number: int | None = None
    hash: str | None = Field(None, description="of the hash chain up to this record")
    original: dict[str, Any] | None = None
    protected: dict[str, Any] | None = None
    manifest: str | None = Field(None, description="URL of its stored Content Credentials")


class CameraOut(BaseModel):
    """What a camera or a program wrote into the file. It is not signed: anybody can change it."""

    maker: str | None
    model: str | None
    lens: str | None
    software: str | None
    artist: str | None
    copyright: str | None
    taken: str | None = Field(description="by the camera's clock, as 2026-01-02 03:04:05")
    place: bool = Field(description="whether the file names a place (GPS)")


class RecordedOut(BaseModel):
    """Facts of the picture as protected that the mark records; proven where the signature is valid."""

    faces: int | None = Field(description="number of faces; 15: or more; null: not recorded")
    caption: str | None = Field(description="6 hex digits: start of the hash of its caption")
    label: str | None = Field(description="what it shows: a class of ImageNet")
    confidence: float | None = Field(description="of the label's classifier; null: somebody named it")


class Verification(BaseModel):
    """The verdict on a picture. Without the role reader: no probabilities, confidence, layers and details."""

    file: str | None = Field(description="the name that the picture was sent under")
    status: Literal["intact", "altered", "unvouched", "unprotected"] = Field(
        description="unvouched: a mark is there and nothing contradicts it, but no binding witness confirms "
        "the picture; unprotected: no mark was found; the picture may be fake or real"
    )
    present: bool
    message: str = Field(description="one sentence for readers")
    identity: str | None = Field(description="16 hex digits")
    signature: SignatureOut
    altered_fraction: float | None
    content_matches: bool | None = Field(description="false: the mark belongs to another picture")
    assurance: AssuranceOut | None = Field(description="null where no mark was found")
    previous: EarlierOut | None = Field(description="as the present protector states it")
    recorded: RecordedOut | None = Field(description="null where the mark records nothing")
    credentials: CredentialsOut | None
    camera: CameraOut | None = Field(description="from EXIF; null where the file has none")
    notes: list[str] = Field(description="sentences on what reading left out, converted or tolerated")
    sha256: str = Field(description="of the file that was sent")
    checked: str = Field(description="UTC")
    layers: list[str] | None = Field(description="layers of the mark that were read")
    details: dict[str, Any] | None
    seconds: float
    records: list[RecordOut] = Field(description="of this identity in the registry, latest first")
    artefacts: dict[str, Artefact] = Field(
        description="those that exist of mask, unvouched, recovered, source, confidence, content, received, "
        "manifest, report (HTML), pdf (the same report)"
    )
    artefacts_seconds: float = Field(description="time until they expire")


class AlreadyOut(BaseModel):
    """An earlier protection of a picture that was sent to be protected."""

    identity: str = Field(description="16 hex digits")
    signed_by: str | None = Field(description="start of the fingerprint of the key that signed it")


class Protection(BaseModel):
    """A protected picture."""

    file: str | None = Field(description="the name that the picture was sent under")
    identity: str | None = Field(description="16 hex digits")
    signed_by: str | None = Field(description="fingerprint of the key of the server")
    psnr_db: float | None
    ssim: float | None
    growth: float | None = Field(description="bytes of the protected file for one of the picture sent")
    bits: dict[str, int] = Field(description="of each part of the mark")
    verdict_can: list[Literal["identity", "signature", "altered", "recovered"]] | None = Field(
        description="what verify will be able to say of a re-encoded copy; null for systems without layers"
    )
    seconds: float
    registered: int | None = Field(description="number of the new record")
    credentials: bool = Field(description="whether it has signed Content Credentials")
    already: AlreadyOut | None = Field(
        description="the picture was protected before; the new mark replaces that one and names it"
    )
    notes: list[str] = Field(description="sentences on what differs from what was asked for")
    artefacts: dict[str, Artefact] = Field(description="protected: the picture, in the format of the upload")
    artefacts_seconds: float


class FaceOut(BaseModel):
    """One face of an examined picture; docs/EXAMINE.md."""

    box: tuple[float, float, float, float] = Field(description="left, top, width, height in px of `size`")
    landmarks: list[tuple[float, float]] = Field(description="eyes, nose, corners of the mouth, px of `size`")
    status: Literal["signs", "none", "unknown"] = Field(
        description="signs of forgery; none: no signs found, which proves nothing; unknown: cannot tell"
    )
    fake_prob: dict[str, float | None] = Field(
        description="by detector, calibrated probability that the face is forged; null: outside what that "
        "detector knows"
    )
    distance: dict[str, float] = Field(
        description="by detector, of the face to those of the training; above 1 is outside what it knows"
    )
    outside_training: bool = Field(description="whether that is why nothing can be said of the face")
    joint_prob: float | None = Field(description="by all detectors together; null where they cannot tell")
    reason: Literal["small", "turned", "outside", "between", "undecided"] | None = Field(
        description="why the status is unknown"
    )


class EvidenceOut(BaseModel):
    """What one classical method finds in a whole picture; it decides nothing."""

    found: bool | None = Field(description="null: the method cannot be applied to this picture")
    score: float | None = Field(description="strength in the unit of the method, 0 or more")
    sentence: str
    innocent: str = Field(description="what can cause this besides manipulation")


class AgreementOut(BaseModel):
    """How far the maps of several localizers agree."""

    marked: dict[str, float] = Field(description="by localizer, share of the picture above 0.5")
    overlap: float | None = Field(description="mean intersection over union; null for fewer than two maps")
    sentence: str


class Examination(BaseModel):
    """What detectors of forged faces, localizers and classical methods find in a picture, with or without a
    mark."""

    file: str | None = Field(description="the name that the picture was sent under")
    status: Literal["signs", "none", "unknown"] = Field(
        description="signs of forgery in a face or in the whole; none: no signs found, which proves nothing; "
        "unknown: cannot tell, as where there is no face and no localizer"
    )
    message: str = Field(description="one or a few sentences for readers")
    size: tuple[int, int] = Field(description="width and height of the picture as it is shown, px")
    faces: list[FaceOut] = Field(description="largest first")
    detectors: dict[str, str] = Field(description="by name, what each detector was trained on")
    tampered_prob: dict[str, float] = Field(
        default={}, description="by localizer, probability that the picture has manipulated pixels"
    )
    agreement: AgreementOut | None = Field(default=None, description="of the localizers' maps")
    picture_status: Literal["signs", "none", "unknown"] | None = Field(
        default=None, description="by all localizers together; null where no decision fits them"
    )
    picture_prob: float | None = Field(default=None, description="by all localizers together; null as above")
    evidence: dict[str, EvidenceOut] = Field(
        default={}, description="classical evidence by method; it is no part of `status`"
    )
    text: str | None = Field(default=None, description="about the picture, as localizers got it")
    notes: list[str] = Field(description="sentences on what reading converted, and on detectors left out")
    sha256: str = Field(description="of the file that was sent")
    checked: str = Field(description="UTC")
    seconds: float
    artefacts: dict[str, Artefact] = Field(
        description="received; report (HTML); faceN.DETECTOR: face N, red where it speaks for a forgery, "
        "blue where against it; map.NAME, reliability.NAME, joint: maps of localizers; evidence.NAME: of a "
        "classical method; all white = 1"
    )
    artefacts_seconds: float = Field(description="time until they expire")


class Match(RecordOut):
    """A record that matches a picture."""

    by: Literal["identity", "embedding"]
    score: float
    sure: bool = Field(description="false: only the nearest record")


class Found(BaseModel):
    """The registered photographs that match a picture, best first."""

    status: Literal["found", "not found"]
    matches: list[Match]


class Records(BaseModel):
    """The records of an identity, latest first."""

    records: list[RecordOut]


class About(BaseModel):
    """Version, abilities and limits of the server, and the role of the caller."""

    version: str
    role: str
    registry: bool
    signs: bool
    credentials: bool = Field(description="whether it signs Content Credentials")
    fetches: bool = Field(description="whether `url` may name a picture on another host")
    upload_bytes: int
    megapixels: int
    artefacts_seconds: float
    formats: list[str]
    systems: list[str] = Field(description="that `system` may name; the first one is taken without it")
