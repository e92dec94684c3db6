"""TrustMark's adapter on a stand-in for its package: what is called, and that nothing is ever fetched."""

import hashlib
import importlib
import sys

import numpy as np
import pytest
from skimage import data

from underdrawing.carriers.third_party import trustmark
from underdrawing.core.errors import MissingExtraError, WeightsError

FILES = ("trustmark_Q.yaml", "encoder_Q.ckpt", "decoder_Q.ckpt")
PACKAGE = '''
import torch

MODEL_CHECKSUMS = {}


class Decoder:
    """Tells the message that was encoded last by logits of 3."""

    def decoder(self, batch):
        assert batch.shape == (1, 3, 245, 245) and -1 <= batch.min() < 0 < batch.max() <= 1
        return torch.tensor([[3.0 if bit == "1" else -3.0 for bit in TrustMark.message]])


class TrustMark:
    model_resolution_dec = 245
    device = "cpu"
    decoder = Decoder()

    def __init__(self, use_ECC, verbose, secret_len, model_type, loadRemover):
        assert (use_ECC, secret_len, model_type, loadRemover) == (False, 100, "Q", False)
        print("told on stdout")
        self.check_and_download(__file__)

    def check_and_download(self, filename):
        raise AssertionError("would have fetched " + filename)

    def encode(self, image, message, MODE, WM_STRENGTH):
        assert MODE == "binary" and len(message) == 100
        TrustMark.message = message
        return image

    def get_the_image_for_processing(self, image):
        return image
'''


def forget():
    trustmark._model.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "trustmark"]:
        del sys.modules[name]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The folder of a package trustmark that is found before any other; no weights in it."""
    folder = tmp_path / "trustmark"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "trustmark.py").write_text(PACKAGE)
    forget()
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield folder
    forget()


def put_weights(package, listed=True):
    for name in FILES:
        (package / "models" / name).write_bytes(name.encode())
    sums = {name: hashlib.md5(name.encode()).hexdigest() for name in FILES} if listed else {}
    source = package / "trustmark.py"
    source.write_text(PACKAGE.replace("MODEL_CHECKSUMS = {}", f"MODEL_CHECKSUMS = {sums}"))


def test_absent_package_and_absent_weights_are_reported_apart(package, monkeypatch):
    with pytest.raises(WeightsError, match=r"no trustmark_Q.yaml, encoder_Q.ckpt, decoder_Q.ckpt in "):
        trustmark.TrustMark()
    monkeypatch.setattr(trustmark.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"underdrawing\[trustmark\]"):
        trustmark.TrustMark()


def test_a_package_that_cannot_be_loaded_is_a_missing_extra(package):
    put_weights(package)
    (package / "trustmark.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    with pytest.raises(MissingExtraError, match="nms does not exist"):
        trustmark.TrustMark()


def test_other_weights_than_the_package_lists_are_refused(package):
    put_weights(package, listed=False)
    with pytest.raises(WeightsError, match="not the file that the package lists"):
        trustmark.TrustMark()


def test_the_decoders_logits_become_soft_bits(package, capsys):
    put_weights(package)
    carrier, photo = trustmark.TrustMark(), data.astronaut()
    bits = np.random.default_rng(1).integers(0, 2, 100, dtype=np.uint8)
    reading = carrier.read(carrier.embed(photo, bits).apply(photo), 100)
    assert np.array_equal(reading.soft_bits, 3 - 6 * bits.astype(np.float32))
    short = carrier.read(carrier.embed(photo, bits[:7]).apply(photo), 7)
    assert np.array_equal(short.bits, bits[:7]) and np.abs(short.soft_bits).min() == 3 * (100 // 7)
    assert capsys.readouterr().out == ""
