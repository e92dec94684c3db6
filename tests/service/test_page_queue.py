"""The page with several pictures, with the tasks of a token, and with the altered areas one by one."""

import io

import numpy as np
import pytest
from browsing import drop, place, shown, sign_in, verdict_rows
from PIL import Image
from stand_in_tasks import order

pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.sync_api import expect

SIZES = [{"viewport": {"width": 1100, "height": 900}}, {"viewport": {"width": 390, "height": 844}}]


def drop_several(page, files: dict[str, bytes]) -> None:
    page.evaluate(
        """(files) => {
            const transfer = new DataTransfer();
            for (const [name, data] of files) transfer.items.add(new File([Uint8Array.from(data)], name));
            const event = { bubbles: true, cancelable: true, dataTransfer: transfer };
            document.dispatchEvent(new DragEvent("drop", event));
        }""",
        [[name, list(data)] for name, data in files.items()],
    )


def table(page) -> dict[str, str]:
    """Results by file name."""
    return dict(
        page.locator("#queue tr").evaluate_all(
            "(rows) => rows.map((row) => [row.cells[0].textContent, row.cells[2].textContent])"
        )
    )


def camera_photo(photo: bytes) -> bytes:
    exif = Image.Exif()
    exif[271], exif[272], exif[306] = "Canon", "EOS R5\0 <b>", "2026:01:02 03:04:05"
    buffer = io.BytesIO()
    Image.open(io.BytesIO(photo)).save(buffer, "JPEG", quality=93, exif=exif)
    return buffer.getvalue()


def violations(page) -> list[str]:
    """Rules of axe-core that the page breaks."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    return [found["id"] for found in axe.Axe().run(page).response["violations"]]


def test_several_files_are_worked_through_and_kept_for_the_tab(page, desk, suspect, protected):
    drop_several(page, {"suspect.png": suspect, "letter.txt": b"a letter", "first.png": protected[1]})
    expect(page.locator("#queue tr")).to_have_count(3)
    expect(page.locator("#verdict")).to_have_text("⚠ Altered")
    expect(page.locator("#progress")).to_be_hidden()
    assert table(page) == {
        "suspect.png": "⚠ Altered",
        "letter.txt": "The part `picture` is no picture of a known type.",
        "first.png": "✓ Intact",
    }
    assert page.locator("#queue tr[aria-current]").text_content().startswith("suspect.png")
    page.get_by_label("Show first.png").click()
    expect(page.locator("#verdict")).to_have_text("✓ Intact")
    expect(page.locator("#who")).to_contain_text("Protected by the desk known to this server")
    assert page.locator("#message code").first.text_content() == protected[0]

    page.reload()
    expect(page.locator("#queue tr")).to_have_count(2)
    page.get_by_label("Show suspect.png").click()
    expect(page.locator("#verdict")).to_have_text("⚠ Altered")
    expect(page.locator("#outline")).to_be_visible()
    page.evaluate("() => { const now = Date.now; Date.now = () => now() + 1e9; }")
    page.get_by_label("Show first.png").click()
    expect(page.locator("#until")).to_contain_text("expired")
    expect(page.locator("#look")).to_be_hidden()
    page.click("#clear")
    expect(page.locator("#history")).to_be_hidden()
    page.reload()
    expect(page.locator("#limits")).to_contain_text("megapixels")
    expect(page.locator("#history")).to_be_hidden()


def test_the_rest_of_a_queue_can_be_cancelled(start, browser):
    page = browser.new_page()
    page.goto(start().url)
    drop_several(page, {f"{number}.png": order("sleep 1") for number in range(4)})
    expect(page.locator("#doing")).to_contain_text("(3 more)")
    page.click("#cancel")
    expect(page.locator("#progress")).to_be_hidden()
    assert list(table(page).values()) == ["cancelled"] * 4
    page.close()


@pytest.mark.parametrize("page", SIZES, indirect=True, ids=["desk", "phone"])
def test_who_may_protects_and_finds_on_the_page(page, desk, photo):
    for name in ("#may-protect", "#may-retrieve"):
        expect(page.locator(name)).to_be_hidden()
    expect(page.locator("[name=task][value=examine]")).to_be_visible()
    sign_in(page, desk.tokens["reader"])
    expect(page.locator("#may-retrieve")).to_be_visible()
    expect(page.locator("#may-protect")).to_be_hidden()
    sign_in(page, desk.tokens["protector"])
    page.check("[name=task][value=protect]")
    page.fill("#fact-caption", "Coffee & <b>milk</b>")
    page.fill("#fact-who", "Ada, Grace")
    assert violations(page) == []
    drop(page, "my harbour.v2.jpg", camera_photo(photo))
    expect(page.locator("#made-title")).to_have_text("✓ Protected")
    assert violations(page) == []
    with page.expect_download() as download:
        page.click("#made-file a")
    assert download.value.suggested_filename == "my harbour.v2.protected.jpg"
    made = download.value.path().read_bytes()
    assert page.locator("#made-file").inner_text() == "Save my harbour.v2.protected.jpg"

    page.check("[name=task][value=verify]")
    drop(page, "posted.jpg", made)
    expect(page.locator("#verdict")).to_have_text("✓ Intact")
    facts = verdict_rows(page)
    assert facts["Caption"] == "Coffee & <b>milk</b>" and facts["Who"] == "Ada, Grace"
    camera = page.locator("#shot")
    expect(camera).to_contain_text("Canon EOS R5")
    expect(camera).to_contain_text("2026-01-02 03:04:05")
    expect(camera).to_contain_text("none in the file")
    page.check("[name=task][value=retrieve]")
    drop(page, "posted.jpg", made)
    expect(page.locator("#found-records")).to_contain_text("Found by the identity in it")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("page", SIZES, indirect=True, ids=["desk", "phone"])
def test_areas_are_outlined_on_any_picture_and_shown_one_by_one(page, protected):
    image = np.array(Image.open(io.BytesIO(protected[1])))
    image[32:96, 24:104] = image[160:224, 200:280]
    image[176:232, 232:296] = (214, 40, 30)  # of the colour of the mask
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    drop(page, "suspect.png", buffer.getvalue())
    expect(page.locator("#verdict")).to_have_text("⚠ Altered")
    expect(page.locator("#area")).to_have_text("2 areas")
    assert violations(page) == []
    page.fill("#opacity", "0")
    rows = shown(page)
    scale = rows.shape[1] / 320
    patch = rows[round(170 * scale) : round(240 * scale), round(226 * scale) : round(302 * scale)]
    assert (patch.min(axis=2) > 200).sum() > 100 * scale and (patch.max(axis=2) < 60).sum() > 100 * scale
    views = []
    for number in (1, 2):
        page.click("#next")
        expect(page.locator("#area")).to_contain_text(f"Area {number} of 2")
        expect(page.locator("#live")).to_contain_text(f"Area {number} of 2")
        times, x, y = place(page)
        views.append((x * 320, y * 256, times))
    assert all(times >= 1 for _, _, times in views) and views[0] != views[1]
    for (x, y, times), (area_x, area_y) in zip(sorted(views), [(64, 64), (264, 204)], strict=True):
        assert abs(x - area_x) < 160 / times and abs(y - area_y) < 128 / times  # in what the stage shows
    page.click("#previous")
    expect(page.locator("#area")).to_contain_text("Area 1 of 2")
    page.check("input[value=compare]")
    expect(page.locator("#walking")).to_be_hidden()
    expect(page.locator("#outline")).to_be_hidden()


def test_an_address_can_be_given_only_where_the_operator_allows_hosts(start, browser):
    page = browser.new_page()
    page.goto(start().url)
    expect(page.locator("#limits")).to_contain_text("megapixels")
    expect(page.locator("#by-url")).to_be_hidden()
    page.goto(start(fetch_hosts="images.example.org").url)
    expect(page.locator("#by-url")).to_be_visible()
    page.fill("#url", "https://elsewhere.example.org/a/picture%201.png")
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_contain_text("sends no requests to https://elsewhere.example.org")
    assert list(table(page)) == ["picture 1.png"]
    page.close()
