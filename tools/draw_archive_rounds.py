"""Draw docs/images/archive-rounds.webp: an archive after some of its rounds, and after all."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from underdrawing import pack, unpack
from underdrawing.metrics.quality import psnr_db
from underdrawing.nets.masked_schedule import rounds

OUTPUT = Path(__file__).parents[1] / "docs" / "images" / "archive-rounds.webp"
SIDE, MARGIN, CAPTION = 224, 6, 40
TOP, LEFT = 10, 110
"""Of the part of the astronaut that is shown."""
COUNT = 8
SHOWN = (1, 3, 5, 6, 7, 8)


def main() -> int:
    """Pack the photograph, unpack its previews and draw them side by side."""
    image = np.ascontiguousarray(data.astronaut()[TOP : TOP + SIDE, LEFT : LEFT + SIDE])
    packed = pack(_png(image), rounds=COUNT, keep="pixels").data
    width = len(SHOWN) * (SIDE + MARGIN) - MARGIN
    sheet = Image.new("RGB", (width, SIDE + CAPTION), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for number, count in enumerate(SHOWN):
        report = unpack(packed, rounds=count if count < COUNT else None)
        assert report.picture is not None
        shown, left = report.picture.pixels, number * (SIDE + MARGIN)
        sheet.paste(Image.fromarray(shown), (left, 0))
        draw.text((left + SIDE // 2, SIDE + CAPTION // 2), _caption(image, shown, count), "black", font, "mm")
    sheet.save(OUTPUT, "WEBP", quality=88, method=6)
    return 0


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def _caption(image: np.ndarray, shown: np.ndarray, count: int) -> str:
    """Round, share of the pixels that are read, and the difference of the rest."""
    known = np.zeros(image.shape[:2], bool)
    for part in rounds(COUNT)[:count]:
        for step in part:
            known[step.pixels] = True
    end = "every pixel" if np.array_equal(image, shown) else f"{psnr_db(image, shown):.1f} dB"
    return f"round {count}: {100 * known.mean():.3g} % read, {end}"


if __name__ == "__main__":
    sys.exit(main())
