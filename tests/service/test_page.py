"""The page in a real browser: Debian's Chromium, or whatever CHROMIUM names, driven by Playwright."""

import os
import re
import shutil

import numpy as np
import pytest
import skimage.data
from conftest import png

pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.sync_api import expect, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
SECONDS = 90_000
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, desk, request):
    """A page of the desk's server; whatever the console complains of fails the test."""
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


def sign_in(page, token: str) -> None:
    page.evaluate("() => { document.getElementById('access').open = true; }")
    page.fill("#token", token)
    with page.expect_response("**/v1/about"):
        page.locator("#token").blur()


def foreign(url: str, home: str) -> bool:
    return not url.startswith((home, "blob:", "data:"))


def drop(page, name: str, data: bytes) -> None:
    """Drop a file on the page, as a mouse does."""
    page.evaluate(
        """([name, data]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(data)], name));
            for (const type of ["dragenter", "dragover", "drop"]) {
                document.getElementById("drop").dispatchEvent(
                    new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }));
            }
        }""",
        [name, list(data)],
    )


def told(page) -> dict[str, str]:
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("#told dt, #records dt")]
            .map((title) => [title.textContent, title.nextElementSibling.textContent]))"""
    )


def level(page, selector: str, x: float, y: float) -> list[int]:
    """RGB of what is seen at a place of the stage, in parts of its sides."""
    import io

    from PIL import Image

    page.locator("#stage").scroll_into_view_if_needed()
    shot = np.array(Image.open(io.BytesIO(page.locator(selector).screenshot())).convert("RGB"))
    return shot[round(y * (shot.shape[0] - 1)), round(x * (shot.shape[1] - 1))].astype(int).tolist()


def test_a_dropped_photograph_is_told_shown_and_kept(page, desk, suspect, protected):
    sign_in(page, desk.tokens["reader"])
    drop(page, "suspect.png", suspect)
    expect(page.locator("#verdict")).to_have_text("⚠ Altered")
    expect(page.locator("#message")).to_contain_text(protected[0])
    expect(page.locator("#live")).to_contain_text("Verdict: Altered")
    assert page.evaluate("document.activeElement.id") == "verdict"
    facts = told(page)
    assert facts["Identity"] == protected[0] and facts["Signature"] == "valid"
    assert "the desk" in facts["Signer's key"] and facts["Source"] == "Rachel Michetti"

    inside = (168 / 320, 136 / 256)  # the middle of the altered area
    expect(page.locator("#red")).to_be_visible()
    red = level(page, "#stage", *inside)
    assert red[0] > red[1] + 60 and red[0] > red[2] + 60
    page.fill("#opacity", "0")
    plain = level(page, "#stage", *inside)
    assert abs(plain[0] - plain[1]) < red[0] - red[1]

    page.check("input[value=compare]")
    page.fill("#split", "100")
    received = level(page, "#stage", *inside)
    page.fill("#split", "0")
    recovered = level(page, "#stage", *inside)
    assert received == plain and np.abs(np.subtract(received, recovered)).sum() > 20
    page.check("input[value=source]")
    expect(page.locator("#legend")).to_contain_text("decoded from the hidden code")
    assert page.locator("input[value=confidence]").count() == 1
    with page.expect_download() as download:
        page.click("text=Report (HTML)")
    assert "Altered" in download.value.path().read_text()


def test_all_of_it_works_by_keyboard(page, suspect):
    file = {"name": "suspect.png", "mimeType": "image/png", "buffer": suspect}
    page.on("filechooser", lambda chooser: chooser.set_files(file))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    page.wait_for_timeout(500)  # until the browser knows that the dialog is answered by the test
    page.keyboard.press("Enter")
    expect(page.locator("#verdict")).to_have_text("⚠ Altered")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.value") == "altered"
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.querySelector('[name=view]:checked').value") == "compare"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "split"
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.locator("#split").get_attribute("aria-valuetext").startswith("55 %")
    assert page.locator("#above").evaluate("node => node.style.clipPath").startswith("inset(0px 0px 0px 55%")


def test_a_screen_reader_finds_names_and_news(page, suspect):
    drop(page, "suspect.png", suspect)
    expect(page.locator("#verdict")).to_have_text("⚠ Altered")
    page.check("input[value=compare]")
    tree = page.locator("body").aria_snapshot()
    for name in (
        'heading "Underdrawing" [level=1]', 'heading "⚠ Altered" [level=2]', 'group "Show"',
        'radio "Before and after" [checked]', 'slider "Received on the left, recovered on the right"',
        'img "The picture that was handed in"', 'img "The recovered picture: what was there"',
        'heading "What the mark says" [level=3]', 'link "Report (HTML)"',
    ):  # fmt: skip
        assert name in tree, name
    assert page.locator("#live").get_attribute("aria-live") == "polite"
    assert page.locator("html").get_attribute("lang") == "en"
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("input")].filter((i) => !i.labels.length).map((i) => i.id)"""
    )
    assert unnamed == []


@pytest.mark.parametrize(
    "page",
    [{"viewport": {"width": 360, "height": 740}, "has_touch": True}, {"color_scheme": "dark"}],
    indirect=True,
    ids=["phone", "dark"],
)
def test_nothing_sticks_out_and_all_is_legible(page, suspect):
    drop(page, "suspect.png", suspect)
    expect(page.locator("#verdict")).to_have_text("⚠ Altered")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    for selector in ("#message", "#told dd", "#limits", "#verdict", ".files a", "footer p"):
        assert contrast(page, selector) >= 4.5, selector
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, .files a, fieldset label")]
            .filter((node) => node.offsetParent && node.offsetHeight < 43).map((node) => node.textContent)"""
    )
    assert small == []


def contrast(page, selector: str) -> float:
    """Of a text against what is behind it, as WCAG 2 defines it."""
    colors = page.locator(selector).first.evaluate(
        """(node) => {
            const numbers = (text) => text.match(/[0-9.]+/g).map(Number);
            let behind = node;
            while (numbers(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
            return [getComputedStyle(node).color, getComputedStyle(behind).backgroundColor].map(numbers);
        }"""
    )
    light = []
    for color in colors:
        linear = [((c / 255 + 0.055) / 1.055) ** 2.4 if c > 10 else c / 255 / 12.92 for c in color[:3]]
        light.append(float(np.dot(linear, [0.2126, 0.7152, 0.0722])))
    return (max(light) + 0.05) / (min(light) + 0.05)


def test_what_goes_wrong_is_said(page, desk):
    drop(page, "letter.txt", b"no picture")
    expect(page.locator("#problem")).to_contain_text("no picture of a known type")
    sign_in(page, "ud_wrong")
    expect(page.locator("#problem")).to_contain_text("token is not known")


def test_a_full_server_is_waited_for(page, suspect):
    turns = []

    def busy_at_first(route) -> None:
        turns.append(1)
        if len(turns) > 1:
            return route.continue_()
        problem = '{"detail": "all workers are busy", "status": 503}'
        return route.fulfill(
            status=503, body=problem, headers={"Retry-After": "1", "Content-Type": "application/problem+json"}
        )

    page.route("**/v1/verify", busy_at_first)
    drop(page, "suspect.png", suspect)
    expect(page.locator("#doing")).to_contain_text("busy")
    expect(page.locator("#verdict")).to_have_text("⚠ Altered")
    assert len(turns) == 2


def test_a_stranger_is_looked_for(page, desk, protected, photo):
    sign_in(page, desk.tokens["reader"])
    other = png(skimage.data.coffee()[82:338, 122:442])
    drop(page, "found.png", other)
    expect(page.locator("#verdict")).to_have_text("? No mark found")
    page.click("#retrieve")
    expect(page.locator("#records")).to_contain_text("Found by what it shows")
    expect(page.locator("#records")).to_contain_text("Rachel Michetti")
