"""Equations 4 to 9 of the Imuge paper against numbers worked by hand."""

import math

import pytest
import torch

from underdrawing.losses import adversarial
from underdrawing.systems.imuge import losses

IMAGE = torch.tensor([0.5, 0.25, 0.0, 1.0]).reshape(1, 1, 2, 2)
RECOVERED = torch.tensor([0.0, 0.25, 0.0, 0.5]).reshape(1, 1, 2, 2)
MASK = torch.tensor([1.0, 1.0, 0.0, 0.0]).reshape(1, 1, 2, 2)


def value(x: torch.Tensor) -> float:
    return float(x)


def test_equation_4():
    # p = .9 where altered, p = .2 where not: -(ln .9 + ln .8) / 2
    logits = torch.tensor([math.log(9.0), math.log(0.25)]).reshape(1, 1, 1, 2)
    mask = torch.tensor([1.0, 0.0]).reshape(1, 1, 1, 2)
    assert value(losses.classification(logits, mask)) == pytest.approx(-(math.log(0.9) + math.log(0.8)) / 2)


def test_equation_5():
    # errors .5, 0, 0, .5: mean .125; inside the mask .25 over 2 pixels: .125; counted in [-1, 1]: times 4
    assert value(losses.recovery(IMAGE, RECOVERED, MASK)) == pytest.approx(1.0)
    assert value(losses.recovery(IMAGE, RECOVERED, MASK, span=1.0)) == pytest.approx(0.25)


def test_equation_5_without_alteration():
    assert value(losses.recovery(IMAGE, RECOVERED, torch.zeros_like(MASK), span=1.0)) == pytest.approx(0.125)


def test_equation_6():
    container = losses.container(IMAGE, IMAGE + 0.1, span=1.0)
    assert value(container) == pytest.approx(0.01)


def test_equation_7():
    assert value(adversarial.least_squares_fool(torch.tensor([0.5, -1.0]))) == pytest.approx((0.25 + 4) / 2)


def test_equation_8():
    assert value(losses.discrimination(torch.tensor(0.6), torch.tensor(0.4), 0.5)) == pytest.approx(0.8)


def test_equation_9():
    real, made = torch.tensor([0.5, 1.0]), torch.tensor([0.2, -0.4])
    assert value(adversarial.least_squares_critic(real, made)) == pytest.approx(0.05 + 0.0625)


def test_cross_entropy_critics():
    made, real = torch.tensor([0.0]), torch.tensor([0.0])
    assert value(adversarial.entropy_fool(made)) == pytest.approx(math.log(2))
    assert value(adversarial.entropy_critic(real, made)) == pytest.approx(math.log(2))
