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
    photo, lines = data.astronaut(), []
    points = [[62.0, 68.0], [94.0, 68.0], [78.0, 88.0], [66.0, 103.0], [90.0, 103.0]]
    for split, count in (("train", 12), ("val", 6), ("test", 6)):
        for number in range(count):
            top, left = np.random.default_rng([number, count]).integers(0, 512 - SIDE, 2)
            real = photo[top : top + SIDE, left : left + SIDE]
            square = real.copy()
            square[62:112, 50:100] = square[62:112, 50:100] // 2 + 90
            pictures = {REAL: real, "blur": cv2.GaussianBlur(real, (0, 0), 4), "square": square}
            for kind, picture in pictures.items():
                file = f"{split}/{kind}/{number}.png"
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(folder / file), picture[..., ::-1])
                original = f"{split}/{REAL}/{number}.png" if kind != REAL else None
                person = f"{split}-{number}"
                lines.append(FaceEntry(file, kind, split, person, "photo", points, original=original).line())
    (folder / MANIFEST).write_text("".join(lines), encoding="utf-8")
    return folder
