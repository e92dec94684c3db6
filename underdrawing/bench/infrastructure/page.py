"""How long a person waits: from the drop of a 2-megapixel JPEG to the verdict, in a real browser.

    python -m underdrawing.bench.infrastructure.page [--drops 5] [-o results/service-page.json]

Wall-clock seconds depend on what else the machine does; so the processor time of the server is told as well.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from underdrawing import api
from underdrawing.bench.harness.protocol import Protocol
from underdrawing.bench.harness.run import conditions, write_table
from underdrawing.bench.infrastructure.service import family, server

PROTOCOL = Protocol("service-page")
SIZE = (1732, 1155)  # 2.0 megapixels


def suspect() -> bytes:
    """A protected photograph of 2 megapixels, JPEG, with an area painted over by another part of it."""
    source = Image.open(Path(api.__file__).parents[1] / "assets" / "astronaut.png").convert("RGB")
    photo = np.asarray(source.crop((0, 0, 512, 341)).resize(SIZE, Image.Resampling.LANCZOS))
    image = api.protect(photo).protected.image.copy()
    image[300:600, 400:800] = image[700:1000, 900:1300]
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


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
                raise RuntimeError("the page tells another verdict")
            found.append({"s": seconds, "server_cpu_s": round(processor_seconds(process) - before, 2)})
            page.close()
        browser.close()
    return found


def main() -> int:
    """Measure, write and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--drops", type=int, default=5)
    parser.add_argument("-o", "--output", metavar="FILE", help="where the figures are written, JSON")
    options = parser.parse_args()
    data = suspect()
    with server(["--workers", "1"]) as (url, process):
        found = measure(url, process, data, options.drops)
    at = conditions(PROTOCOL) | {"bytes": len(data), "load_average": os.getloadavg()[0]}
    table = {"name": PROTOCOL.name, "drops": found, "conditions": at}
    if options.output:
        write_table(Path(options.output), table)
    sys.stdout.write(json.dumps(table) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
