"""One Session for many pictures: results of one-shot calls, one registry connection, pure parts, sources."""

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

import underdrawing
from underdrawing import Session
from underdrawing.api import open_registry, placed_record
from underdrawing.api import session as session_module
from underdrawing.coding.keys import Owner
from underdrawing.core.errors import PictureError, RegistryError, ShapeError, UsageError
from underdrawing.core.types import ALTERED_PROBABILITY
from underdrawing.data.pictures import load_picture
from underdrawing.data.sources import read_source
from underdrawing.demo import PHOTO
from underdrawing.registry.hashes import file_hash
from underdrawing.report.findings import finding_files, paths_by_kind

IDENTITIES = ("00" * 8, "11" * 8)


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    """Parts of three photographs, (256, 256, 3) uint8."""
    return [
        np.ascontiguousarray(photo[:256, 40:296])
        for photo in (skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea())
    ]


@pytest.fixture
def opened(monkeypatch) -> list[object]:
    """Every registry that a session opens; closed ones are marked by `closed`."""
    found: list[object] = []

    def open_counted(*arguments, **options):
        registry = open_registry(*arguments, **options)
        close = registry.close
        registry.closed = False
        registry.close = lambda: (setattr(registry, "closed", True), close())
        found.append(registry)
        return registry

    monkeypatch.setattr(session_module, "open_registry", open_counted)
    return found


class TestManyPictures:
    def test_results_are_those_of_one_shot_calls(self, photos, tmp_path):
        owner, secret = Owner.create(), bytes(range(100, 132))
        with Session(sign=owner, secret=secret, trust=tmp_path, strength=1.45) as session:
            for photo, identity in zip(photos, IDENTITIES, strict=False):
                many = session.protect(photo, identity=identity)
                one = underdrawing.protect(photo, sign=owner, secret=secret, strength=1.45, identity=identity)
                assert np.array_equal(many.protected.pixels, one.protected.pixels)
                assert many.to_json() | {"seconds": 0} == one.to_json() | {"seconds": 0}
                found = session.verify(many.protected)
                alone = underdrawing.verify(many.protected, secret=secret, trust=tmp_path)
                assert found.verdict.identity == identity
                ignored = {"seconds": 0, "checked": ""}
                assert found.to_json() | ignored == alone.to_json() | ignored

    def test_registry_is_opened_once_and_closed_on_exit(self, photos, tmp_path, opened):
        with Session(trust=tmp_path, registry=tmp_path / "photos.db") as session:
            made = [session.protect(photo) for photo in photos]
            found = [session.retrieve(report.protected, limit=1)[0] for report in made]
            assert session.verify(made[0].protected).record["identity"] == made[0].identity
            assert len(opened) == 1 and not opened[0].closed
        assert [report.registered for report in made] == [match.entry.number for match in found] == [1, 2, 3]
        assert opened[0].closed

    def test_open_registry_stays_open(self, photos, tmp_path, opened):
        with open_registry(tmp_path / "photos.db", create=True) as registry:
            with Session(registry=registry, trust=tmp_path) as session:
                session.protect(photos[0])
            assert len(registry) == 1 and not opened

    def test_session_can_be_used_again_after_close(self, photos, tmp_path, opened):
        session = Session(registry=tmp_path / "photos.db", trust=tmp_path)
        report = session.protect(photos[0], identity=IDENTITIES[0])
        for _ in range(2):
            assert session.judge(report.protected).record["identity"] == IDENTITIES[0]
            session.close()
        assert len(opened) == 2

    def test_only_protect_creates_a_registry(self, photos, tmp_path):
        session = Session(registry=tmp_path / "photos.db", trust=tmp_path)
        for call in (session.judge, session.retrieve):
            with pytest.raises(RegistryError, match=r"photos\.db"):
                call(photos[0])
        assert not (tmp_path / "photos.db").exists()

    def test_faults_are_found_when_it_is_made(self, tmp_path):
        with pytest.raises(ValueError, match=r"missing\.pem"):
            Session(sign=tmp_path / "missing.pem")
        with pytest.raises(ValueError, match="128 random bits"):
            Session(secret=b"short")
        with pytest.raises(RegistryError, match="needs a registry"):
            Session(trust=tmp_path).retrieve(PHOTO)


class TestPureParts:
    def test_nothing_is_written(self, photos, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        session = Session(registry=tmp_path / "photos.db", trust=tmp_path / "trust")
        report = session.embed(photos[2])
        encoded = session.encode(report, "a.jpg")
        record = placed_record(report.record, encoded.data, protected="s3://photos/a.jpg")
        found = replace(session, registry=None).judge(encoded.data)
        files = finding_files(found, "a", folder=Path("out"))
        assert found.verdict.identity == report.identity and encoded.manifest is None
        assert report.record.original.place is None and report.record.protected.file is None
        assert record.protected.file == file_hash(encoded.data) and record.identity == report.identity
        assert files["a.report.json"].count(b'"out/a.') == len(files) - 1
        assert paths_by_kind(files, "a")["html"] == "a.report.html"
        assert list(tmp_path.iterdir()) == []

    def test_what_is_written_is_what_the_pure_parts_give(self, photos, tmp_path):
        session = Session(trust=tmp_path / "trust")
        report = session.protect(photos[1], tmp_path / "a.webp", identity=IDENTITIES[0])
        again, encoded = session.produce(photos[1], "b.webp", identity=IDENTITIES[0])
        assert encoded.data == session.encode(again, "b.webp").data == (tmp_path / "a.webp").read_bytes()
        found = session.verify(tmp_path / "a.webp", tmp_path / "out")
        files = finding_files(replace(found, written=None), "a", folder=tmp_path / "out")
        assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == files
        assert report.output == str(tmp_path / "a.webp")

    def test_decoded_source_keeps_its_file(self, tmp_path, monkeypatch):
        read = read_source(PHOTO)
        monkeypatch.setattr("underdrawing.data.sources.load_picture", None)
        report = Session(registry=tmp_path / "photos.db").embed(read)
        assert report.record.original.file == file_hash(PHOTO.read_bytes()) and report.file == str(PHOTO)


class TestSources:
    def test_all_forms_of_one_photograph_are_the_same_picture(self, tmp_path, photos):
        path = tmp_path / "photo.png"
        Image.fromarray(photos[0]).save(path)
        with path.open("rb") as file, Image.open(path) as image:
            sources = (path, str(path), path.read_bytes(), file, io.BytesIO(path.read_bytes()), image)
            for source in (*sources, load_picture(path), photos[0], read_source(path)):
                picture = read_source(source).picture
                assert np.array_equal(picture.pixels, photos[0]) and not picture.gray

    def test_open_file_is_named(self, tmp_path):
        Image.fromarray(skimage.data.coffee()).save(tmp_path / "photo.jpg")
        with (tmp_path / "photo.jpg").open("rb") as file:
            read = read_source(file)
        assert read.name == str(tmp_path / "photo.jpg") and read.path is None
        (tmp_path / "bad.jpg").write_bytes(b"no picture")
        with (tmp_path / "bad.jpg").open("rb") as file, pytest.raises(PictureError, match=r"bad\.jpg"):
            underdrawing.verify(file, trust=tmp_path)

    def test_pil_image_keeps_gray_alpha_profile_and_turn(self, tmp_path):
        camera = Image.fromarray(skimage.data.camera()[:128, :96])
        assert read_source(camera).picture.gray
        exif = Image.Exif()
        exif[0x0112] = 6
        camera.save(tmp_path / "turned.jpg", exif=exif, quality=95)
        with Image.open(tmp_path / "turned.jpg") as turned:
            upright = read_source(turned).picture
        assert upright.pixels.shape == (96, 128, 3)
        assert np.array_equal(upright.pixels, load_picture(tmp_path / "turned.jpg").pixels)
        clear = Image.fromarray(skimage.data.astronaut()[:128, :128]).convert("RGBA")
        assert read_source(clear).picture.alpha.shape == (128, 128)

    def test_deep_and_gray_arrays(self):
        deep = skimage.data.camera()[:128, :128].astype(np.uint16) * 257
        for source in (deep, Image.fromarray(deep)):
            picture = read_source(source).picture
            assert picture.gray and picture.pixels.dtype == np.uint16
            assert np.array_equal(picture.pixels[..., 0], deep)

    @pytest.mark.parametrize(
        ("source", "error", "message"),
        [
            (np.zeros((128, 128, 5), np.uint8), ShapeError, r"\(H, W, 3\).*\(128, 128, 5\)"),
            (np.full((128, 128, 3), 200, np.float32), ShapeError, "float32 values from 0 to 1.*200"),
            (np.zeros((32, 128), np.uint8), ShapeError, "at least 64 px, got 128x32"),
            (np.zeros((64, 1344), np.uint8), ShapeError, "at most 20 times.*1344x64"),
            (Image.new("F", (128, 128)), PictureError, "mode F"),
            (Image.new("CMYK", (128, 128)), PictureError, "CMYK without a colour profile"),
            (io.StringIO("text"), PictureError, "binary mode"),
            ([1, 2], PictureError, "got list"),
            (None, PictureError, "got NoneType"),
        ],
    )
    def test_others_are_refused_in_clear_words(self, source, error, message):
        with pytest.raises(error, match=message):
            read_source(source)


@pytest.fixture(scope="module")
def reports(photos, tmp_path_factory):
    """Of a protected photograph, and of the same with a part of another one in it."""
    session = Session(trust=tmp_path_factory.mktemp("trust"))
    made = session.protect(photos[0], identity=IDENTITIES[0])
    altered = made.protected.image.copy()
    altered[64:160, 64:160] = photos[1][64:160, 64:160]
    return made, replace(session.judge(altered), file="a.png")


class TestReports:
    def test_repr_is_short(self, reports):
        made, found = reports
        assert IDENTITIES[0] in repr(made) and "dB" in repr(made)
        assert "altered" in repr(found) and "a.png" in repr(found)
        assert all(len(repr(report)) < 200 and "\n" not in repr(report) for report in reports)
        assert "array" not in repr(found.verdict)

    def test_notebooks_show_escaped_text_and_small_pictures(self, reports):
        made, found = reports
        html = replace(found, verdict=replace(found.verdict, message="<script>"))._repr_html_()
        assert "&lt;script&gt;" in html and "<script>" not in html
        assert html.count("data:image/jpeg;base64,") == 3 and len(html) < 200_000
        assert re.search("Received.*Altered area.*Recovered", html, re.DOTALL)
        assert made._repr_html_().count("data:image/jpeg") == 1

    def test_mask_is_the_probability_above_the_threshold(self, reports):
        verdict = reports[1].verdict
        assert verdict.mask.dtype == bool and verdict.mask.any()
        assert np.array_equal(verdict.mask, verdict.tampered_prob > ALTERED_PROBABILITY)
        assert replace(verdict, tampered_prob=None).mask is None

    def test_credentials_need_an_output_and_a_place(self, photos):
        class Signer:
            """Never asked: the checks come first."""

        with pytest.raises(UsageError, match="give an output"):
            Session(credentials=Signer()).protect(photos[0])
        with pytest.raises(UsageError, match="give `manifests`"):
            Session(credentials=Signer(), registry="postgresql://db/photos")


def test_names_at_the_top():
    stub = (Path(underdrawing.__file__).parent / "__init__.pyi").read_text(encoding="utf-8")
    typed = set(re.findall(r"import \w+ as (\w+)", stub)) | {"__version__"}
    assert typed == set(underdrawing.__all__) <= set(dir(underdrawing))
    assert all(getattr(underdrawing, name) is not None for name in underdrawing.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = underdrawing.nothing
