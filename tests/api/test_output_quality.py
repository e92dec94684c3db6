"""Size of protected JPEG files: the quantizer of the input, a finer one where it is needed, one asked for."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from underdrawing.api import Session
from underdrawing.api.producing import FINER_QUALITY, Producer
from underdrawing.api.protecting import Embedder
from underdrawing.api.read_back import ReadBack
from underdrawing.core.errors import UsageError
from underdrawing.data.pictures import encode_picture
from underdrawing.data.sources import read_source

IDENTITY = b"12345678"


def jpeg(quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(skimage.data.astronaut()).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def tables(data: bytes) -> dict[int, list[int]]:
    return Image.open(io.BytesIO(data)).quantization


@pytest.fixture(scope="module")
def session():
    with Session() as opened:
        yield opened


def test_the_quantizer_of_the_input_is_used_again(session):
    source = jpeg(90)
    report, encoded = session.produce(source, "photo.jpg")
    assert tables(encoded.data) == tables(source)
    assert report.growth == pytest.approx(len(encoded.data) / len(source))
    assert report.growth < 1.35
    assert report.to_json()["growth"] == pytest.approx(report.growth, abs=1e-3)


def test_a_coarse_quantizer_gets_finer_luma_only(session):
    source = jpeg(60)
    written = session.produce(source, "photo.jpg")[1].data
    assert sum(tables(written)[0]) < sum(tables(source)[0]) / 2
    assert tables(written)[1] == tables(source)[1]


def test_quality_is_that_asked_for(session):
    asked = replace(session, quality=70)
    written = asked.produce(jpeg(90), "photo.jpg")[1].data
    assert tables(written)[0] == tables(jpeg(70))[0]
    with pytest.raises(UsageError, match="quality from 1 to 100"):
        Session(quality=0)


class CoarseReader:
    """Reads the top layer from fine luma tables only."""

    def __init__(self, largest_sum: int):
        self.largest_sum, self.reads = largest_sum, 0

    def read(self, data: bytes) -> ReadBack:
        self.reads += 1
        top = 10**6 if sum(tables(data)[0]) <= self.largest_sum else 0
        return ReadBack(IDENTITY.hex(), None, {"middle": 10**6, "top": top})


@pytest.mark.parametrize(
    ("largest_sum", "taken", "reads"), [(500, True, 2), (0, False, 2), (10_000, False, 1)]
)
def test_a_finer_quantizer_is_taken_where_more_is_read(session, largest_sum, taken, reads):
    reader = CoarseReader(largest_sum)
    embedder = Embedder(session._model, "photo", None, None, 1.0)
    producer = Producer(embedder, reader, lambda report: encode_picture(report.protected, Path("photo.jpg")))
    report, encoded = producer.produce(read_source(jpeg(85)), IDENTITY, None)
    assert reader.reads == reads
    assert (report.protected.quality == FINER_QUALITY) == taken
    assert (sum(tables(encoded.data)[0]) <= 500) == taken
