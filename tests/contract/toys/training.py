"""Toy training: one step of a logistic regression on the mean of crops."""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from underdrawing.systems.toy_detector.model import Config, Net

from underdrawing.nets.loading import save_network
from underdrawing.train.crops import crop_batch, training_photos
from underdrawing.train.run import Recipe, run_recipe

RECIPES = {"one-step": Recipe(batch=4, learning_rate=0.1, steps=1)}
DEFAULT = "one-step"


class Training:
    def __init__(self, photos, recipe):
        self.photos, self.module = photos, Net(Config())
        self.players = {"toy": [{"params": list(self.module.parameters()), "lr": recipe.learning_rate}]}

    def batch(self, rng):
        return crop_batch(self.photos, rng.integers(len(self.photos), size=4), 16, (16, 64), rng)

    def losses(self, image, rng):
        mean = image.mean((1, 2, 3))[:, None]
        yield "toy", {"entropy": binary_cross_entropy_with_logits(self.module(mean), torch.ones_like(mean))}


def make(recipe, data, out, *, minutes, resume):
    return run_recipe(
        lambda _: Training(training_photos(data), recipe),
        recipe,
        out,
        lambda system, metadata: save_network(system.module, out / "toy.safetensors", metadata),
        minutes=minutes,
        resume=resume,
    )
