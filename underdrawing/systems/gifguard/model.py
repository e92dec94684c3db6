"""GIFGuard as a carrier of 128 bits, for animations of any number of frames and for single pictures.

Runs without PyTorch: the plain code in numpy, STARE and DIRD as graphs.

    frames of any size --128 px, blocks of 8--> plain change --STARE--> change --resized--> marked frames
    received frames --sample--> alignment --> z --DIRD--> mean over frames --> statistics --> soft bits
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np

from underdrawing.carriers.checks import checked_count, checked_message, checked_picture
from underdrawing.carriers.frame_patterns import WEIGHTED, weighted_sums
from underdrawing.carriers.repeating import gathered, repeated
from underdrawing.coding.short_identity import short_identity
from underdrawing.core.errors import CapacityError, ShapeError, WeightsError
from underdrawing.core.interfaces import Reading
from underdrawing.nets.graph import Graph
from underdrawing.nets.weights import read_tensors
from underdrawing.ops.protection import Protection
from underdrawing.ops.window import SIDE, Window
from underdrawing.systems.gifguard.alignment import Alignment, align, least_present, patterns_of, suppressed
from underdrawing.systems.gifguard.spread_code import CodeConfig, SpreadCode

WEIGHTS = Path(__file__).parent / "weights" / "gifguard.safetensors"
"""Released weights; the graphs of the encoder and of the decoder stand beside them."""
LEAST_SIDE_PX = 80
"""Shorter sides lack the outer radii of the code."""
BLOCK = 8
"""Frames that pass the networks together, as in the training."""
_MOST_READ = 64  # frames, evenly spaced, of a longer animation
_ALIGNED = 6  # frames, of these, that the alignment is found on
_STILL_RMS = 3.7
"""Largest root mean square of the change of a single picture, levels: 36.8 dB."""
_PREFIX = "network."


class GifGuard:
    """Embeds and reads 128 bits. Frames are (H, W, 3) uint8 RGB, all of one size.

    Reading finds crops by itself, and does not depend on number, order and speed of the frames. Pictures are
    animations of one frame. WeightsError at once where the weights cannot be read.
    """

    name: str = "gifguard"
    tells_length: ClassVar[bool] = False

    def __init__(self, weights: Path = WEIGHTS):
        if not weights.is_file():
            raise WeightsError(f"{weights}: no such file; GIFGuard has no released weights yet")
        tensors = read_tensors(weights)
        try:
            self._weights = tensors[f"{_PREFIX}weights"]
            self._scale = float(tensors[f"{_PREFIX}scale"] * tensors["calibration.decoder.scale"][0])
        except KeyError as error:
            raise WeightsError(f"{weights}: no tensor {error.args[0]}; not of this training") from error
        self._stare = Graph(WEIGHTS.with_name("stare.onnx"), weights, f"{_PREFIX}stare.")
        self._dird = Graph(WEIGHTS.with_name("dird.onnx"), weights, f"{_PREFIX}dird.")
        self._code = SpreadCode.of(CodeConfig())

    def capacity_bits(self, image_u8: np.ndarray) -> int:
        """128; 0 where a side is shorter than 80 px."""
        checked_picture(image_u8)
        return self._code.config.bits if min(image_u8.shape[:2]) >= LEAST_SIDE_PX else 0

    def embed(self, image_u8: np.ndarray, bits: np.ndarray) -> Protection:
        """See Carrier. A shorter message is repeated."""
        checked_message(bits, self.capacity_bits(image_u8), self.name)
        self._check(image_u8[None], message := repeated(bits, self._code.config.bits))
        still = replace(self._code, config=replace(self._code.config, most_rms=_STILL_RMS))
        return Protection.between(image_u8, _added(image_u8, self._change(still, image_u8[None], message)[0]))

    def read(self, received_u8: np.ndarray, count: int | None) -> Reading:
        """See Carrier."""
        checked_count(count, self.capacity_bits(received_u8), self.name)
        reading = self.read_frames(received_u8[None])
        return Reading(gathered(reading.soft_bits, count), present=reading.present)

    def embed_frames(self, frames_u8: np.ndarray, bits: np.ndarray) -> np.ndarray:
        """See FrameCarrier: marked frames (T, H, W, 3)."""
        self._check(frames_u8, bits)
        marked = np.empty_like(frames_u8)
        for first in range(0, len(frames_u8), BLOCK):
            block = slice(first, first + BLOCK)
            turns = np.arange(first, first + len(marked[block])) % self._code.config.patterns
            change = self._change(self._code, frames_u8[block], bits, self._code.patterns[turns])
            for out, frame, added in zip(marked[block], frames_u8[block], change, strict=True):
                out[:] = _added(frame, added)
        return marked

    def read_frames(self, frames_u8: np.ndarray) -> Reading:
        """See FrameCarrier. 128 soft bits.

        `present` is True by the energy of the code, else None: in texture bits can be readable without it.
        """
        self._check(frames_u8)
        words, numbers = short_identity(self._code.config.bits), _spaced(len(frames_u8), _MOST_READ)

        def logits(found: Alignment) -> np.ndarray:
            return self._logits(
                np.stack([found.placed(frames_u8[n]) for n in numbers]), found.window, numbers
            )

        def is_word(found: Alignment) -> bool:
            return words.decode((logits(found) > 0).astype(np.uint8)) is not None

        few = numbers[_spaced(len(numbers), _ALIGNED)]
        found = align(self._code, frames_u8[few], few, is_word)
        return Reading(-logits(found), present=found.ratio >= least_present(len(few)) or None)

    def _check(self, frames_u8: np.ndarray, bits: np.ndarray | None = None) -> None:
        if frames_u8.ndim != 4 or not len(frames_u8):
            raise ShapeError(f"expected frames (T, H, W, 3) uint8, one or more, got {frames_u8.shape}")
        room = self.capacity_bits(frames_u8[0])
        if bits is not None:
            checked_message(bits, room, self.name)
        if not room or (bits is not None and len(bits) != room):
            got = frames_u8.shape[1:3] if bits is None else len(bits)
            text = f"{self.name}: messages of {self._code.config.bits} bits, sides of {LEAST_SIDE_PX} px or"
            raise CapacityError(f"{text} more; got {got}")

    def _change(
        self, code: SpreadCode, block: np.ndarray, bits: np.ndarray, pattern: np.ndarray | float = 1.0
    ) -> np.ndarray:
        """Of frames (T, H, W, 3), at 128 px: (T, 128, 128, 3) float32. pattern: (T, K, K) of the code."""
        config = code.config
        small = _volume(np.stack([Window().placed(frame) for frame in block]))
        signs = np.concatenate([bits * 2.0 - 1, np.ones(config.pilots), [0]]).astype(np.float32)
        plain = code.embedded(small, signs[None], pattern)
        (change,) = self._stare(frames=small[None], plain=plain[None, None].astype(np.float32))
        return change[0].transpose(1, 2, 3, 0)

    def _logits(self, canvas: np.ndarray, window: Window, numbers: np.ndarray) -> np.ndarray:
        """(128,) log-likelihood ratios of frames on the canvas (T, 128, 128, 3), positive: bit 1."""
        code = self._code
        z = suppressed(code, canvas.mean(-1), window)
        of, _ = patterns_of(code, z, numbers)
        shares = np.bincount(of, minlength=len(code.patterns))[:, None, None] / np.float32(len(canvas))
        volumes = np.zeros((len(shares), SIDE, SIDE), np.float32)
        for kind in np.unique(of):
            frames = np.flatnonzero(of == kind)
            for first in range(0, len(frames), BLOCK):
                block = frames[first : first + BLOCK]
                inputs = {"frames": _volume(canvas[block])[None], "z": z[block][None, None]}
                (volume,) = self._dird(**{name: one.astype(np.float32) for name, one in inputs.items()})
                volumes[kind] += volume[0] * (len(block) / len(canvas))
        sums = weighted_sums(
            volumes,
            lambda volumes: code.statistics(volumes, self._weights * code.patterns).sum(0),
            lambda likely: code.pattern(np.append(likely, np.float32(0)), code.patterns) * shares,
            rounds=0 if len(canvas) == 1 else WEIGHTED,  # the embedding foresees the plain sums of a frame
        )
        return self._scale * sums[: code.config.bits]


def _added(frame: np.ndarray, change: np.ndarray) -> np.ndarray:
    """A frame (H, W, 3) uint8 with a change (128, 128, 3) scaled to it."""
    wide = cv2.resize(change, frame.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(np.rint(frame + wide), 0, 255).astype(np.uint8)


def _spaced(count: int, most: int) -> np.ndarray:
    """Positions of at most so many frames, evenly spaced."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


def _volume(frames: np.ndarray) -> np.ndarray:
    """(T, H, W, 3) -> (3, T, H, W) float32."""
    return np.ascontiguousarray(frames.transpose(3, 0, 1, 2), np.float32)
