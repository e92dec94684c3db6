"""Servers that really listen: one with stand-in workers for each test that wants its own settings, and one
with real workers, in a process of its own, for all tests."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from browsing import foreign
from PIL import Image
from stand_in_tasks import prepare

sys.path.append(str(Path(__file__).parents[1] / "credentials"))
from underdrawing.bench.harness.http_client import Client
from underdrawing.credentials.trial import issue
from underdrawing.service.settings import Settings
from underdrawing.service.tokens import TokenFile

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
SECONDS = 90_000


@dataclass
class Started:
    """A server that runs in this process."""

    url: str
    settings: Settings
    spool: Path
    log: Path
    """A line for each worker process that was made ready."""

    def client(self, token: str | None = None) -> Client:
        return Client(self.url, token)


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., Started]]:
    """Start a server with stand-in workers and the given settings."""
    import uvicorn

    from underdrawing.service.app import create_app
    from underdrawing.service.uvicorn_server import listen, options, protocol_of

    running = []

    def begin(**given) -> Started:
        spool, log = tmp_path / "spool", tmp_path / "processes"
        settings = Settings(**{"port": 0, "workers": 1, "spool": str(spool), "worker_mb": 0} | given)
        settings.check()
        listener = listen(settings.host, settings.port)
        app = create_app(settings, partial(prepare, str(log)))
        server = uvicorn.Server(uvicorn.Config(app, **options(settings, protocol_of(settings))))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        running.append((server, thread))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        wait_for(lambda: log.exists() and len(log.read_text().split()) == settings.worker_count)
        wait_for(lambda: Client(url).get("/healthz").status in (200, 421))
        return Started(url, settings, spool, log)

    yield begin
    for server, thread in running:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@dataclass
class Desk:
    """A server as people start it, with registry, key and tokens, and what is known of it."""

    url: str
    process: subprocess.Popen
    folder: Path
    tokens: dict[str, str]

    def client(self, role: str | None = None) -> Client:
        return Client(self.url, self.tokens[role] if role else None)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture(scope="session")
def desk(tmp_path_factory) -> Iterator[Desk]:
    from underdrawing import api
    from underdrawing.coding.keys import Owner

    folder = tmp_path_factory.mktemp("desk")
    file = TokenFile(folder / "tokens.json")
    tokens = {role: file.add(f"the {role}", role) for role in ("reader", "protector", "admin")}
    owner = Owner.create()
    owner.save(folder / "owner.pem")
    issued = issue(folder / "agency", organization="Test Agency")
    api.add_anchors(issued.root, "agency", folder / "trust")
    api.add_trusted(owner.public, "the desk", folder / "trust")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UNDERDRAWING_")}
    environment |= {"UNDERDRAWING_SPOOL": str(folder / "spool"), "UNDERDRAWING_MEGAPIXELS": "4"}
    environment |= {"UNDERDRAWING_RATE_PER_MINUTE": "0", "OMP_NUM_THREADS": "1", "UNDERDRAWING_QUEUE": "8"}
    command = [
        sys.executable, "-m", "underdrawing.cli", "serve", "--json", "--port", "0", "--workers", "1",
        "--registry", folder / "photos.db", "--tokens", folder / "tokens.json",
        "--sign", folder / "owner.pem", "--trust", folder / "trust",
        "--credentials", issued.chain, "--credentials-key", issued.key,
    ]  # fmt: skip
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
    url = json.loads(process.stdout.readline())["url"]
    wait_for(lambda: Client(url).get("/readyz").status == 200, 240)
    yield Desk(url, process, folder, tokens)
    process.terminate()
    assert process.wait(60) == 0
    assert not list((folder / "spool").iterdir())


@pytest.fixture(scope="session")
def photo() -> bytes:
    """The file of a photograph of 320 x 256 pixels, PNG."""
    return png(skimage.data.coffee()[80:336, 120:440])


@pytest.fixture(scope="session")
def thumbnail(photo) -> bytes:
    """The unprotected photograph at half its size, PNG: a mark is searched for in half the time."""
    return png(np.asarray(Image.open(io.BytesIO(photo)).resize((160, 128), Image.Resampling.BOX)))


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def protected(desk, photo) -> tuple[str, bytes]:
    """Identity and file of the photograph, protected by the desk and registered with facts."""
    facts = {"caption": "A cup of coffee", "who": ["Nobody"], "source": "Rachel Michetti"}
    reply = desk.client("protector").send("/v1/protect", photo, {"facts": json.dumps(facts)})
    assert reply.status == 200, reply.body
    body = reply.json()
    return body["identity"], desk.client().get(body["artefacts"]["protected"]["url"]).body


@pytest.fixture(scope="session")
def suspect(protected) -> bytes:
    """The protected photograph with an area painted over by another part of it, PNG."""
    image = np.array(Image.open(io.BytesIO(protected[1])))
    image[96:176, 120:216] = image[160:240, 8:104]
    return png(image)


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, or whatever CHROMIUM names, driven by Playwright."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium: apt-get install chromium")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, desk, request):
    """A page of the desk's server; whatever the console complains of fails the test."""
    from playwright.sync_api import expect

    context = browser.new_context(**getattr(request, "param", {}))
    page = context.new_page()
    page.set_default_timeout(SECONDS)
    expect.set_options(timeout=SECONDS)
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("request", lambda asked: complaints.append(asked.url) if foreign(asked.url, desk.url) else None)
    page.goto(desk.url)
    expect(page.locator("#limits")).to_contain_text("megapixels")
    yield page
    context.close()
    refusals = re.compile("status of (401|415|422|503)")  # the browser tells of every refusal itself
    assert not [text for text in complaints if not refusals.search(text)]
