"""What the released tokens and transformer answer: golden outputs, and that each does its part.

python tests/systems/test_hidden_code_released.py writes tests/golden/hidden_code.npz anew, for new weights.
"""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.core.errors import WeightsError
from underdrawing.metrics.quality import masked_psnr_db, psnr_db
from underdrawing.systems.hidden_code.content import ContentCode
from underdrawing.systems.hidden_code.message import Kind, Message
from underdrawing.systems.hidden_code.model import HiddenCode

GOLDEN = Path(__file__).parents[1] / "golden" / "hidden_code.npz"
PHOTO = cv2.resize(data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA)
HIDDEN = np.zeros((256, 256), bool)
HIDDEN[70:170, 80:190] = True


@pytest.fixture(scope="module")
def code() -> ContentCode:
    return ContentCode(sketches=False)


def small(picture):
    levels = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return cv2.resize(levels, (64, 64), interpolation=cv2.INTER_AREA)


def answers(code: ContentCode) -> dict[str, np.ndarray]:
    """Tokens, the pictures of two prefixes, and a hole that the transformer fills by five scales."""
    tokenizer = code.tokenizer
    grids = tokenizer.encode(PHOTO)
    left = np.where(HIDDEN[..., None], 128, PHOTO).astype(np.uint8)
    return {
        "tokens": np.concatenate([grid.ravel() for grid in grids]).astype(np.int16),
        "coarse": small(tokenizer.decode(grids[:3], 256, 256)),
        "whole": small(tokenizer.decode(grids, 256, 256)),
        "completed": small(code.recovery(left, HIDDEN, grids[:5])),
    }


def test_golden_output(code):
    found = answers(code)
    with np.load(GOLDEN) as golden:
        assert (found.pop("tokens") == golden["tokens"]).mean() > 0.97
        for name, picture in found.items():
            difference = np.abs(picture.astype(int) - golden[name])
            assert difference.mean() < 1 and np.quantile(difference, 0.99) <= 8, name


def test_every_scale_tells_more(code):
    grids = code.tokenizer.encode(PHOTO)
    quality = [psnr_db(PHOTO, code.tokenizer.decode(grids[:k], 256, 256)) for k in (1, 3, 6, 10)]
    assert all(fewer + 0.5 < more for fewer, more in pairwise(quality))


def test_the_transformer_tells_more_than_the_code_alone(code):
    left = np.where(HIDDEN[..., None], 128, PHOTO).astype(np.uint8)
    for prefix in (3, 5):
        grids = code.tokenizer.encode(PHOTO, prefix)
        alone = code.tokenizer.decode(grids, 256, 256)
        completed = code.recovery(left, HIDDEN, grids)
        assert masked_psnr_db(PHOTO, alone, HIDDEN) < masked_psnr_db(PHOTO, completed, HIDDEN)


def test_coding_puts_more_tokens_into_the_same_bits(code):
    room = 1000
    bits, kind = code.encode(PHOTO, room)
    assert kind is Kind.CODED and len(bits) == room
    sent = sum((grid >= 0).sum() for grid in code.decode(Message(None, bits, kind), 256, 256).grids)
    plain = code.tokenizer.prefix_for(room, 256, 256)
    assert sent > code.tokenizer.lengths_bits(256, 256)[plain - 1] / code.tokenizer.token_bits
    damaged = bits.copy()
    damaged[300] ^= 1
    for wrong in (damaged, bits[:-40], bits[:10], np.zeros(0, np.uint8)):
        assert code.decode(Message(None, wrong, kind), 256, 256).picture is None


def test_weights_of_something_else_are_refused(tmp_path):
    (tmp_path / "tokens.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="tokens"):
        HiddenCode(tmp_path / "tokens.safetensors").protect(PHOTO)


if __name__ == "__main__":
    np.savez_compressed(GOLDEN, **answers(ContentCode(sketches=False)))
