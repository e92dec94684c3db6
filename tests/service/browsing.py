"""What tests do on the page in a real browser, and what they read from it."""

import io

import numpy as np
from PIL import Image


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
    page.locator("#stage").scroll_into_view_if_needed()
    shot = np.array(Image.open(io.BytesIO(page.locator(selector).screenshot())).convert("RGB"))
    return shot[round(y * (shot.shape[0] - 1)), round(x * (shot.shape[1] - 1))].astype(int).tolist()


def place(page) -> tuple[float, float, float]:
    """How many times the picture is enlarged, and which of its places (0 to 1) is in the stage's middle."""
    box, pane = (page.locator(selector).bounding_box() for selector in ("#stage", "#pane"))
    middle = [box[a] + box[b] / 2 - pane[a] for a, b in (("x", "width"), ("y", "height"))]
    return pane["width"] / box["width"], middle[0] / pane["width"], middle[1] / pane["height"]


def shown(page) -> np.ndarray:
    """What the stage shows, (H, W, 3)."""
    page.locator("#stage").scroll_into_view_if_needed()
    return np.array(Image.open(io.BytesIO(page.locator("#stage").screenshot())).convert("RGB")).astype(int)
