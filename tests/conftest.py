"""Fixtures of several rooms."""

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def face_set(tmp_path_factory):
    """A folder in the format of `underdrawing forge`: crops of a photograph, and as forgeries the same crops
    blurred, or with a square of another colour."""
    from skimage import data

    from underdrawing.data.face_set import MANIFEST, REAL, SIDE, FaceEntry

    folder = tmp_path_factory.mktemp("faces")
    photo, lines = cv2.resize(data.astronaut(), (800, 800)), []
    points = [[100.0, 110.0], [150.0, 110.0], [125.0, 140.0], [105.0, 165.0], [145.0, 165.0]]
    for split, count in (("train", 12), ("val", 6), ("test", 6)):
        for number in range(count):
            top, left = np.random.default_rng([number, count]).integers(0, 800 - SIDE, 2)
            real = photo[top : top + SIDE, left : left + SIDE]
            square = real.copy()
            square[100:180, 80:160] = square[100:180, 80:160] // 2 + 90
            pictures = {REAL: real, "blur": cv2.GaussianBlur(real, (0, 0), 6), "square": square}
            for kind, picture in pictures.items():
                file = f"{split}/{kind}/{number}.png"
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(folder / file), picture[..., ::-1])
                original = f"{split}/{REAL}/{number}.png" if kind != REAL else None
                person = f"{split}-{number}"
                lines.append(FaceEntry(file, kind, split, person, "photo", points, original=original).line())
    (folder / MANIFEST).write_text("".join(lines), encoding="utf-8")
    return folder
