"""The runner measures a subject honestly: a perfect one scores perfectly, a blind one scores nothing."""

import json
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing.attacks.suites import SUITES
from underdrawing.bench import tables
from underdrawing.bench.harness.avif import avif_at, picture_bits
from underdrawing.bench.harness.measures import Edits, Trial, strength_for
from underdrawing.bench.harness.photographs import PhotoSets, hash_photos
from underdrawing.bench.harness.run import Run, figure, rate, summarize
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies import imuge, photo_core
from underdrawing.core.errors import OutputError, PictureError, UsageError
from underdrawing.core.types import Signature, Verdict
from underdrawing.metrics.quality import psnr_db
from underdrawing.systems.imuge.recipes import RECIPES

SMALL = replace(
    photo_core.PROTOCOL, sizes=(96,), suite="imuge", recovery_channels=("none", "jpeg50"), code_bits=(600,)
)


@dataclass
class Fake:
    """Remembers what it protected and, where `sighted`, returns all of it from verify."""

    sighted: bool = True

    def __post_init__(self):
        self.memory = []

    def protect(self, image_u8, *, owner, identity, secret, strength):
        noise = np.random.default_rng(zlib.crc32(image_u8.tobytes())).normal(0, 2, image_u8.shape[:2])
        residual = (strength * noise).astype(np.float32)
        self.memory.append(np.clip(np.rint(image_u8 + residual[..., None]), 0, 255).astype(np.uint8))
        protected = self.memory[-1]
        return SimpleNamespace(apply=lambda pixels: protected)

    def verify(self, image_u8, *, secret, find_key):
        if not self.sighted or not self.memory:
            return Verdict("unprotected", False, "nothing")
        same = image_u8.shape == self.memory[-1].shape
        truth = self.memory[-1] if same else image_u8
        changed = np.abs(truth.astype(int) - image_u8).max(axis=-1) > 0
        return Verdict(
            "altered",
            True,
            "found",
            identity="0123456789abcdef",
            signature=Signature("valid"),
            tampered_prob=changed.astype(np.float32),
            recovered=truth,
            layers=("base", "middle"),
        )


def subject_of(model):
    return Subject("fake", model, SimpleNamespace(public=None))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two photographs in every set, one of them in a tar, with outlines for the objects' set."""
    root = tmp_path_factory.mktemp("photos")
    photos = {"astronaut": data.astronaut()[:200, :260], "coffee": data.coffee()[:180, :300]}
    for name in ("kodak24", "clic2025_val", "coco_val", "fullsize", "imagenet1k_one"):
        (root / "deep" / name).mkdir(parents=True)
        for photo, pixels in photos.items():
            Image.fromarray(pixels).save(root / "deep" / name / f"{photo}.png")
    outline = [60.0, 40.0, 160.0, 40.0, 160.0, 140.0, 110.0, 150.0, 60.0, 140.0, 55.0, 90.0]
    table = {name: {"instances": [{"poly": [outline]}]} for name in photos}
    (root / "deep" / "coco_val" / "instances.json").write_text(json.dumps(table))
    return root


def measure(results, model, data, **chosen):
    """Parts of photo-core measured on a stand-in, with their values by photograph."""
    run = Run(
        results, data, load=lambda name: Subject("photo", model, SimpleNamespace(public=None)), **chosen
    )
    photo_core.run(run, SMALL)
    return photo_core.STUDY.store(results)


def test_a_perfect_subject_scores_perfectly_and_the_run_can_be_resumed(folder, tmp_path):
    done = []
    chosen = {"only": ["container", "attacks", "recovery-96", "strangers"]}
    chosen["progress"] = lambda part, at, of: done.append(part)
    store = measure(tmp_path, Fake(), folder, **chosen)
    figures = store.figures
    assert figures["container/96/psnr_db"]["mean"] == pytest.approx(20 * np.log10(255 / 2), abs=0.4)
    assert figures["container/96/psnr_db"]["n"] == 4
    assert figures["edited/96/none/identity"]["mean"] == 1
    assert figures["edited/96/none/f1"]["mean"] > 0.97
    assert (
        figures["edited/96/none/lpsnr_db"]["mean"] > 40 > figures["edited/96/none/untouched_lpsnr_db"]["mean"]
    )
    assert figures["authentic/96/none/flagged"]["mean"] == 0
    assert figures["authentic/96/jpeg50/flagged"]["mean"] > 0.5
    assert figures["recovery/96/none/f1"]["n"] == 2
    assert figures["strangers/accepted"]["mean"] == 1
    assert set(done) == {"container-96", "attacks-96", "recovery-96", "strangers"} == set(store.parts)
    assert store.parts["container-96"]["conditions"]["seed"] == SMALL.seed
    with np.load(tmp_path / "photo-core" / "photo.npz") as columns:
        row = columns["container-96/keys"].tolist().index("container/96/psnr_db")
        values = columns["container-96/values"][row]
    assert values.shape == (4,)
    assert values.mean() == pytest.approx(figures["container/96/psnr_db"]["mean"], abs=1e-4)
    done.clear()
    written = (tmp_path / "photo-core" / "photo.npz").read_bytes()
    assert measure(tmp_path, Fake(), folder, **chosen).figures == figures and done == []
    measure(tmp_path, Fake(), folder, only=["container"], again=True)
    assert (tmp_path / "photo-core" / "photo.npz").read_bytes() == written


def test_a_blind_subject_scores_nothing(folder, tmp_path):
    only = ["attacks", "strangers"]
    figures = measure(tmp_path, Fake(sighted=False), folder, photos=1, only=only).figures
    assert figures["edited/96/none/identity"]["mean"] == 0
    assert figures["edited/96/none/f1"]["mean"] == 0
    assert figures["edited/96/none/lpsnr_db"] == figures["edited/96/none/untouched_lpsnr_db"]
    assert "authentic/96/none/flagged_signed" not in figures
    assert figures["strangers/accepted"]["mean"] == 0


def test_two_processes_measure_what_one_measures(folder, tmp_path):
    one = measure(tmp_path / "a", Fake(), folder, only=["recovery-96"])
    two = measure(tmp_path / "b", Fake(), folder, only=["recovery-96"], workers=2)
    assert one.figures == two.figures


def test_every_benign_channel_can_be_scored():
    image, donor = data.astronaut()[:128, :128], data.coffee()
    fake = Fake()
    subject = subject_of(fake)
    protected = subject.protect(image)
    edits = Edits(donor, (), (), (0.05, 0.3))
    trial = Trial(subject, image, protected, edits, (1, 2))
    rows = trial.edited_rows(SUITES["photo-benign"], "edited/128")
    figures = summarize(rows)
    for channel in SUITES["photo-benign"]:
        assert 0 <= figures[f"edited/128/{channel.name}/f1"]["mean"] <= 1
        assert np.isfinite(figures[f"edited/128/{channel.name}/lpsnr_db"]["mean"])


def test_the_strength_is_found_for_a_container():
    images = [data.astronaut()[:128, :128]]
    strength = strength_for(subject_of(Fake()), images, 34.6)
    assert psnr_db(images[0], subject_of(Fake()).protect(images[0], strength)) == pytest.approx(34.6, abs=0.1)


def test_parts_are_chosen_by_their_beginnings(folder, tmp_path):
    assert len(photo_core.parts(photo_core.PROTOCOL)) == 14
    with pytest.raises(OutputError, match="strangers"):
        measure(tmp_path, Fake(), folder, only=["nonsense"])


def test_sets_squares_and_hashes(folder):
    sets = PhotoSets(folder)
    photo = sets.photos("coco_val")[0]
    image, outlines = photo.square(90)
    assert image.shape == (90, 90, 3)
    assert np.allclose(outlines[0][0][0], [(60 - 30) * 0.45, 40 * 0.45])
    assert hash_photos(sets.photos("kodak24")) == hash_photos(reversed(sets.photos("kodak24")))
    assert hash_photos(sets.photos("kodak24")) != hash_photos(sets.photos("kodak24")[:1])
    assert len(PhotoSets(folder, 1).photos("kodak24")) == 1
    with pytest.raises(PictureError, match="no folder"):
        sets.photos("elsewhere")


def test_figures_by_hand():
    values = [float(value) for value in range(20)]
    psnr, flagged = figure("psnr_db", values), figure("flagged", values)
    assert (psnr["worst_decile"], psnr["best_decile"]) == (0.5, 18.5)
    assert (flagged["worst_decile"], flagged["best_decile"]) == (18.5, 0.5)
    assert rate([True, False, True, True])["mean"] == 0.75
    assert summarize([("a", {"f1": float("nan")}), ("a", {"iou": None})]) == {}


def test_avif_spends_no_more_bits_than_allowed():
    image = data.astronaut()[:128, :128]
    scores = [psnr_db(image, avif_at(image, bits)) for bits in (1500, 6000)]
    assert scores[0] < scores[1]
    assert avif_at(image, 40).std() < image.std()
    assert picture_bits(b"\0\0\0\x0cmdatabcd") == 32


def test_tables_are_filled_from_results_and_checked(folder, tmp_path):
    measure(tmp_path / "results", Fake(), folder, only=["container"])
    path = tmp_path / "results" / "photo-core" / "photo.json"
    stored = json.loads(path.read_text())
    stored["parts"]["container-96"]["figures"]["container/512/psnr_db"] = {"mean": 39.0, "n": 4}
    path.write_text(json.dumps(stored))
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- table:photo-core -->\nold\n<!-- /table -->\nafter\n")
    assert tables.main(["--check", "--root", str(tmp_path)]) == 1
    assert "old" in readme.read_text()
    assert tables.main(["--root", str(tmp_path)]) == 0
    text = readme.read_text()
    assert "39.00 (>= 40.5) ✗" in text and "old" not in text and text.endswith("after\n")
    assert "(stale)" not in text
    assert tables.main(["--check", "--root", str(tmp_path)]) == 0
    readme.write_text("<!-- table:nobody -->\n<!-- /table -->\n")
    with pytest.raises(OutputError, match="nobody"):
        tables.main(["--root", str(tmp_path)])


def test_results_are_kept_by_part(folder, tmp_path):
    measure(tmp_path, Fake(), folder, only=["container"])
    assert set(measure(tmp_path, Fake(), folder, only=["strangers"]).parts) == {"container-96", "strangers"}


def test_the_imuge_tables_compare_two_systems_at_one_container(folder, tmp_path):
    owner = SimpleNamespace(public=None)
    run = Run(tmp_path, folder, photos=1, load=lambda name: Subject(name, Fake(), owner))
    imuge.run(run, replace(imuge.PROTOCOL, sizes=(96,)))
    store, photos = imuge.STUDY.store(tmp_path), len(imuge.PROTOCOL.quality_sets)
    figures, counts = store.figures, {name: part["photos"] for name, part in store.parts.items()}
    assert counts.pop("speed-imuge") == counts.pop("speed-photo") == 1 and set(counts.values()) == {photos}
    assert figures["speed/imuge/verify/seconds"]["mean"] > 0
    assert figures["table1/imuge/none/f1"]["mean"] > 0.99
    assert figures["table1/photo/none/lpsnr_db"]["n"] == photos
    assert len(SUITES["imuge"]) == len(imuge.CHANNELS) == 12
    assert {channel.name for channel in SUITES["imuge"]} == set(imuge.CHANNELS)
    containers = [figures[f"container/{name}/psnr_db"]["mean"] for name in ("imuge", "photo")]
    assert abs(containers[0] - containers[1]) < 0.3
    text = tables.fill("<!-- table:imuge-table1 -->\n<!-- /table -->\n", tmp_path)
    none = next(line for line in text.splitlines() if line.startswith("| none |"))
    assert none.startswith("| none | 0.015 / ") and none.count("/") == 4 * 2 + 2
    rows = tables.fill("<!-- table:imuge-table2 -->\n<!-- /table -->\n", tmp_path).splitlines()
    assert rows[3].startswith("| 10 %, 6 % | 0.008 / ")


def test_the_ablation_has_a_row_for_each_training(folder, tmp_path):
    asked = []

    def load(name: str, weights: Path | None = None) -> Subject:
        asked.append((name, weights and weights.parent.name))
        return Subject(name, Fake(), None)

    given = {"photos": 1, "only": ["table3"], "load": load}
    with pytest.raises(OutputError, match="no part is called table3"):
        imuge.run(Run(tmp_path, folder, **given))
    with pytest.raises(UsageError, match="no setting wieghts; there are: weights"):
        imuge.run(Run(tmp_path, folder, settings={"wieghts": "runs"}, **given))
    asked.clear()
    run = Run(tmp_path, folder, settings={"weights": str(tmp_path / "runs")}, **given)
    imuge.run(run, replace(imuge.PROTOCOL, sizes=(96,)))
    assert asked[2:] == [("imuge", recipe) for recipe in imuge.TABLE3]
    assert set(imuge.STUDY.store(tmp_path).parts) == {f"table3-{recipe}" for recipe in imuge.TABLE3}
    rows = tables.fill("<!-- table:imuge-table3 -->\n<!-- /table -->\n", tmp_path).splitlines()
    assert rows[3].startswith("| no verifying network") and rows[3].count("| - |") == 1
    assert rows[8].startswith("| all | 27.43 | ")


def test_the_rows_of_table_3_are_recipes():
    assert set(imuge.TABLE3) == {name for name in RECIPES if name.startswith("ablation")}


@pytest.mark.parametrize("total, largest", imuge.AREAS)
def test_several_areas_together_have_the_size_that_table_2_asks_for(total, largest):
    mask = imuge.SeveralAreas(None, total, largest).mask(256, 256, np.random.default_rng(3))
    assert abs(mask.mean() - total) < 0.02
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    assert (stats[1:, cv2.CC_STAT_AREA].max() / mask.size - largest) < 0.02 or count == 2
