"""The study of teachers on a toy set whose objects have a colour of their own."""

import cv2
import numpy as np
import pytest

from underdrawing.bench.harness.run import Run
from underdrawing.bench.studies import box_teachers as study
from underdrawing.core.errors import PictureError, UsageError
from underdrawing.data.manipulated_set import MANIFEST, ManipulatedEntry

SIDE = 96
BOX = [20, 24, 50, 40]


@pytest.fixture
def folder(tmp_path):
    """A set of two manipulated pictures, a green ellipse on noise each, and their authentic ones."""
    rng, lines = np.random.default_rng(1), []
    target = tmp_path / "manipulated"
    target.mkdir()
    for number, kind in enumerate(("splice", "removal")):
        photo = rng.integers(90, 140, (SIDE, SIDE, 3), np.uint8)
        weight = cv2.ellipse(np.zeros((SIDE, SIDE), np.uint8), (45, 44), (24, 19), 0, 0, 360, 255, -1)
        manipulated = np.where(weight[..., None] > 0, np.uint8([30, 220, 40]), photo)
        for name, image in (
            (f"{number}", photo),
            (f"{number}-{kind}", manipulated),
            (f"{number}-mask", weight),
        ):
            cv2.imwrite(str(target / f"{name}.png"), image)
        lines += [
            ManipulatedEntry(f"{number}.png", "authentic", "test", str(number)).line(),
            ManipulatedEntry(f"{number}-{kind}.png", kind, "test", str(number), mask=f"{number}-mask.png",
                             boxes=[BOX]).line(),
        ]  # fmt: skip
    (target / MANIFEST).write_text("".join(lines))
    return tmp_path


def test_the_study_measures_each_teacher_by_kind(folder):
    run = Run(folder / "results", folder, only=("set",))
    study.run(run)
    store = study.STUDY.store(run.results)
    assert store.parts["set"]["photos"] == 2
    weight = cv2.imread(str(folder / "manipulated/0-mask.png"), cv2.IMREAD_GRAYSCALE)
    share = cv2.countNonZero(weight) / (BOX[2] * BOX[3])
    for kind in ("splice", "removal"):
        assert store.figures[f"set/{kind}/box/iou"]["mean"] == pytest.approx(share, rel=1e-4)
        assert store.figures[f"set/{kind}/grabcut/iou"]["mean"] > 0.95
    table, conditions, _ = study.table(store)
    assert table.head == ("mean IoU with the true mask", "pictures", "box", "grabcut")
    assert [row[:2] for row in table.rows[:2]] == [["removal", "1"], ["splice", "1"]]
    assert [row[0] for row in conditions.rows] == ["set"]


def test_public_sets_get_boxes_of_their_masks(folder):
    for name, source in (("tampered", "0-splice"), ("mask", "0-mask")):
        (folder / "iml/coverage" / name).mkdir(parents=True)
        data = (folder / "manipulated" / f"{source}.png").read_bytes()
        (folder / "iml/coverage" / name / "a.png").write_bytes(data)
    run = Run(folder / "results", folder, only=("coverage",))
    study.run(run)
    figures = study.STUDY.store(run.results).figures
    assert 0.5 < figures["coverage/box/iou"]["mean"] < 0.8 < figures["coverage/grabcut/iou"]["mean"]


def test_folders_that_are_missing_are_named(tmp_path):
    with pytest.raises(PictureError, match="no folder manipulated"):
        study.run(Run(tmp_path / "results", tmp_path, only=("set",)))
    with pytest.raises(UsageError, match="--data"):
        study.run(Run(tmp_path / "results", only=("set",)))
