"""Screenshots of the page for docs/SERVICE.md and the README, of a real server in a real browser.

    python tools/draw_page.py [-o docs/images]

A photograph is protected, registered, signed with Content Credentials, altered and sent as JPEG; then the
page is shown as on a desk, on a phone, and in the dark, magnified.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from underdrawing import api
from underdrawing.bench.harness.http_client import Client
from underdrawing.bench.infrastructure.service import jpeg, server
from underdrawing.coding.keys import Owner
from underdrawing.credentials.trial import issue
from underdrawing.service.tokens import TokenFile

FACTS = {
    "caption": "Eileen Collins, astronaut", "who": ["Eileen Collins"], "source": "NASA", "when": "1996",
    "licence": "public domain",
}  # fmt: skip
DESK, PHONE = {"width": 1100, "height": 900}, {"width": 390, "height": 844}
QUALITY = 82


@contextmanager
def desk(folder: Path) -> Iterator[tuple[str, str]]:
    """A server with registry, keys, certificates and a token; its address and the token."""
    owner, issued = Owner.create(), issue(folder / "agency", organization="A. N. Agency")
    owner.save(folder / "owner.pem")
    api.add_trusted(owner.public, "A. N. Agency", folder / "trust")
    api.add_anchors(issued.root, "agency", folder / "trust")
    token = TokenFile(folder / "tokens.json").add("desk", "protector")
    given = {
        "--registry": folder / "photos.db", "--sign": folder / "owner.pem", "--trust": folder / "trust",
        "--credentials": issued.chain, "--credentials-key": issued.key, "--workers": 1,
        "--tokens": folder / "tokens.json",
    }  # fmt: skip
    with server([str(part) for option in given.items() for part in option]) as (url, _process):
        yield url, token


def suspect(client: Client) -> bytes:
    """The bundled photograph, protected and registered, with an area painted over since, JPEG."""
    photo = (Path(api.__file__).parents[1] / "assets" / "astronaut.png").read_bytes()
    answer = client.send("/v1/protect", photo, {"facts": json.dumps(FACTS)}).json()
    made = client.get(answer["artefacts"]["protected"]["url"]).body
    image = np.array(Image.open(io.BytesIO(made)).convert("RGB"))
    image[20:150, 330:500] = image[30:160, 10:180]
    return jpeg(Image.fromarray(image))


def shots(url: str, data: bytes, folder: Path) -> None:
    """Write the screenshots as WebP."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = opened(browser, url, data, viewport=DESK)
        save(page, folder / "page-desktop.webp", 2200)
        page = opened(
            browser, url, data, viewport=PHONE, is_mobile=True, has_touch=True, device_scale_factor=1.5
        )
        page.check("input[value=compare]")
        save(page, folder / "page-phone.webp", 1560, "#answer")
        page = opened(browser, url, data, viewport=DESK, color_scheme="dark")
        page.check("input[value=compare]")
        page.fill("#zoom", "400")
        page.focus("#stage")
        for _ in range(9):
            page.keyboard.press("ArrowRight")
            page.keyboard.press("ArrowUp")
        page.wait_for_timeout(500)
        save(page, folder / "page-dark.webp", 1450)
        browser.close()


def opened(browser: Any, url: str, data: bytes, **look: Any) -> Any:
    """A page that shows its verdict."""
    page = browser.new_context(**look).new_page()
    page.goto(url)
    page.wait_for_selector("#limits:not(:empty)")
    page.set_input_files("#file", {"name": "suspect.jpg", "mimeType": "image/jpeg", "buffer": data})
    page.wait_for_selector("html[data-verdict-ms]", state="attached", timeout=120_000)
    return page


def save(page: Any, path: Path, height: int, first: str = "html") -> None:
    """The page from its `first` element on, at most so many CSS pixels of it, as WebP."""
    page.evaluate("scrollTo(0, 0)")
    top = max(0, page.locator(first).bounding_box()["y"] - 12)
    shot = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    scale = shot.width / page.viewport_size["width"]
    end = min(shot.height, round(scale * (top + height)))
    shot.crop((0, round(scale * top), shot.width, end)).save(path, "WEBP", quality=QUALITY)


def main() -> int:
    """Draw all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", default="docs/images", metavar="DIR")
    options = parser.parse_args()
    output = Path(options.output)
    with tempfile.TemporaryDirectory() as folder, desk(Path(folder)) as (url, token):
        shots(f"{url}#token={token}", suspect(Client(url, token)), output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
