"""Demonstration on one photograph: protect, alter, recompress, verify, recover; drawn as a strip."""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from underdrawing import api
from underdrawing.coding.keys import Owner
from underdrawing.core.types import FILLED, Verdict
from underdrawing.data.files import write_atomic
from underdrawing.report.reports import ProtectReport

PHOTO = Path(__file__).parent / "assets" / "astronaut.png"
QUALITY = 70
"""JPEG quality of the altered picture."""
OWNER_NAME = "Demo Desk"
TABLE_EDGE_PX = 276
"""Row of the edge between the wall behind the shuttle and the table."""


@dataclass(frozen=True)
class Demo:
    """Verdict, lines to print, and files written by kind."""

    verdict: Verdict
    lines: list[str]
    files: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """The object that `demo --json` prints."""
        return {
            "status": self.verdict.status,
            "identity": self.verdict.identity,
            "altered_fraction": self.verdict.altered_fraction,
            "message": self.verdict.message,
            "files": self.files,
            "words": self.lines,
        }


def run_demo(folder: Path, *, overwrite: bool = False) -> Demo:
    """Run the demo; write original, protected and altered picture, findings and strip into `folder`."""
    original = folder / "original.png"
    write_atomic(original, PHOTO.read_bytes(), overwrite)
    with tempfile.TemporaryDirectory() as keys:
        store = api.trust_store(keys)
        owner = Owner.create()
        store.add(owner.public, OWNER_NAME)
        with api.Session(sign=owner, trust=store) as session:
            made = session.protect(original, folder / "protected.png", overwrite=overwrite)
            altered, true_mask = alter(made.protected.image)
            received = folder / "received.jpg"
            write_atomic(received, _jpeg(altered, QUALITY), overwrite)
            found = session.verify(received, folder, overwrite=overwrite)
    verdict = found.verdict
    strip = folder / "strip.png"
    write_atomic(strip, _png(draw_strip(_panels(original, made, received, verdict))), overwrite)
    files = {"strip": str(strip), "protected": str(folder / "protected.png"), "received": str(received)}
    lines = [
        f"Protected   {PHOTO.name}: {made.psnr_db:.1f} dB, {made.bits['content']} bits tell its content",
        f"Altered     {100 * true_mask.mean():.1f} % of the picture painted over, then JPEG {QUALITY}",
        *describe(verdict),
        f"Pictures    {strip}",
        f"Report      {(found.written or {}).get('html')}",
    ]
    return Demo(verdict, lines, {**files, **(found.written or {})})


def describe(verdict: Verdict) -> list[str]:
    """Lines about signer, place and confidence."""
    lines = [f"Verdict     {verdict.status.upper()}: {verdict.message}"]
    signature = verdict.signature
    if verdict.identity is not None:
        trust = (
            f", a key of the trust store ({OWNER_NAME})"
            if signature.trusted
            else ", a key nobody vouched for"
        )
        signer = f"signature {signature.state}" + (f", key {signature.key}{trust}" if signature.key else "")
        lines.append(f"Who         identity {verdict.identity}; {signer}")
    if verdict.mask is not None:
        lines.append(f"Where       {_places(verdict.mask)}")
    if verdict.tampered_prob is not None and verdict.confidence is not None:
        lines.append(f"How sure    {_confidence(verdict)}")
    return lines


def _places(altered: np.ndarray) -> str:
    """The altered regions of a mask as boxes, largest first."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(altered.astype(np.uint8))
    regions = sorted(stats[1:].tolist(), key=lambda region: -region[4])
    boxes = [f"x {x}-{x + w}, y {y}-{y + h}" for x, y, w, h, area in regions if area >= 0.002 * altered.size]
    share = f"{100 * altered.mean():.1f} % of the picture"
    return f"{share}: {'; '.join(boxes[:4])}" if boxes else share


def _confidence(verdict: Verdict) -> str:
    prob, confidence, altered = verdict.tampered_prob, verdict.confidence, verdict.mask
    sure = np.mean((prob > 0.9) | (prob < 0.1))
    text = f"{100 * sure:.0f} % of all pixels are judged at 9 to 1 or better"
    if altered.any():
        text += (
            f"; the recovered ones at {100 * float(confidence[altered].mean()):.0f} % confidence on average"
        )
        if verdict.source_map is not None:
            filled = float((verdict.source_map[altered] == FILLED).mean())
            text += f", {100 * (1 - filled):.0f} % of them decoded from the hidden code"
    return text


def alter(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Remove shuttle and mission patch from the astronaut. (H, W, 3) uint8 and mask (H, W) bool."""
    mask = np.zeros(image.shape[:2], np.uint8)
    shuttle = [(398, 0), (440, 0), (462, 60), (464, 200), (484, 284), (350, 288), (348, 205), (372, 60)]
    cv2.fillPoly(mask, [np.array(shuttle, np.int32)], 255)
    cv2.ellipse(mask, (171, 385), (43, 43), 0, 0, 360, 255, -1)
    # Wall and table apart, so that neither is inpainted from the other at the edge.
    parts = (slice(0, TABLE_EDGE_PX), slice(TABLE_EDGE_PX, None))
    painted = np.concatenate([cv2.inpaint(image[part], mask[part], 5, cv2.INPAINT_TELEA) for part in parts])
    noise = np.random.default_rng(7).normal(0, 2.0, image.shape)
    painted = np.clip(np.rint(painted + noise), 0, 255).astype(np.uint8)
    return np.where(mask[:, :, None] > 0, painted, image), mask > 0


def draw_strip(panels: list[tuple[str, np.ndarray]], height_px: int = 320) -> Image.Image:
    """Pictures (H, W, 3) uint8 side by side at one height, each under its title."""
    font, margin, head = ImageFont.load_default(17), 10, 30
    shown = []
    for title, image in panels:
        size = (round(image.shape[1] * height_px / image.shape[0]), height_px)
        shown.append((title, Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)))
    width = sum(image.width for _, image in shown) + margin * (len(shown) + 1)
    strip = Image.new("RGB", (width, head + height_px + margin), "white")
    pen, left = ImageDraw.Draw(strip), margin
    for title, image in shown:
        pen.text((left, 6), title, fill=(30, 30, 30), font=font)
        strip.paste(image, (left, head))
        left += image.width + margin
    return strip


def _panels(
    original: Path, made: ProtectReport, received: Path, verdict: Verdict
) -> list[tuple[str, np.ndarray]]:
    panels = [
        ("original", np.asarray(Image.open(original).convert("RGB"))),
        (f"protected ({made.psnr_db:.1f} dB)", made.protected.image),
        (f"altered, JPEG {QUALITY}", np.asarray(Image.open(received).convert("RGB"))),
    ]
    if verdict.tampered_prob is not None:
        levels = np.rint(verdict.tampered_prob * 255).astype(np.uint8)
        panels.append(("found: altered area", np.repeat(levels[:, :, None], 3, axis=2)))
    if verdict.recovered is not None:
        panels.append(("recovered", verdict.recovered))
    return panels


def _jpeg(image: np.ndarray, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
