"""page: seconds from the drop of a 2-megapixel JPEG on the page to the verdict, in a real browser.

Seconds by the clock depend on the load of the machine; so the processor time of the server is measured too.
"""

from __future__ import annotations

import os
import shutil
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from underdrawing import api
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Table
from underdrawing.bench.harness.run import Run, Study
from underdrawing.bench.infrastructure.service import family, jpeg, server

PROTOCOL, SYSTEM, PART = Protocol("page"), "photo", "page"
SIZE = (1732, 1155)  # 2.0 megapixels


def suspect() -> bytes:
    """A protected photograph of 2 megapixels, JPEG, with an area painted over by another part of it."""
    source = Image.open(Path(api.__file__).parents[1] / "assets" / "astronaut.png").convert("RGB")
    photo = np.asarray(source.crop((0, 0, 512, 341)).resize(SIZE, Image.Resampling.LANCZOS))
    image = api.protect(photo).protected.image.copy()
    image[300:600, 400:800] = image[700:1000, 900:1300]
    return jpeg(Image.fromarray(image))


def processor_seconds(process: int) -> float:
    """Of a process and all below it."""
    ticks = 0
    for pid in family(process):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(url: str, process: int, data: bytes, drops: int) -> list[dict[str, float]]:
    """Seconds from drop to verdict and pictures, by the page's own clock, and the server's processor time."""
    from playwright.sync_api import sync_playwright

    file = {"name": "suspect.jpg", "mimeType": "image/jpeg", "buffer": data}
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"), args=["--no-sandbox"]
        )
        for _ in range(drops):
            page = browser.new_page()
            page.set_default_timeout(1_200_000)
            page.goto(url)
            page.wait_for_selector("#limits:not(:empty)")
            before = processor_seconds(process)
            page.set_input_files("#file", file)
            page.wait_for_selector("html[data-verdict-ms]", state="attached")
            seconds = float(page.evaluate("document.documentElement.dataset.verdictMs")) / 1000
            if page.text_content("#verdict") != "⚠ Altered":
                raise RuntimeError("the page shows another verdict")
            found.append({"s": seconds, "server_cpu_s": round(processor_seconds(process) - before, 2)})
            page.close()
        browser.close()
    return found


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    drops: int = 5


def run(run: Run) -> None:
    """Measure the page of a server of its own."""
    settings = run.read_settings(Settings)

    def values() -> dict[str, Any]:
        data = suspect()
        with server(["--workers", "1"]) as (url, process):
            return {"bytes": len(data), "drops": measure(url, process, data, settings.drops)}

    run.write_once(STUDY, PROTOCOL, (SYSTEM, PART), values)


def table(store: Store) -> Sequence[Block] | None:
    """Seconds by the clock and of the server's processors."""
    if PART not in store.parts:
        return None
    part = store.parts[PART]
    drops, at = part["drops"], part["conditions"]
    clock, processor = (statistics.median(drop[key] for drop in drops) for key in ("s", "server_cpu_s"))
    rows = [
        ("seconds until verdict and pictures are seen, median by the clock (<= 3)", f"{clock:.2f}"),
        ("processor seconds of the server, median", f"{processor:.2f}"),
    ]
    head = ("2-megapixel JPEG dropped on the page", "")
    about = f"{len(drops)} drops, {part['bytes']} bytes, load average {at['load']:.1f} on {at['device']}"
    return [
        Table(head, [(title, store.marked(PART, value)) for title, value in rows]),
        f"{about}, {store.measured_at(PART)}.",
        store.stale_note(),
    ]


STUDY = Study(
    "page",
    "seconds from drop to verdict on the web page",
    run,
    {"service-page": table},
    Settings,
)
