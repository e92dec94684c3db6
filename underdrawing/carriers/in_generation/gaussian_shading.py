"""Gaussian Shading (Yang et al., CVPR 2024, arXiv 2404.04956): a message in the noise that a picture starts
from.

    s   message, repeated fc x fhw x fhw times over the latents (c, h, w), l bits to an element     (sec. 3.2)
    e = s XOR ChaCha20 stream; y = the l bits of e as a number: uniform in 0 .. 2^l - 1
    z = ppf((y + u) / 2^l), u uniform in (0, 1): standard normal without the key   (sec. 3.3, eq. 4)

    z' --> y' = floor(2^l cdf(z')) --> decipher --> vote over the copies                          (eq. 6)

The vote here is soft: each element says its bits by the posterior of its own interval, given how closely the
recovered latents follow the sampled ones, and log-likelihood ratios of all copies are added. Elements near
an edge count little, and the sign of the sum is the majority vote where all are equally sure.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import chdtrc, ndtr, ndtri

from underdrawing.carriers.checks import checked_count, checked_message
from underdrawing.coding.keystream import PUBLIC_SECRET, stream
from underdrawing.core.errors import ShapeError, UsageError
from underdrawing.core.interfaces import Reading

_EDGE = 2.0**-20  # u keeps so far from 0 and 1 that float32 cannot move an element into the next interval
_CLOSEST, _LOOSEST = 0.999, 0.05  # correlation of recovered and sampled latents that is believed
_UNKNOWN = 1 - 1e-7  # where no bit has two copies to measure it by, latents are taken as they are
_LEAST_PROBABILITY = 1e-6
_CHANCE = 1e-6  # of taking other latents for marked ones
_BEYOND_CHANCE = 5.0  # standard deviations of the spread of as many normal numbers
_MOST_BITS = 4


@dataclass(frozen=True)
class GaussianShading:
    """Message to latents and back; knows nothing of networks.

    Whoever has the secret reads and writes. Two pictures of one secret and one nonce share their key stream:
    their latents together betray which bits of their messages differ (each alone does not). A nonce that is
    never used twice prevents that, and has to reach the reader.
    """

    shape: tuple[int, int, int] = (4, 64, 64)
    """Channels, height and width of the latents."""
    channel_copies: int = 1
    """f_c of the paper."""
    side_copies: int = 8
    """f_hw of the paper."""
    element_bits: int = 1
    """l of the paper: 1 to 4."""
    secret: bytes = PUBLIC_SECRET
    nonce: bytes = b""

    def __post_init__(self):
        channels, height, width = self.shape
        if channels % self.channel_copies or height % self.side_copies or width % self.side_copies:
            raise ShapeError(
                f"expected latents that {self.channel_copies} channels and squares of {self.side_copies} "
                f"fill, got {self.shape}"
            )
        if not 1 <= self.element_bits <= _MOST_BITS:
            raise UsageError(f"expected 1 to {_MOST_BITS} bits an element, got {self.element_bits}")

    @property
    def room_bits(self) -> int:
        """|m|: 256 with the paper's numbers."""
        copies = self.channel_copies * self.side_copies**2
        return self.element_bits * int(np.prod(self.shape)) // copies

    def sample_latents(self, bits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Latents (c, h, w) float32 that carry the bits: standard normal, every draw another.

        A message shorter than `room_bits` starts again until they are full.
        """
        checked_message(bits, self.room_bits, "gaussian-shading")
        coded = bits[self._index(len(bits))] ^ self._key
        symbols = np.tensordot(self._weights, coded, 1)
        place = np.clip(rng.random(self.shape), _EDGE, 1 - _EDGE)
        return ndtri((symbols + place) / 2**self.element_bits).astype(np.float32)

    def read_latents(self, latents: np.ndarray, count: int) -> Reading:
        """A message of `count` bits from recovered latents (c, h, w); evidence in the latents' frame (h, w).

        Soft bits are calibrated where the error is Gaussian and alike over the frame, and overrated where no
        bit has a second copy. `present` is wrong for one in a million other pictures.
        """
        checked_count(count, self.room_bits, "gaussian-shading")
        if latents.shape != self.shape:
            raise ShapeError(f"expected latents {self.shape}, got {latents.shape}")
        latents = np.asarray(latents, np.float64)
        spread = float(latents.std())
        if abs(spread - 1) > _BEYOND_CHANCE / np.sqrt(2 * latents.size):
            latents = latents / max(spread, 1e-9)
        index = self._index(count)
        chance, closeness = self._agreement(latents, index[0], count)
        likely = self._interval_probabilities(latents, closeness)
        soft = np.zeros(count)
        for place, key, index_here in zip(self._weights, self._key, index, strict=True):
            ones = (np.arange(len(likely)) & place) > 0
            llr = np.log(likely[~ones].sum(0)) - np.log(likely[ones].sum(0))
            soft += np.bincount(index_here.ravel(), (llr * (1 - 2.0 * key)).ravel(), count)
        hard = (soft < 0).astype(np.uint8)
        expected = np.tensordot(self._weights, hard[index] ^ self._key, 1)
        log_ratio = np.log(np.take_along_axis(likely, expected[None], 0)[0] * 2**self.element_bits)
        evidence = log_ratio.sum(0).astype(np.float32)
        return Reading(soft.astype(np.float32), bool(chance < _CHANCE), evidence=evidence)

    def _index(self, count: int) -> np.ndarray:
        """(l, c, h, w): the message bit that each bit of each element carries."""
        channels, height, width = self.shape
        small = channels // self.channel_copies, height // self.side_copies, width // self.side_copies
        index = np.arange(self.room_bits).reshape(self.element_bits, *small) % count
        return np.tile(index, (1, self.channel_copies, self.side_copies, self.side_copies))

    @cached_property
    def _key(self) -> np.ndarray:
        """(l, c, h, w) uint8 bits of the stream."""
        total = self.element_bits * int(np.prod(self.shape))
        raw = stream(self.secret, f"gaussian shading {self.nonce.hex()}", -(-total // 8))
        return np.unpackbits(raw)[:total].reshape(self.element_bits, *self.shape)

    @property
    def _weights(self) -> np.ndarray:
        return 1 << np.arange(self.element_bits)[::-1]

    def _agreement(self, latents: np.ndarray, index: np.ndarray, count: int) -> tuple[float, float]:
        """How likely the copies of each bit agree so well by chance, and the correlation that explains it.

        The signs vote. Over bits with R copies the sum S of their votes has E S^2 = R + R (R - 1) q^2, with q
        the mean agreement of a vote with its bit; normal numbers of correlation r agree in sign with
        q = 2 / pi arcsin r.
        """
        votes = np.where(latents < 0, 1.0, -1.0) * (1 - 2.0 * self._key[0])
        sums = np.bincount(index.ravel(), votes.ravel(), count)
        copies = np.bincount(index.ravel(), minlength=count)
        used = copies > 0
        chance = float(chdtrc(int(used.sum()), (sums[used] ** 2 / copies[used]).sum()))
        pairs = float((copies * (copies - 1)).sum())
        if not pairs:
            return 1.0, _UNKNOWN
        agreement = np.sqrt(max(0.0, float((sums**2 - copies).sum()) / pairs))
        return chance, float(np.clip(np.sin(np.pi / 2 * min(1.0, agreement)), _LOOSEST, _CLOSEST))

    def _interval_probabilities(self, latents: np.ndarray, closeness: float) -> np.ndarray:
        """(2^l, c, h, w): posterior of the interval that each element was sampled in."""
        edges = ndtri(np.arange(2**self.element_bits + 1) / 2**self.element_bits)
        deviation = np.sqrt(1 - closeness**2)
        below = ndtr((edges[:, None, None, None] - closeness * latents) / deviation)
        return np.clip(np.diff(below, axis=0), _LEAST_PROBABILITY, 1)
