"""From witnesses to a status: only a binding witness makes intact, any contradiction makes altered."""

import numpy as np
import pytest

from underdrawing.core.types import Assurance, Signature, Witness
from underdrawing.judging.assurance import (
    coarse_content_witness,
    content_witness,
    mark_witness,
    status,
    unvouched_blocks,
)
from underdrawing.judging.witness.witness import Finding

VALID = Signature("valid", "0" * 16)


def finding(**changes) -> Finding:
    nothing = np.zeros((64, 64), bool)
    values = {"altered": nothing, "logits": np.zeros((8, 8), np.float32), "peak": -2.0, "other": -3.0}
    return Finding(**values | {"is_other": False, "bits": 500.0, "least_area": 0.03} | changes)


def test_a_public_mark_alone_never_makes_a_picture_intact():
    assert status([mark_witness(0.0)]) == "unvouched"
    assert status([mark_witness(0.0, private=True)]) == "intact"
    assert status([mark_witness(0.1, private=True)]) == "altered"
    assert status([mark_witness(0.0), coarse_content_witness(True)]) == "unvouched"
    assert status([mark_witness(0.0), coarse_content_witness(False)]) == "altered"


@pytest.mark.parametrize(
    ("found", "signature", "state"),
    [
        (finding(), VALID, "agrees"),
        (None, VALID, "silent"),
        (finding(), Signature("absent"), "silent"),
        (finding(), Signature("unknown", "00000000"), "silent"),
        (finding(), Signature("invalid", "0" * 16), "silent"),
        (finding(bits=60.0), VALID, "silent"),
        (finding(least_area=None), VALID, "silent"),
        (finding(is_other=True), Signature("absent"), "contradicts"),
        (finding(altered=np.ones((64, 64), bool)), Signature("absent"), "contradicts"),
    ],
)
def test_signed_content_agrees_only_where_it_is_signed_and_long_enough(found, signature, state):
    witness = content_witness(found, signature)
    assert (witness.state, witness.binding) == (state, state == "agrees")
    expected = {"agrees": "intact", "silent": "unvouched", "contradicts": "altered"}
    assert status([mark_witness(0.0), witness]) == expected[state]


def test_the_strongest_witness_is_the_last_binding_one_that_speaks():
    content = content_witness(finding(), VALID)
    assert Assurance((mark_witness(0.0), content)).strongest is content
    reference = Witness("registered original", "silent", False, 0.0, None, "No reference.")
    assert Assurance((mark_witness(0.0), content, reference)).strongest is content
    assert Assurance((mark_witness(0.0), content)).to_json()["least_area"] == 0.03
    assert Assurance().strongest is None


def test_flat_and_clipped_blocks_are_not_vouched_for():
    rng = np.random.default_rng(0)
    image = np.full((128, 128, 3), 90, np.uint8)
    image[:, 64:] = rng.integers(60, 120, (128, 64, 3))
    clipped = np.zeros((16, 16), np.float32)
    clipped[:4, 12:] = 1
    found = unvouched_blocks(image, clipped)
    assert found[:, :6].all() and not found[5:, 9:].any() and found[:4, 12:].all()
    assert status([content_witness(finding(), VALID)], unvouched_share=0.95) == "unvouched"
