"""The page in a real browser: Debian's Chromium, or whatever CHROMIUM names, driven by Playwright."""

import json
import os
import re
import shutil

import numpy as np
import pytest

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


def verdict_rows(page) -> dict[str, str]:
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("#findings dt, #records dt")]
            .map((title) => [title.textContent, title.nextElementSibling.textContent]))"""
    )


def level(page, selector: str, x: float, y: float) -> list[int]:
    """RGB of what is seen at a place of the stage, in parts of its sides."""
    import io

    from PIL import Image

    page.locator("#stage").scroll_into_view_if_needed()
    shot = np.array(Image.open(io.BytesIO(page.locator(selector).screenshot())).convert("RGB"))
    return shot[round(y * (shot.shape[0] - 1)), round(x * (shot.shape[1] - 1))].astype(int).tolist()


def test_a_dropped_photograph_is_reported_shown_and_kept(page, desk, suspect, protected):
    sign_in(page, desk.tokens["reader"])
    drop(page, "suspect.png", suspect)
    expect(page.locator("#verdict")).to_have_text("⚠ Altered")
    expect(page.locator("#message")).to_contain_text(protected[0])
    expect(page.locator("#live")).to_contain_text("Verdict: Altered")
    assert page.evaluate("document.activeElement.id") == "verdict"
    facts = verdict_rows(page)
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


def place(page) -> tuple[float, float, float]:
    """How many times the picture is enlarged, and which of its places (0 to 1) is in the stage's middle."""
    box, pane = (page.locator(selector).bounding_box() for selector in ("#stage", "#pane"))
    middle = [box[a] + box[b] / 2 - pane[a] for a, b in (("x", "width"), ("y", "height"))]
    return pane["width"] / box["width"], middle[0] / pane["width"], middle[1] / pane["height"]


def shown(page) -> np.ndarray:
    """What the stage shows, (H, W, 3)."""
    import io

    from PIL import Image

    page.locator("#stage").scroll_into_view_if_needed()
    return np.array(Image.open(io.BytesIO(page.locator("#stage").screenshot())).convert("RGB")).astype(int)


class TestMagnifier:
    @pytest.fixture
    def verdict(self, page, suspect):
        drop(page, "suspect.png", suspect)
        expect(page.locator("#verdict")).to_have_text("⚠ Altered")
        page.check("input[value=compare]")
        page.locator("#stage").scroll_into_view_if_needed()
        return page

    def test_keys_magnify_and_move(self, verdict):
        page = verdict
        page.focus("#stage")
        for _ in range(9):
            page.keyboard.press("+")
        assert place(page) == pytest.approx((4, 0.5, 0.5), abs=0.01)
        assert page.locator("#zoom").input_value() == "400"
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert place(page) == pytest.approx((4, 0.525, 0.525), abs=0.01)
        for _ in range(60):
            page.keyboard.press("ArrowLeft")
        assert place(page)[1] == pytest.approx(0.125, abs=0.01)  # not beyond the picture's own edge
        page.keyboard.press("-")
        assert place(page)[0] == pytest.approx(3.5, abs=0.01)
        page.keyboard.press("0")
        assert place(page) == pytest.approx((1, 0.5, 0.5), abs=0.01)
        assert page.locator("#whole").is_disabled()

    def test_both_halves_show_one_place_with_its_pixels(self, verdict, suspect):
        import io

        from PIL import Image

        page = verdict
        page.fill("#zoom", "400")
        page.fill("#split", "100")
        received = shown(page)
        page.fill("#split", "0")
        recovered = shown(page)
        page.fill("#split", "50")
        both = shown(page)
        half = both.shape[1] // 2
        assert np.abs(both[:, : half - 6] - received[:, : half - 6]).mean() < 1
        assert np.abs(both[:, half + 6 :] - recovered[:, half + 6 :]).mean() < 1
        assert np.abs(received - recovered).mean() > 5
        # The middle quarter of the picture that was handed in, each of its pixels a square.
        truth = np.array(Image.open(io.BytesIO(suspect)).convert("RGB")).astype(int)
        height, width = truth.shape[:2]
        part = truth[height * 3 // 8 : height * 5 // 8, width * 3 // 8 : width * 5 // 8]
        rows = (np.arange(received.shape[0]) + 0.5) * part.shape[0] / received.shape[0]
        columns = (np.arange(received.shape[1]) + 0.5) * part.shape[1] / received.shape[1]
        expected = part[rows.astype(int)][:, columns.astype(int)]
        inner = np.abs(received - expected)[8:-8, 8:-8]
        assert inner.mean() < 6  # a JPEG of it
        side = received.shape[1] / part.shape[1]
        starts = np.ceil(np.arange(1, part.shape[1] - 1) * side).astype(int) + 2
        flat = np.abs(received[100, starts] - received[100, starts + int(side) - 5])
        assert np.median(flat) == 0 and flat.mean() < 1

    def test_the_mask_moves_along(self, verdict):
        page = verdict
        page.check("input[value=altered]")
        page.fill("#zoom", "200")
        red = shown(page)[:, :, 0] - shown(page)[:, :, 1]
        # The altered area spans .375 to .675 of the width; enlarged twice, .25 to .85.
        inside, outside = red[:, int(0.3 * red.shape[1])], red[:, int(0.95 * red.shape[1])]
        rows = slice(int(0.35 * len(red)), int(0.8 * len(red)))
        assert np.median(inside[rows]) > np.median(outside[rows]) + 40

    def test_wheel_drag_and_click(self, verdict):
        page = verdict
        box = page.locator("#stage").bounding_box()
        x, y = box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"]
        page.mouse.move(x, y)
        before = page.evaluate("scrollY")
        page.mouse.wheel(0, -40)
        page.wait_for_timeout(300)
        assert place(page)[0] == 1 and page.evaluate("scrollY") < before  # it scrolls the page, as ever
        page.locator("#stage").scroll_into_view_if_needed()
        page.focus("#stage")
        box = page.locator("#stage").bounding_box()
        x, y = box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"]
        page.mouse.move(x, y)
        page.mouse.wheel(0, -500)
        page.wait_for_function("document.getElementById('zoom').value > 250")
        times, across, _ = place(page)
        assert across - 0.25 / times == pytest.approx(0.25, abs=0.01)  # what is under the mouse stays there
        page.mouse.down()
        page.mouse.move(x - 60, y - 30, steps=4)
        page.mouse.up()
        moved = place(page)[1]
        assert moved == pytest.approx(across + 60 / box["width"] / times, abs=0.01)
        page.mouse.click(box["x"] + 0.8 * box["width"], y)
        assert place(page)[1] == pytest.approx(moved + 0.3 / times, abs=0.02)
        split = page.locator("#split").input_value()
        line = box["x"] + box["width"] * float(split) / 100
        page.mouse.move(line, y)
        page.mouse.down()
        page.mouse.move(line + 0.2 * box["width"], y, steps=4)
        page.mouse.up()
        assert float(page.locator("#split").input_value()) == pytest.approx(float(split) + 20, abs=2)
        page.click("#whole")
        assert place(page)[0] == 1

    @pytest.mark.parametrize(
        "page", [{"viewport": {"width": 390, "height": 844}, "has_touch": True}], indirect=True, ids=["phone"]
    )
    def test_fingers(self, verdict):
        page = verdict
        box = page.locator("#stage").bounding_box()
        touch = page.context.new_cdp_session(page)
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

        def send(kind: str, *points: tuple[float, float]) -> None:
            touches = [{"x": middle[0] + x, "y": middle[1] + y, "id": n} for n, (x, y) in enumerate(points)]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

        send("touchStart", (-30, 0))
        send("touchStart", (-30, 0), (30, 0))
        for apart in range(35, 95, 5):
            send("touchMove", (-apart, 0), (apart, 0))
        send("touchEnd")
        times, across, _ = place(page)
        assert times == pytest.approx(3, rel=0.1) and across == pytest.approx(0.5, abs=0.03)
        send("touchStart", (80, 40))
        for x in range(70, 20, -10):
            send("touchMove", (x, 40))
        send("touchEnd")
        assert place(page)[1] == pytest.approx(across + 50 / box["width"] / times, abs=0.03)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    @pytest.mark.parametrize("page", [{"reduced_motion": "reduce"}], indirect=True, ids=["reduced"])
    def test_it_is_named_described_and_still(self, verdict):
        page = verdict
        page.fill("#zoom", "200")
        spoken = "200 %, the middle at 50 % from the left and 50 % from the top"
        expect(page.locator("#magnified")).to_have_text(spoken)
        assert page.locator("#zoom").get_attribute("aria-valuetext") == spoken
        tree = page.locator("body").aria_snapshot()
        assert 'slider "Magnify"' in tree and 'group "The pictures, to look at closely"' in tree
        assert 'button "Show all"' in tree and "status: 200 %" in tree
        moving = page.evaluate(
            """() => [...document.querySelectorAll("#stage, #stage *")].filter((node) => {
                const style = getComputedStyle(node);
                return parseFloat(style.transitionDuration) + parseFloat(style.animationDuration) > 0;
            }).length"""
        )
        assert moving == 0


def test_content_credentials_are_reported_beside_the_verdict(page, suspect, protected):
    drop(page, "protected.png", protected[1])
    expect(page.locator("#verdict")).to_have_text("✓ Intact")
    card = page.locator("#credentials")
    expect(card).to_contain_text("✓ They hold")
    expect(card).to_contain_text("Signed by Test Agency, Test Signer. Opened, watermarked with underdrawing")
    expect(card).to_contain_text("is the one read from the picture")
    expect(page.locator("#live")).to_contain_text("Content Credentials: They hold.")
    drop(page, "suspect.png", suspect)
    expect(page.locator("#verdict")).to_have_text("⚠ Altered")
    expect(card).to_contain_text("None in this file")
    expect(card).to_contain_text("Found again, though this file lost them")
    for name in ("#sealed p.seal", "#sealed p.quiet", "#sealed summary"):
        assert contrast(page, name) >= 4.5, name
    with page.expect_download() as download:
        card.get_by_text("Save them").click()
    assert download.value.suggested_filename.endswith(".c2pa")
    assert download.value.path().read_bytes() in protected[1]


def test_the_report_is_a_pdf(page, suspect):
    drop(page, "suspect.png", suspect)
    expect(page.locator("#verdict")).to_have_text("⚠ Altered")
    with page.expect_download() as download:
        page.click("#printed")
    assert download.value.suggested_filename.endswith(".report.pdf")
    assert download.value.path().read_bytes().startswith(b"%PDF-")


def test_all_of_it_works_by_keyboard(page, suspect):
    file = {"name": "suspect.png", "mimeType": "image/png", "buffer": suspect}
    page.on("filechooser", lambda chooser: chooser.set_files(file))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    page.wait_for_timeout(500)  # until the browser knows that the dialog is answered by the test
    page.keyboard.press("Enter")
    expect(page.locator("#verdict")).to_have_text("⚠ Altered")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "printed"
    for _ in range(3):  # the recovered Content Credentials: all of it, save them, then the views
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.value") == "altered"
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.querySelector('[name=view]:checked').value") == "compare"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "stage"
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
    for selector in ("#message", "#findings dd", "#limits", "#verdict", ".files a", "footer p"):
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


def test_a_stranger_is_looked_for(page, desk, protected, thumbnail):
    sign_in(page, desk.tokens["reader"])

    def without_record(route) -> None:
        reply = route.fetch()
        lost = {"status": "unprotected", "identity": None, "records": [], "assurance": None}
        route.fulfill(response=reply, json=reply.json() | lost)

    page.route("**/v1/verify", without_record)
    drop(page, "found.png", thumbnail)
    expect(page.locator("#verdict")).to_have_text("? No mark found")
    page.click("#retrieve")
    expect(page.locator("#records")).to_contain_text("Found by what it shows")
    expect(page.locator("#records")).to_contain_text("Rachel Michetti")


MARK = {
    "name": "mark", "state": "agrees", "binding": False, "share": 1.0, "least_area": None,
    "message": "It is whole.",
}  # fmt: skip
CONTENT = MARK | {"name": "signed content", "binding": True, "share": 0.9, "least_area": 0.021}
ORIGINAL = CONTENT | {"name": "registered original", "least_area": 0.002, "message": "<b>The same.</b>"}
SILENT = CONTENT | {"state": "silent", "binding": False, "least_area": None, "message": "It was not read."}
STATES = {
    "intact": (
        [MARK, CONTENT, ORIGINAL],
        "✓ Intact",
        "Vouched for by the registered original: edits of 0.2\u00a0% of",
    ),
    "unvouched": ([MARK, SILENT], "? Not vouched for", "Vouched for by no witness"),
    "altered": ([MARK, CONTENT | {"state": "contradicts"}], "⚠ Altered", ""),
    "unprotected": (None, "? No mark found", ""),
}


@pytest.mark.parametrize(
    "page", [{}, {"viewport": {"width": 390, "height": 844}}], indirect=True, ids=["desk", "phone"]
)
def test_every_status_shows_its_witnesses(page, suspect):
    page.route("**/v1/verify", lambda route, request: route.fulfill(status=200, body=json.dumps(answer)))
    with page.expect_request("**/v1/verify"):
        answer = json.loads(
            page.context.request.post(
                page.url + "v1/verify",
                multipart={"picture": {"name": "a.png", "mimeType": "image/png", "buffer": suspect}},
            ).text()
        )
        drop(page, "suspect.png", suspect)
    for status, (witnesses, title, sentence) in STATES.items():
        found = {"strongest": None, "least_area": None, "unvouched_share": 0.25, "witnesses": witnesses}
        answer |= {"status": status, "assurance": found if witnesses else None}
        withheld = {"identity": "0" * 16, "registered": "2026-01-02T03:04:05Z", "facts": {}, "size": None}
        answer["records"] = [withheld]
        answer["previous"] = {"identity": "fe" * 8, "key": "01234567"} if witnesses else None
        drop(page, "suspect.png", suspect)
        expect(page.locator("#verdict")).to_have_text(title)
        expect(page.locator("#vouching")).to_contain_text(sentence)
        shown = page.locator("#testimony tr").all_text_contents()
        assert len(shown) == len(witnesses or []) and page.locator("#witnesses").is_visible() == bool(
            witnesses
        )
        for witness, text in zip(witnesses or [], shown, strict=True):
            assert witness["message"] in text and witness["name"].capitalize() in text
        expect(page.locator("#records")).to_contain_text("not proven for this picture; facts are withheld")
        rows = verdict_rows(page)
        assert ("Not vouched for" in rows) == ("Protected before as" in rows) == bool(witnesses)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        if witnesses:
            for selector in ("#verdict", "#vouching", "#testimony .says", "#testimony td:last-child"):
                assert contrast(page, selector) >= 4.5, (status, selector)


def test_the_token_behind_the_address_is_kept_and_hidden(page, desk):
    with page.expect_response("**/v1/about") as response:
        page.goto(f"{desk.url}#token={desk.tokens['protector']}")
    assert response.value.json()["role"] == "protector"
    assert page.url == desk.url and page.input_value("#token") == desk.tokens["protector"]
    with page.expect_response("**/v1/about") as response:
        page.reload()
    assert response.value.json()["role"] == "protector"
