"""Tasks of a worker process: one picture each, with the session of the process."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from PIL import Image

from underdrawing import api, zoo
from underdrawing.api import Session, animated
from underdrawing.core.errors import MissingExtraError, OutputError, PictureError, WeightsError
from underdrawing.core.types import Verdict
from underdrawing.credentials.package import MIME, c2pa
from underdrawing.credentials.repository import ManifestRepository
from underdrawing.credentials.signing import CredentialSigner
from underdrawing.data import animations
from underdrawing.data.containers import SUFFIXES
from underdrawing.data.files import write_atomic
from underdrawing.data.pictures import Picture
from underdrawing.data.sources import read_source
from underdrawing.registry.store import Registry
from underdrawing.report.examined import examined_files
from underdrawing.report.findings import finding_files
from underdrawing.service.camera import camera_facts
from underdrawing.service.settings import Settings

Task = Mapping[str, Any]
STEM = "picture"
_PREVIEW_PX = 3200  # four times the width of the page
_PREVIEW_QUALITY = 88


def prepare(settings: Settings) -> Callable[[Task], Any]:
    """Load weights, keys and registry; the function that does one task. Errors: those of Session."""
    cv2.setNumThreads(1)
    _check_weights()
    with suppress(MissingExtraError):  # without the package a verdict reports credentials as unread
        c2pa()
    return partial(run_task, open_session(settings))


def open_session(settings: Settings) -> Session:
    """The session of a worker process; no other process of the server loads a private key."""
    password = _password(settings.sign_password_file)
    return Session(
        sign=api.load_owner(settings.sign, password) if settings.sign else None,
        trust=api.trust_store(settings.trust or None),
        registry=api.open_registry(settings.registry, create=True) if settings.registry else None,
        credentials=_signer(settings),
        manifests=settings.manifest_folder,
        max_pixels=settings.megapixels * 1_000_000,
    )


def _signer(settings: Settings) -> CredentialSigner | None:
    if not settings.credentials:
        return None
    password = _password(settings.credentials_password_file)
    return api.load_credentials(settings.credentials, settings.credentials_key, password)


def _password(file: str) -> bytes | None:
    return Path(file).read_bytes().rstrip(b"\r\n") if file else None


def _check_weights() -> None:
    """Protect and verify a part of the bundled photograph, which also loads all weights before the first
    task. WeightsError where an edit is not found."""
    photo = np.asarray(Image.open(Path(zoo.__file__).parent / "assets" / "astronaut.png").convert("RGB"))
    model = zoo.load("photo")
    part = np.ascontiguousarray(photo[:256, :256])
    protected = model.protect(part, owner=None, identity=None, secret=None, strength=1.0).apply(part)
    protected[96:160, 96:160] = 128
    if model.verify(protected, secret=None, find_key=lambda _: None).status != "altered":
        raise WeightsError("the bundled photograph does not come back as altered; reinstall the package")


def run_task(session: Session, task: Task) -> Any:
    """Do one task: {"do": the name of a function below, "picture": path, "folder": path, ...}."""
    work = {"protect": protect, "verify": verify, "retrieve": retrieve, "examine": examine}
    return work[task["do"]](session, task)


def protect(session: Session, task: Task) -> dict[str, Any]:
    """Write protected.SUFFIX, in the format of the upload, into the task's folder; the report of
    `protect --json` and the file name.

    The task's `credentials`: whether to sign Content Credentials; None signs where the format holds them.
    Records have no places: uploads and artefacts expire.
    """
    moving = animated.system_of(task["system"]) is not None
    source = read_source(_upload(task), session.max_pixels, animated=moving)
    format, still = source.picture.format, source.animation is None
    if task["credentials"] and not still:
        raise PictureError("Content Credentials are not written into animations; leave them out")
    if task["credentials"] and format not in MIME:
        raise PictureError(
            f"{format} files hold no Content Credentials; send another format, or leave them out"
        )
    options = {name: task[name] for name in ("system", "strength", "quality", "focus")}
    embedding = replace(session, **options)
    suffixes = SUFFIXES if still else animations.SUFFIXES
    name = "protected" + next(suffix for suffix, known in suffixes.items() if known == format)
    credentials = task["credentials"] is not False and format in MIME and still
    try:
        report, encoded = embedding.produce(
            source, name, identity=task["identity"], facts=task["facts"], credentials=credentials
        )
    except OutputError as error:  # a size beyond the format: of the picture, not of the disk
        raise PictureError(str(error)) from error
    if encoded.manifest is not None and report.identity is not None and session.manifests is not None:
        ManifestRepository(session.manifests).add(report.identity, encoded.manifest)
    files = _write(task, {name: encoded.data})
    if report.record is not None:
        record = api.placed_record(report.record, encoded.data, owner=embedding.owner)
        (number,) = cast(Registry, session.registry).add([record])
        report = replace(report, registered=number)
    notes = report.notes + encoded.notes
    report = replace(report, credentials=encoded.manifest is not None, notes=notes)
    return {"report": report.to_json(), "files": files}


def verify(session: Session, task: Task) -> dict[str, Any]:
    """Write the findings into the task's folder; the report of `verify --json` and the file names."""
    options = {"system": task["system"], "recover": task.get("recover", session.recover)}
    same = all(getattr(session, name) == value for name, value in options.items())
    judging = session if same else replace(session, **options)
    report = replace(judging.judge(_upload(task)), file=task["name"])
    if task["hard"]:
        report = replace(report, verdict=hard_verdict(report.verdict))
    files = finding_files(report, STEM, pdf=True)
    del files[f"{STEM}.report.json"]  # the response has the same fields
    files[f"{STEM}.received.jpg"] = _preview(report.picture)
    camera = camera_facts(report.picture.exif)
    return {"report": report.to_json() | {"camera": camera}, "files": _write(task, files)}


def retrieve(session: Session, task: Task) -> list[dict[str, Any]]:
    """The registered photographs that match the picture, as in `retrieve --json`."""
    return [match.to_json() for match in session.retrieve(_upload(task), limit=task["limit"])]


def examine(session: Session, task: Task) -> dict[str, Any]:
    """Write page and maps into the task's folder; the report of `examine --json` with the size of the
    picture, and the file names."""
    text = task.get("text") or (api.FindingsText() if task.get("describe") else None)
    report = replace(session.examine(_upload(task), heat=True, text=text), file=task["name"])
    files = examined_files(report, STEM)
    del files[f"{STEM}.examined.json"]  # the response has the same fields
    files[f"{STEM}.received.jpg"] = _preview(report.picture)
    height, width = report.picture.shown.shape[:2]
    return {"report": report.to_json() | {"size": [width, height]}, "files": _write(task, files)}


def hard_verdict(verdict: Verdict) -> Verdict:
    """The verdict with a binary mask and without confidence, layers and details.

    With soft values anyone could remove a mark step by step, measuring each time how much of it is left.
    """
    mask = None if verdict.mask is None else verdict.mask.astype(np.float32)
    return replace(verdict, tampered_prob=mask, confidence=None, layers=(), details={})


def _upload(task: Task) -> bytes:
    return Path(task["picture"]).read_bytes()


def _write(task: Task, files: Mapping[str, bytes]) -> list[str]:
    for name, data in files.items():
        write_atomic(Path(task["folder"]) / name, data, overwrite=False)
    return sorted(files)


def _preview(picture: Picture) -> bytes:
    """The picture as a JPEG file: browsers cannot show every format, nor every size."""
    image = Image.fromarray(picture.shown)
    image.thumbnail((_PREVIEW_PX, _PREVIEW_PX))
    buffer = io.BytesIO()
    icc = None if picture.gray else picture.icc
    image.save(buffer, "JPEG", quality=_PREVIEW_QUALITY, icc_profile=icc)
    return buffer.getvalue()
