"""The page in a real browser."""

import json

import numpy as np
import pytest
from browsing import drop, level, sign_in, verdict_rows

pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.sync_api import expect


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
    assert received == plain and np.abs(np.subtract(received, recovered)).sum() > 8
    page.check("input[value=source]")
    expect(page.locator("#legend")).to_contain_text("decoded from the hidden code")
    assert page.locator("input[value=confidence]").count() == 1
    with page.expect_download() as download:
        page.click("text=Report (HTML)")
    assert "Altered" in download.value.path().read_text()


def test_content_credentials_are_reported_beside_the_verdict(page, suspect, protected):
    drop(page, "protected.png", protected[1])
    expect(page.locator("#verdict")).to_have_text("✓ Intact")
    card = page.locator("#credentials")
    expect(card).to_contain_text("✓ They hold")
    expect(card).to_contain_text("Signed by Test Agency, Trial Signer. Opened, watermarked with underdrawing")
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
    assert page.evaluate("document.activeElement.value") == "verify"
    for name in ("system", "file"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == name
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


def test_a_view_that_was_left_while_it_loaded_shows_nothing_of_itself(page, suspect):
    held = []
    page.route("**/*mask*", lambda route: held.append(route))  # the view of the altered area waits for it
    drop(page, "suspect.png", suspect)
    expect(page.locator("#verdict")).to_have_text("⚠ Altered")
    page.check("input[value=compare]")
    expect(page.locator("#splitting")).to_be_visible()
    with page.expect_response("**/*mask*"):
        for route in held:
            route.continue_()
    page.wait_for_timeout(300)
    assert page.locator("#walking").is_hidden() and page.locator("#outline").is_hidden()


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
        "Vouched for by the registered original: nine in ten visible edits of 0.2\u00a0% of",
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
