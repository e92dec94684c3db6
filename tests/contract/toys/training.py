"""Toy training: one step of a logistic regression on the mean of crops."""

from dataclasses import dataclass

import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from underdrawing.systems.toy_detector.model import Config, Net

from underdrawing.nets.loading import save_network
from underdrawing.train.crops import crop_batch, training_photos
from underdrawing.train.loop import Run, train
from underdrawing.train.run import load_averaged


@dataclass(frozen=True)
class Recipe:
    learning_rate: float = 0.1


class Training:
    def __init__(self, photos, recipe):
        self.photos, self.module = photos, Net(Config())
        self.players = {"toy": [{"params": list(self.module.parameters()), "lr": recipe.learning_rate}]}

    def batch(self, rng):
        return crop_batch(self.photos, rng.integers(len(self.photos), size=4), 16, (16, 64), rng)

    def losses(self, image, rng):
        mean = image.mean((1, 2, 3))[:, None]
        yield "toy", {"entropy": binary_cross_entropy_with_logits(self.module(mean), torch.ones_like(mean))}


def make(data, minutes, out, resume):
    training = Training(training_photos(data), Recipe())
    rows = train(training, Run(steps=1), out, resume=resume)
    metadata = load_averaged(training.module, out, Recipe())
    save_network(training.module, out / "toy.safetensors", metadata)
    return rows[-1]
