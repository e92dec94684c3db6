"""Descriptions that routes share: error responses and the types of parameters."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import File, Form, UploadFile
from fastapi import Path as InPath

from underdrawing.service.schemas import ProblemOut

Responses = dict[int | str, dict[str, Any]]
_MEANINGS = {
    400: "the request cannot be parsed",
    401: "the token is missing, wrong or expired",
    403: "the role of the token does not allow this, or the request comes from the page of another site",
    404: "it does not exist, or has expired",
    408: "the body did not arrive in time",
    413: "the body or the picture is too large",
    415: "no picture of a known type, or no multipart/form-data",
    422: "a value is not valid, a field is unknown or repeated, or the picture cannot be processed",
    429: "too many requests; see Retry-After",
    500: "an error of the server",
    501: "this server cannot do it",
    502: "the server of the URL does not answer, or not with a picture",
    503: "queue, registry or disk cannot be used now; see Retry-After",
    504: "the picture took too long",
}

Picture = Annotated[UploadFile, File(description="JPEG, PNG, WebP, AVIF, TIFF, BMP or HEIC")]
Identity = Annotated[str, InPath(pattern="^[0-9a-f]{16}$", description="16 hex digits")]
Strength = Annotated[float, Form(ge=0.5, le=3, description="0.7 archival to 2.1 robust", examples=[1.0])]
Focus = Annotated[
    str,
    Form(
        max_length=2000,
        description="places that get more of the content code: auto, faces, none, or x,y,width,height in "
        "pixels, semicolons between",
        examples=["auto"],
    ),
]
Quality = Annotated[
    int | None,
    Form(ge=1, le=100, description="of the file; absent: that of the picture, or as the mark needs it"),
]
SystemName = Annotated[
    str,
    Form(description="of `systems` in `/v1/about`; the same to protect and to verify", examples=["photo"]),
]
Recovery = Annotated[
    Literal["faithful", "natural"],
    Form(
        description="what is shown in place of what was altered: what the code holds, or natural: with "
        "invented detail, in the source map and in words",
        examples=["faithful"],
    ),
]
NewIdentity = Annotated[
    str | None,
    Form(pattern="^[0-9a-f]{16}$", description="as `3f9a1c0277e4b512`; drawn if absent"),
]
FactsText = Annotated[
    str | None,
    Form(
        max_length=60_000,
        description='as `{"caption": "A harbour", "source": "An agency"}`; docs/REGISTRY.md has all',
    ),
]
WithCredentials = Annotated[
    bool | None,
    Form(description="Content Credentials: false: none; true: or fail; where there is room if absent"),
]
PictureText = Annotated[
    str | None,
    Form(max_length=20_000, description="about the picture, as a caption; for localizers that use one"),
]
Describe = Annotated[
    bool, Form(description="where there is no text, localizers get what classical methods found, in words")
]
Limit = Annotated[int, Form(ge=1, le=100, description="matches at most", examples=[5])]


def problems(*statuses: int) -> Responses:
    """The error responses of a route."""
    content = {"application/problem+json": {"schema": ProblemOut.model_json_schema()}}
    return {status: {"content": content, "description": _MEANINGS[status]} for status in statuses}
