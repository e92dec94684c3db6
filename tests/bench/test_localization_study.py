"""The study of localizers on toy sets, with localizers whose answers are known."""

import json

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.bench.harness.run import Run
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies.localization import ablations, samples, study, tables
from underdrawing.bench.studies.localization.figures import of_pictures
from underdrawing.core.errors import OutputError, PictureError
from underdrawing.core.interfaces import Localization
from underdrawing.data.annotation import boxes, scribbles
from underdrawing.data.manipulated_set import AUTHENTIC, MANIFEST, ManipulatedEntry
from underdrawing.metrics.localization import MapScores

SIDE, PHOTOS = 96, 5
PICTURE = cv2.resize(data.coffee(), (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def photo(number):
    return np.roll(PICTURE, 7 * number, 1)


def greened(image):
    """A manipulation: a green square; and its mask."""
    image, mask = image.copy(), np.zeros((SIDE, SIDE), np.uint8)
    image[30:60, 40:70], mask[30:60, 40:70] = (20, 200, 20), 255
    return image, mask


def blurred(image):
    image, mask = image.copy(), np.zeros((SIDE, SIDE), np.uint8)
    image[50:80, 10:60], mask[50:80, 10:60] = cv2.GaussianBlur(image[50:80, 10:60], (0, 0), 3), 255
    return image, mask


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("localization")
    entries, rng = [], np.random.default_rng(0)
    for number in range(PHOTOS):
        original = f"test/{AUTHENTIC}/{number}.png"
        write(root / "manipulated" / original, photo(number))
        entries.append(ManipulatedEntry(original, AUTHENTIC, "test", str(number)))
        for kind, change in (("green", greened), ("blur", blurred)):
            image, mask = change(photo(number))
            stem = f"test/{kind}/{number}"
            files = {f"{stem}.png": image, f"{stem}.mask.png": mask,
                     f"{stem}.scribbles.png": scribbles(mask // 255, rng)}  # fmt: skip
            for name, picture in files.items():
                write(root / "manipulated" / name, picture)
            drawn = [list(box) for box in boxes(mask // 255, rng)]
            entries.append(
                ManipulatedEntry(f"{stem}.png", kind, "test", str(number), f"{stem}.mask.png", None, original,
                                 drawn, f"{stem}.scribbles.png")
            )  # fmt: skip
    (root / "manipulated" / MANIFEST).write_text("".join(entry.line() for entry in entries))
    for name in (*study.IN_DOMAIN, *study.OUT_OF_DOMAIN):
        image, mask = greened(photo(0))
        inpainted = name == "inpaint_anything"
        places = (
            ("{}_edited.png", "{}_mask.png", "{}_original.png")
            if inpainted
            else ("tampered/{}.png", "mask/{}.png", "authentic/{}_orig.png")
        )
        for place, picture in zip(places, (image, mask, photo(1)), strict=True):
            if name != "columbia" or "authentic" not in place:
                write(root / "iml" / name / place.format("a"), picture)
    write(root / "untouched" / "b.png", photo(2))
    return root


class Greenish:
    """Flags green pixels."""

    def examine(self, image):
        red, green, blue = np.moveaxis(image.astype(int), 2, 0)
        found = np.where((green > red + 60) & (green > blue + 60), 0.9, 0.1).astype(np.float32)
        return Localization(found, np.ones_like(found), float(found.max()))


class Everything:
    """Flags each pixel of each picture."""

    def examine(self, image):
        found = np.full(image.shape[:2], 0.9, np.float32)
        return Localization(found, np.ones_like(found), 0.5)


def run(folder, results, **options):
    models = {"green": Greenish(), "everything": Everything()}
    settings = {"localizers": "green,everything"} | options.pop("settings", {})
    done = Run(
        results, folder, settings=settings, load=lambda name: Subject(name, models[name], None), **options
    )
    study.run(done)
    return study.STUDY.store(results)


@pytest.fixture(scope="module")
def store(folder, tmp_path_factory):
    return run(folder, tmp_path_factory.mktemp("results"))


def test_kinds_are_measured_apart_and_authentic_pictures_are_no_part_of_f1(store):
    found = store.figures
    assert found["green/synthetic/green/f1"]["mean"] > 0.85 > 0.1 > found["green/synthetic/blur/f1"]["mean"]
    assert found["green/synthetic/all/f1"]["n"] == 2 * PHOTOS
    assert found["green/synthetic/all/worst"]["mean"] < 0.05
    assert found["green/synthetic/all/picture_auc"]["n"] == 3 * PHOTOS
    assert found["green/synthetic/all/picture_auc"]["mean"] == pytest.approx(0.75, abs=0.05)
    assert found["everything/synthetic/all/picture_auc"]["mean"] == 0.5


def test_who_flags_everything_has_a_fair_f1_and_all_of_the_authentic_area(store):
    found = store.figures
    assert 0.1 < found["everything/synthetic/all/f1"]["mean"] < 0.6
    assert found["everything/synthetic/all/false_area"]["mean"] == 1
    assert found["everything/untouched/false_area"]["mean"] == 1
    assert found["green/untouched/false_area"]["mean"] == 0
    assert found["green/public/casia1/false_area"]["mean"] == 0


def test_public_sets_and_platforms_are_measured(store):
    found = store.figures
    for place in ("public/casia1", "public/columbia", "public/inpaint_anything", "platforms/wechat"):
        assert found[f"green/{place}/f1"]["mean"] > 0.8, place
    assert "green/public/columbia/picture_auc" not in found  # it has one class
    mean = np.mean([found[f"green/public/{name}/f1"]["mean"] for name in study.OUT_OF_DOMAIN])
    assert found["green/public/out-of-domain/f1"]["mean"] == pytest.approx(mean, abs=1e-4)
    assert found["green/platforms/none/f1"] == found["green/public/casia1/f1"]
    assert "green/platforms/weibo/picture_auc" in found and "green/platforms/none/picture_auc" not in found


def test_the_weak_labels_of_the_set_are_measured(store):
    found = store.figures
    assert found["labels/boxes/count"]["mean"] == 1 and found["labels/scribbles/wrong"]["mean"] == 0
    assert 0.6 < found["labels/boxes/mask_iou"]["mean"] <= 1
    assert 0.001 < found["labels/scribbles/labelled"]["mean"] < 0.1


def test_scores_are_kept_for_each_picture(store):
    with np.load(store.path("green").with_suffix(".npz")) as values:
        f1 = values["synthetic-green/values"][0]
        assert len(values["synthetic-green/photos"]) == 3 * PHOTOS and np.isnan(f1).sum() == PHOTOS


def test_a_photograph_and_its_manipulations_take_one_path(folder):
    view = samples.on_chains(samples.of_set(folder / "manipulated"), 1)
    by_photo = {}
    for number, sample in enumerate(view.samples):
        image, labels = view.read(number)
        assert image.shape[:2] == labels.shape and set(np.unique(labels)) <= {0, 1, 255}
        by_photo.setdefault(sample.photo, {})[sample.kind] = image
    for images in by_photo.values():
        corners = [image[:10, :10].astype(float) for image in images.values()]  # outside of the manipulations
        assert max(np.abs(corner - corners[0]).mean() for corner in corners) < 3
    assert len({images[AUTHENTIC].shape for images in by_photo.values()}) > 1
    one = samples.of_set(folder / "manipulated", 1)
    assert [sample.kind for sample in one.samples] == [AUTHENTIC, "green", "blur"]


def test_a_picture_whose_manipulation_was_cropped_off_is_of_neither_class():
    view = samples.View("v", tuple(samples.Sample(k, k, k) for k in ("splice", "text", AUTHENTIC)), photo)
    nan = np.nan
    scores = MapScores(*map(np.array, ([0.5, nan, nan], [0.3, nan, nan], [0.9, nan, nan],
                                       [0.1, 0.3, 0.2], [0.8, 0.1, 0.4])))  # fmt: skip
    found = of_pictures("p", view, scores)
    assert found["p/picture_auc"]["mean"] == 1 and found["p/picture_auc"]["n"] == 2
    assert found["p/false_area"]["mean"] == 0.2 and found["p/false_area"]["n"] == 1


def test_a_part_is_repeated_on_demand_only_and_gives_the_same(folder, store):
    before = json.loads(store.path("green").read_text())["parts"]["platforms-green"]
    again = run(folder, store.results, only=("platforms-green",), again=True).parts["platforms-green"]
    assert again["figures"] == before["figures"] and again["data_hash"] == before["data_hash"]
    with pytest.raises(OutputError, match="no part is called nothing; there are: synthetic-green"):
        run(folder, store.results, only=("nothing",))
    with pytest.raises(PictureError, match="no folder other"):
        run(folder, store.results, settings={"set": "other"}, only=("synthetic-green",), again=True)


def test_tables_have_a_row_for_each_localizer_and_set(store):
    (table, *_) = tables.overview(store)
    assert [row[0] for row in table.rows] == ["everything", "green"]
    (sets, *_) = tables.TABLES["localization-sets"](store)
    assert [row[0] for row in sets.rows] == list(tables.SETS.values())
    assert sets.rows[0][-2:] == ["0.552", "0.716"]
    (platforms, *_) = tables.TABLES["localization-platforms"](store)
    assert len(platforms.rows) == 5
    (authentic, *_) = tables.TABLES["localization-authentic"](store)
    assert "Columbia" not in [row[0] for row in authentic.rows]
    (labels, *_) = tables.TABLES["localization-labels"](store)
    assert len(labels.rows) == 7


def test_ideas_are_compared_with_full_supervision(tmp_path):
    store = study.STUDY.store(tmp_path)
    facts = {"photos": 1, "seconds": 1, "data_hash": "h", "measured": {}}
    at = facts | {"conditions": {"commit": "c", "date": "d"}}
    for name, f1 in (("sc-iml", 0.6), ("plain-masks", 0.8), ("plain-pictures", 0.2)):
        figures = {f"{name}/synthetic/all/f1": {"mean": f1, "low95": f1, "high95": f1, "n": 1}}
        store.write(name, f"synthetic-{name}", at | {"figures": figures})
    (table, *_) = tables.ideas(store)
    assert [row[0] for row in table.rows] == ["plain head, masks", "Sc-IML", "plain head, labels of pictures"]
    assert [row[6].text for row in table.rows] == ["1.00", "0.75", "0.25"]
    assert [row[3] for row in table.rows] == ["1380", "20", "4"]
    (own, *_) = tables.TABLES["localization-sc-iml"](store)
    assert own.rows[0][0] == "synthetic, all kinds"


def test_ablations_of_a_localizer_stand_below_it(tmp_path):
    store = study.STUDY.store(tmp_path)
    assert ablations.TABLES["localization-box-prompt-iml-parts"](store) is None
    for name, f1 in (("box-prompt-iml", 0.6), ("box-prompt-iml-no-memory", 0.5), ("sc-iml", 0.7)):
        figures = {f"{name}/synthetic/all/f1": {"mean": f1, "n": 4}}
        part = {"figures": figures, "measured": {}, "conditions": {}}
        study.STUDY.store(tmp_path).write(name, f"synthetic-{name}", part)
    (table, _) = ablations.TABLES["localization-box-prompt-iml-parts"](study.STUDY.store(tmp_path))
    assert [(row[0], row[1].text) for row in table.rows] == [
        ("as published, GrabCut as teacher", "0.600"), ("no memory", "0.500"),
    ]  # fmt: skip
