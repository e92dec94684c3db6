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


@pytest.fixture(scope="session")
def manipulated_set(tmp_path_factory):
    """A folder in the format of `underdrawing manipulate`: squares of a photograph, and the same with a
    region of another sharpness ("blur") or of other noise ("noise")."""
    from skimage import data

    from underdrawing.data.manipulated_set import AUTHENTIC, MANIFEST, ManipulatedEntry

    side, lines = 96, []
    folder, photo = tmp_path_factory.mktemp("manipulated"), data.astronaut()
    for split, count in (("train", 8), ("val", 4), ("test", 4)):
        for number in range(count):
            rng = np.random.default_rng([number, count])
            top, left, y, x = *rng.integers(0, 512 - side, 2), *rng.integers(8, side - 48, 2)
            square = photo[top : top + side, left : left + side]
            mask, strokes = np.zeros((side, side), np.uint8), np.full((side, side), 255, np.uint8)
            mask[y : y + 40, x : x + 40] = 255
            strokes[y + 18 : y + 22, x + 6 : x + 34], strokes[:, 2:5] = 1, 0
            noisy = np.clip(square + rng.normal(0, 12, square.shape), 0, 255).astype(np.uint8)
            changed = {"blur": cv2.GaussianBlur(square, (0, 0), 2), "noise": noisy}
            pictures = {AUTHENTIC: square} | {
                kind: np.where(mask[..., None] > 0, picture, square) for kind, picture in changed.items()
            }
            for kind, picture in pictures.items():
                file, named, manipulated = f"{split}/{kind}/{number}.png", {}, kind != AUTHENTIC
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(folder / file), picture[..., ::-1])
                if manipulated:
                    named = {"mask": file.replace(".", ".mask."), "scribbles": file.replace(".", ".lines.")}
                    cv2.imwrite(str(folder / named["mask"]), mask)
                    cv2.imwrite(str(folder / named["scribbles"]), strokes)
                    named["original"] = f"{split}/{AUTHENTIC}/{number}.png"
                    named["boxes"] = [[int(x) - 2, int(y) - 2, 44, 44]]
                entry = ManipulatedEntry(
                    file=file, kind=kind, split=split, photo=f"{split}-{number}", **named
                )
                lines.append(entry.line())
    (folder / MANIFEST).write_text("".join(lines), encoding="utf-8")
    return folder
