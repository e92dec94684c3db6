"""What a worker does with one picture: protect, verify, retrieve, by way of the one door, `api`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from underdrawing.core.errors import MissingExtraError, PictureError, WeightsError
from underdrawing.core.types import Verdict
from underdrawing.service.process import Task
from underdrawing.service.settings import Settings

STEM = "picture"
_PREVIEW_PX = 3200  # enough for four times the page's width
_PREVIEW_QUALITY = 88


@dataclass(frozen=True)
class Tools:
    """What stays in a worker from picture to picture. Keys live here and nowhere else in the server."""

    max_pixels: int
    trust: Any
    owner: Any = None
    registry: Any = None
    signer: Any = None
    """Of Content Credentials."""
    manifests: Path | None = None
    """Where these are kept."""


def prepare(settings: Settings) -> Callable[[Task], Any]:
    """Load weights, keys and registry; the function of one task. Errors: those of api."""
    import cv2
    import torch

    from underdrawing import api
    from underdrawing.credentials.package import c2pa

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    _try_out()
    with suppress(MissingExtraError):  # then a verdict says that they cannot be read here
        c2pa()
    tools = Tools(
        max_pixels=settings.megapixels * 1_000_000,
        trust=api.trust_store(settings.trust or None),
        owner=api.load_owner(settings.sign, _password(settings.sign_password_file))
        if settings.sign
        else None,
        registry=Unplaced(api.open_registry(settings.registry, create=True)) if settings.registry else None,
        signer=_signer(settings),
        manifests=settings.manifest_folder,
    )
    return partial(run_task, tools)


def _signer(settings: Settings) -> Any:
    from underdrawing import api

    if not settings.credentials:
        return None
    password = _password(settings.credentials_password_file)
    return api.load_credentials(settings.credentials, settings.credentials_key, password)


def _password(file: str) -> bytes | None:
    return Path(file).read_bytes().rstrip(b"\r\n") if file else None


def _try_out() -> None:
    """Protect and verify a part of the bundled photograph: loads all weights, and pays what only the first
    picture costs. WeightsError where it does not come out as it must."""
    import numpy as np
    from PIL import Image

    from underdrawing import zoo

    photo = np.asarray(Image.open(Path(zoo.__file__).parent / "assets" / "astronaut.png").convert("RGB"))
    model = zoo.load("photo")
    part = np.ascontiguousarray(photo[:256, :256])
    protected = model.protect(part, owner=None, identity=None, secret=None, strength=1.0).apply(part)
    protected[96:160, 96:160] = 128
    if model.verify(protected, secret=None, find_key=lambda _: None).status != "altered":
        raise WeightsError("the bundled photograph does not come back as altered; reinstall the package")


def run_task(tools: Tools, task: Task) -> Any:
    """Do one task: {"do": protect, verify or retrieve, "picture": path, ...}."""
    return {"protect": protect, "verify": verify, "retrieve": retrieve}[task["do"]](tools, task)


def protect(tools: Tools, task: Task) -> dict[str, Any]:
    """Write protected.SUFFIX into the task's folder, in the format that came; `protect --json`, its name.

    The task's `credentials`: whether Content Credentials are signed into it; None: where its format has room.
    """
    from underdrawing import api
    from underdrawing.credentials.package import MIME
    from underdrawing.data.encoders import SUFFIXES
    from underdrawing.data.pictures import load_picture

    data = Path(task["picture"]).read_bytes()
    kind = load_picture(data, max_pixels=tools.max_pixels).format
    suffix = next(suffix for suffix, name in SUFFIXES.items() if name == kind)
    output = Path(task["folder"]) / f"protected{suffix}"
    if task["credentials"] and kind not in MIME:
        raise PictureError(
            f"{kind} files hold no Content Credentials; send another format, or leave them out"
        )
    credited = task["credentials"] is not False and kind in MIME
    report = api.protect(
        data,
        output,
        sign=tools.owner,
        registry=tools.registry,
        facts=task["facts"],
        identity=task["identity"],
        strength=task["strength"],
        credentials=tools.signer if credited else None,
        manifests=tools.manifests,
    )
    return {"report": report.to_json(), "files": [output.name]}


def verify(tools: Tools, task: Task) -> dict[str, Any]:
    """Write the findings into the task's folder; `verify --json` and the names of what can be fetched."""
    from underdrawing import api
    from underdrawing.report.findings import write_findings

    folder = Path(task["folder"])
    report = api.verify(
        Path(task["picture"]).read_bytes(),
        trust=tools.trust,
        registry=tools.registry,
        manifests=tools.manifests,
        max_pixels=tools.max_pixels,
    )
    report = replace(report, file=task["name"])
    if task["hard"]:
        report = replace(report, verdict=hardened(report.verdict))
    report = write_findings(report, folder, STEM, pdf=True)
    _write_preview(report.picture, folder / f"{STEM}.received.jpg")
    # The JSON file names paths of this machine; the answer itself tells the same without them.
    (folder / f"{STEM}.report.json").unlink()
    files = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    return {"report": report.to_json(), "files": files}


def retrieve(tools: Tools, task: Task) -> list[dict[str, Any]]:
    """The registered photographs that the picture leads to, as in `retrieve --json`."""
    from underdrawing import api
    from underdrawing.data.pictures import load_picture

    picture = load_picture(Path(task["picture"]).read_bytes(), max_pixels=tools.max_pixels)
    found = api.retrieve(picture, tools.registry, limit=task["limit"])
    return [match.to_json() for match in found]


def hardened(verdict: Verdict) -> Verdict:
    """The verdict without soft numbers: with these anybody could take a mark off in small steps, each time
    asking how much of it is left. What remains says yes or no."""
    mask = None if verdict.tampered_prob is None else (verdict.tampered_prob > 0.5).astype("float32")
    return replace(verdict, tampered_prob=mask, confidence=None, layers=(), details={})


class Unplaced:
    """A registry that is told no places: those of uploads and answers are gone in minutes."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry

    def __getattr__(self, name: str) -> Any:
        return getattr(self._registry, name)

    def add(self, records: Sequence[Any]) -> list[int]:
        """See registry.store.Registry."""
        return self._registry.add(
            [
                replace(
                    record,
                    original=replace(record.original, place=None),
                    protected=replace(record.protected, place=None),
                )
                for record in records
            ]
        )


def _write_preview(picture: Any, path: Path) -> None:
    """What browsers can show of every format, small enough for them."""
    from PIL import Image

    image = Image.fromarray(picture.image)
    image.thumbnail((_PREVIEW_PX, _PREVIEW_PX))
    image.save(path, "JPEG", quality=_PREVIEW_QUALITY, icc_profile=picture.icc if not picture.gray else None)
