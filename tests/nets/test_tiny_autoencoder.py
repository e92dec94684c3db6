"""TAEF2 by the names and shapes of its published files; the weights themselves are not in the package."""

import numpy as np
import pytest
import torch

from underdrawing.core.errors import WeightsError
from underdrawing.nets import tiny_autoencoder
from underdrawing.nets.tiny_autoencoder import TinyAutoencoder


def published(folder):
    """Files of random weights; names, shapes and half precision as published."""
    for name, network in (("encoder", tiny_autoencoder.encoder()), ("decoder", tiny_autoencoder.decoder())):
        state = {key: value.half() for key, value in network.state_dict().items()}
        torch.save(state, folder / f"taef2_{name}.pth")
    return folder


def test_names_of_the_published_files():
    """Of the first and last layers, of a block with normalization and of one without."""
    encoder = {name: tuple(v.shape) for name, v in tiny_autoencoder.encoder().state_dict().items()}
    decoder = {name: tuple(v.shape) for name, v in tiny_autoencoder.decoder().state_dict().items()}
    assert encoder["0.weight"] == (64, 3, 3, 3) and encoder["14.weight"] == (32, 64, 3, 3)
    assert encoder["11.pool.0.weight"] == (256, 64, 1, 1) and "9.pool.0.weight" not in encoder
    assert decoder["1.weight"] == (64, 32, 3, 3) and decoder["19.weight"] == (3, 64, 3, 3)
    assert decoder["5.pool.3.weight"] == (64, 256, 1, 1) and "8.pool.0.weight" not in decoder
    assert "2.bias" not in encoder and "7.bias" not in decoder


def test_shapes_and_a_bounded_latent(tmp_path):
    coder = TinyAutoencoder(published(tmp_path))
    latent = coder.encode(np.zeros((1, 3, 32, 48), np.float32))
    assert latent.shape == (1, 32, 4, 6) and latent.dtype == np.float32
    far = np.full_like(latent, 1e6)
    assert coder.decode(latent).shape == (1, 3, 32, 48)
    assert np.allclose(coder.decode(far), coder.decode(2 * far)), "3 tanh(x / 3)"


def test_files_that_are_missing_or_of_another_network(tmp_path):
    with pytest.raises(WeightsError, match=r"taef2_encoder\.pth"):
        TinyAutoencoder(tmp_path)
    published(tmp_path)
    (tmp_path / "taef2_decoder.pth").write_bytes((tmp_path / "taef2_encoder.pth").read_bytes())
    with pytest.raises(WeightsError, match=r"taef2_decoder\.pth"):
        TinyAutoencoder(tmp_path)
    (tmp_path / "taef2_decoder.pth").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(WeightsError, match=r"taef2_decoder\.pth"):
        TinyAutoencoder(tmp_path)
