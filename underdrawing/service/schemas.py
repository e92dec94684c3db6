"""The shapes of the API's answers, as OpenAPI tells them. Fields may be added, never renamed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class ProblemOut(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(description="urn:underdrawing:problem: and a word that programs can tell apart")
    title: str
    status: int
    detail: str


class Artefact(BaseModel):
    """A file of an answer; whoever has its address can fetch it, until it expires."""

    url: str
    media_type: str
    bytes: int


class SignatureOut(BaseModel):
    """What is known of the owner's signature."""

    state: Literal["valid", "invalid", "absent", "unknown"] = Field(
        description="valid: it holds under `key`; unknown: no key with this fingerprint is at hand"
    )
    key: str | None = Field(description="fingerprint of the signer's public key")
    trusted: bool = Field(description="whether that key is in the server's trust store")
    name: str | None = Field(description="what the trust store calls the key")


class SoftBindingOut(BaseModel):
    """What a manifest says to be hidden in its picture."""

    algorithm: str
    value: str
    agrees: bool | None = Field(
        description="whether that is the identity that was read; null: none was, or the algorithm is not ours"
    )


class ManifestOut(BaseModel):
    """What one manifest of Content Credentials says, and whether it holds; docs/CREDENTIALS.md."""

    state: Literal["none", "valid", "untrusted", "invalid", "unread"] = Field(
        description="untrusted: it holds, and no certificate trusted by the server vouches for the signer; "
        "unread: this server lacks what reads them"
    )
    message: str = Field(description="a sentence or two for people")
    issuer: str | None = Field(description="organization in the signer's certificate")
    signer: str | None = Field(description="name in that certificate")
    title: str | None
    generator: str | None = Field(description="the program that made the manifest")
    signed: str | None = Field(description="when, as a time-stamping authority says")
    actions: list[str] = Field(description="as c2pa.opened, in their order")
    soft_binding: SoftBindingOut | None
    problems: list[str] = Field(description="codes of the C2PA specification for what does not hold")


class CredentialsOut(ManifestOut):
    """What the Content Credentials of the picture's file say, and those that it lost."""

    recovered: ManifestOut | None = Field(
        description="kept for the identity that was read, where the file's own do not hold; `manifest` in "
        "`artefacts` is the file"
    )


class RecordOut(BaseModel):
    """What the registry keeps of a photograph. Without the role reader: no number, hashes, places."""

    identity: str | None
    registered: str = Field(description="UTC")
    system: str
    size: tuple[int, int] = Field(description="width and height of the original, px")
    owner: dict[str, str] | None = Field(description="fingerprint and key of the public key that signed")
    facts: dict[str, Any] = Field(description="caption, who, where, when, source, label, licence; as known")
    number: int | None = None
    hash: str | None = Field(None, description="of the registry's chain up to this record")
    original: dict[str, Any] | None = None
    protected: dict[str, Any] | None = None
    manifest: str | None = Field(None, description="where the Content Credentials kept for it are fetched")


class Verification(BaseModel):
    """The verdict on a picture. Without the role reader: no probabilities, confidence, layers and details."""

    file: str | None = Field(description="the name that the picture was sent under")
    status: Literal["intact", "altered", "unprotected"] = Field(
        description="unprotected: no mark was found, which says neither fake nor real"
    )
    present: bool
    message: str = Field(description="one sentence for people")
    identity: str | None = Field(description="16 hex digits")
    signature: SignatureOut
    altered_fraction: float | None
    content_matches: bool | None = Field(description="false: the mark was copied from another picture")
    credentials: CredentialsOut | None
    sha256: str = Field(description="of the file that was sent")
    checked: str = Field(description="when, UTC")
    layers: list[str] | None = Field(description="parts of the hidden code that were read")
    details: dict[str, Any] | None
    seconds: float
    records: list[RecordOut] = Field(description="of this identity in the registry, the latest first")
    artefacts: dict[str, Artefact] = Field(
        description="what there is of mask, recovered, source, confidence, content, received, manifest, "
        "report (HTML), pdf (the same)"
    )
    artefacts_seconds: float = Field(description="how long these can be fetched")


class Protection(BaseModel):
    """What protecting did."""

    identity: str | None = Field(description="16 hex digits")
    signed_by: str | None = Field(description="fingerprint of the server's key")
    psnr_db: float | None
    ssim: float | None
    bits: dict[str, int] = Field(description="of each part of the hidden code")
    seconds: float
    registered: int | None = Field(description="number of its record")
    credentials: bool = Field(description="whether Content Credentials were signed into it")
    artefacts: dict[str, Artefact] = Field(description="protected: the picture, in the format that was sent")
    artefacts_seconds: float


class Match(RecordOut):
    """A record that a picture leads to."""

    by: Literal["identity", "embedding"]
    score: float
    sure: bool = Field(description="false: merely the nearest")


class Found(BaseModel):
    """The registered photographs that a picture leads to, the best first."""

    status: Literal["found", "not found"]
    matches: list[Match]


class Records(BaseModel):
    """The records of an identity, the latest first."""

    records: list[RecordOut]


class About(BaseModel):
    """What this server does, and for this caller."""

    version: str
    role: str
    registry: bool
    signs: bool
    credentials: bool = Field(description="whether what it protects gets Content Credentials")
    upload_bytes: int
    megapixels: int
    artefacts_seconds: float
    formats: list[str]
