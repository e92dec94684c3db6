"""The fit: it goes on where it was stopped, and predicts better than no fit."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing.core.errors import UnderdrawingError
from underdrawing.systems.masked_lossless import training
from underdrawing.systems.masked_lossless.model import MaskedLossless


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    with tarfile.open(folder / "photos-000.tar", "w") as archive:
        for number in range(3):
            buffer = io.BytesIO()
            Image.fromarray(data.astronaut()[40 * number :][:128, 100:228]).save(buffer, "PNG")
            entry = tarfile.TarInfo(f"{number}.png")
            entry.size = buffer.tell()
            archive.addfile(entry, io.BytesIO(buffer.getvalue()))
    return folder


def test_a_fit_is_resumed_and_its_weights_code_pictures(shards, tmp_path, monkeypatch):
    recipe = training.Recipe(3, 32, linear=3, every=2, steps=4)
    whole = training.make(recipe, shards, tmp_path / "whole", minutes=None, resume=False)
    monkeypatch.setattr(training, "_SAVED_EVERY", 1)
    entered = []
    original = training._enter_photo

    def stopped(photo, state):
        if len(entered) == 2:
            raise KeyboardInterrupt
        entered.append(photo)
        original(photo, state)

    monkeypatch.setattr(training, "_enter_photo", stopped)
    with pytest.raises(KeyboardInterrupt):
        training.make(recipe, shards, tmp_path / "parts", minutes=None, resume=False)
    monkeypatch.setattr(training, "_enter_photo", original)
    assert training.make(recipe, shards, tmp_path / "parts", minutes=None, resume=True) == whole
    name = "masked-lossless.safetensors"
    assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    codec = MaskedLossless(tmp_path / "whole" / name)
    image = data.coffee()[100:140, 200:250]
    assert np.array_equal(codec.decode(codec.encode(image)), image)
    with pytest.raises(UnderdrawingError, match="weights"):
        MaskedLossless().decode(codec.encode(image))


def test_photographs_are_halved_by_the_mean_of_four():
    photo = np.arange(7 * 6 * 3, dtype=np.uint8).reshape(7, 6, 3)
    (half,) = training.halved_crops([photo], 2)
    assert half.shape == (2, 2, 3) and half[0, 0, 0] == (photo[:2, :2, 0].sum() + 2) // 4
