"""The magnifier of the page in a real browser."""

import numpy as np
import pytest
from browsing import drop, place, shown

pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.sync_api import expect


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
