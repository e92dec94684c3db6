"""A diffusers pipeline as a carrier: Gaussian Shading in, picture out; picture in, inversion, message out."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

import cv2
import numpy as np

from underdrawing.carriers.checks import checked_picture
from underdrawing.carriers.in_generation.ddim import Ddim
from underdrawing.carriers.in_generation.gaussian_shading import GaussianShading
from underdrawing.core.interfaces import Reading


@dataclass(frozen=True)
class PipelineCarrier:
    """Generates pictures that carry a message, with any pipeline that Ddim can invert.

    A pipeline whose call takes `latents` makes the picture itself, by its own prompt, guidance and scheduler,
    and is inverted without them, as the paper does. Any other is sampled by Ddim.
    """

    pipeline: object
    shading: GaussianShading
    steps: int = 50
    """Of sampling and inversion."""
    rounds: int = 1
    """Of the implicit equation of each inverted step; 1 is the usual inversion, 20 and more the exact one."""
    descent: int = 0
    """Rounds by which the decoder is inverted beyond what the encoder answers."""
    call: Mapping[str, object] = field(default_factory=dict)
    """What the pipeline is called with: prompt, guidance_scale ..."""
    conditions: Mapping[str, object] = field(default_factory=dict)
    """What the network is called with on the way back: encoder_hidden_states of an empty prompt ..."""
    name: str = "gaussian-shading"
    tells_length: ClassVar[bool] = False

    @cached_property
    def ddim(self) -> Ddim:
        """The sampler that inverts the pipeline."""
        return Ddim(self.pipeline, self.steps, self.conditions)

    def capacity_bits(self, image_u8: np.ndarray) -> int:
        """The same for every picture: what the latents hold."""
        checked_picture(image_u8)
        return self.shading.room_bits

    def generate(self, bits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """See Generator."""
        latents = self.shading.sample_latents(bits, rng)
        if not callable(self.pipeline) or "latents" not in inspect.signature(self.pipeline).parameters:
            return self.ddim.decode(self.ddim.sample(latents))
        start = self.ddim.batch(latents)
        made = self.pipeline(latents=start, num_inference_steps=self.steps, output_type="np", **self.call)
        return np.clip(np.rint(made.images[0] * 255), 0, 255).astype(np.uint8)

    def read(self, received_u8: np.ndarray, count: int | None) -> Reading:
        """See Reader. The whole frame is expected; its size may have changed."""
        checked_picture(received_u8)
        _, height, width = self.shading.shape
        size = width * self.ddim.scale, height * self.ddim.scale
        own = received_u8
        if own.shape[1::-1] != size:
            smaller = size[0] * size[1] < own.shape[0] * own.shape[1]
            own = cv2.resize(own, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
        latents = self.ddim.invert(self.ddim.encode(own, self.descent), self.rounds).latents
        reading = self.shading.read_latents(latents, count)
        frame = received_u8.shape[1::-1]
        spread = cv2.resize(reading.evidence, frame, interpolation=cv2.INTER_NEAREST)
        return replace(reading, evidence=spread)
