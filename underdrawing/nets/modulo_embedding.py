"""Analogue numbers embedded in DCT coefficients modulo a period, and extracted again.

    embed:    c' = c + wrap(u - c)           the value nearest to c whose remainder is u
    extract:  u = wrap(c' + noise)

wrap(t) = t - D round(t / D), in [-D/2, D/2]. The distortion, D^2 / 12 a coefficient, does not depend on the
picture, and the picture does not disturb the numbers (Costa, "Writing on dirty paper", 1983; Chen and
Wornell, 2001, embed quantized numbers in the same way). The code of a block before any learning:

    mean luma, three times at growing gain (the finer copies wrap; a coarser copy resolves the period)
    mean chroma and the luma frequencies of greatest variance, companded to (-1, 1) for a Laplace distribution
    pilots: zeros, which reveal edits and the strength of a blur
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.block_spectrum import FREQUENCIES, LEVELS_PER_UNIT, typical_deviations
from underdrawing.ops.dct import BLOCK, basis
from underdrawing.ops.jpeg import LUMA_TABLE, TO_YCC

GAIN = 2.0
"""Of each copy of the mean luma over the next coarser copy."""
MARGIN = 0.85
"""Share of the half period that numbers in (-1, 1) fill; the rest keeps noise from wrapping them."""
_STEEPNESS = 1.2  # of the Laplace distribution, per standard deviation
_BLURS_PX = (0.0, 0.5, 0.8, 1.1)  # standard deviations of the blurs that extraction tries to invert
_TAPS = 13
_SEED, _TILE = 2021, 32  # of the sign pattern
_NO_BLUR_BONUS = 0.01  # of the pilot agreement without deblurring


def wrap(x: Tensor, period: Tensor | float) -> Tensor:
    """The remainder of x nearest to zero; derivative 1 everywhere."""
    return x - period * torch.round(x.detach() / period)


def compand(x: Tensor) -> Tensor:
    """Standard deviations -> (-1, 1); uniform where x has a Laplace distribution."""
    return torch.sign(x) * (1 - torch.exp(-_STEEPNESS * x.abs()))


def expand(y: Tensor) -> Tensor:
    """Inverse of `compand`; |y| is clipped to 0.98."""
    return -torch.sign(y) * torch.log1p(-y.abs().clamp_max(0.98)) / _STEEPNESS


class ModuloEmbedding(nn.Module):
    """Code of a block and its embedding in luma coefficients. No learned parameters.

    period: D of a coefficient whose entry in the JPEG luma table is 16, in 8-bit levels (orthonormal DCT); D
    scales with the root of the entry. details: number of encoded luma frequencies. pilots: number of zeros.
    """

    def __init__(self, period: float, details: int, pilots: int) -> None:
        super().__init__()
        table, deviation = np.asarray(LUMA_TABLE).ravel(), typical_deviations()
        ranked = [int(k) for k in np.argsort(table, kind="stable") if k]
        self.carriers = ranked[: 5 + details + pilots]
        """Luma coefficients that carry a number, in the order of their entries in the JPEG table."""
        self.encoded = [0, 64, 128, *sorted(range(1, 64), key=lambda k: (-deviation[0, k], k))[:details]]
        """Channels of the spectrum that `encode` encodes."""
        self.pilots = pilots
        periods = period * np.sqrt(table[self.carriers] / 16)
        axis = np.asarray(TO_YCC[0])
        shares = np.asarray(TO_YCC) @ axis / (axis @ axis)  # luma changes along the shortest change of RGB
        self._add("half_periods", periods / 2)
        self._add("levels", deviation[0, self.carriers] * LEVELS_PER_UNIT)
        self._add("shifts", shares[:, None] / (deviation[:, self.carriers] * LEVELS_PER_UNIT))
        self.brightness = float(deviation[0, 0] / BLOCK)  # mean luma of a block in [-1, 1] per unit
        self._add("deblurring", np.stack([_wiener_taps(sigma) for sigma in _BLURS_PX]))
        self._add("luma", axis)
        random = np.random.default_rng(_SEED).random((len(self.carriers), _TILE, _TILE))
        self._add("signs", np.where(random < 0.5, -1, 1))
        self._add("patterns", basis(FREQUENCIES)[self.carriers].reshape(-1, 1, BLOCK, BLOCK))

    def _add(self, name: str, values: np.ndarray) -> None:
        self.register_buffer(name, torch.from_numpy(np.asarray(values, np.float32)), persistent=False)

    def encode(self, spectrum: Tensor) -> Tensor:
        """Numbers (B, carriers, h, w) that encode the channels `encoded` of a spectrum (B, 192, h, w)."""
        mean = (spectrum[:, :1] * self.brightness).clamp(-1, 1)
        rest = compand(spectrum[:, self.encoded[1:]])
        zeros = torch.zeros_like(mean).expand(-1, self.pilots, -1, -1)
        return torch.cat([mean, GAIN * mean, GAIN**2 * mean, rest, zeros], dim=1)

    def decode(self, numbers: Tensor) -> Tensor:
        """Inverse of `encode` for extracted numbers: (B, carriers, h, w) -> (B, encoded, h, w)."""
        mean, period = numbers[:, :1].clamp(-1, 1), 2 / MARGIN
        for power in (1, 2):
            gain = GAIN**power
            mean = mean + wrap(numbers[:, power : power + 1] - gain * mean, period) / gain
        rest = numbers[:, 3 : 2 + len(self.encoded)]
        return torch.cat([mean / self.brightness, expand(rest)], dim=1)

    def embed(self, spectrum: Tensor, numbers: Tensor) -> Tensor:
        """The change (B, 192, h, w) of the spectrum that embeds the numbers (B, carriers, h, w)."""
        half = self.half_periods[:, None, None]
        present = spectrum[:, self.carriers] * self.levels[:, None, None]
        wanted = numbers * self._signs(numbers) * (MARGIN * half)
        shift = wrap(wanted - present, 2 * half)
        change = torch.zeros_like(spectrum)
        for axis in range(3):
            change[:, [64 * axis + k for k in self.carriers]] = shift * self.shifts[axis][:, None, None]
        return change

    def extract(self, picture: Tensor, valid: Tensor) -> Tensor:
        """The numbers (B, carriers, h, w) in a picture (B, 3, 8 h, 8 w) in [-1, 1]; |u| <= 1 / MARGIN.

        valid: (B, 1, h, w), 0 in blocks to ignore. Of several deblurring filters the one is used whose result
        has the pilots nearest to zero, picture by picture.
        """
        with torch.autocast(picture.device.type, enabled=False):
            luma = torch.einsum("c,bchw->bhw", self.luma, LEVELS_PER_UNIT * picture.float())[:, None]
            candidates = torch.stack([self._remainders(_deblurred(luma, taps)) for taps in self.deblurring])
            with torch.no_grad():
                agreement = self._pilot_agreement(candidates, valid)
                agreement[0] += _NO_BLUR_BONUS
                best = agreement.argmax(0)
            return candidates[best, torch.arange(len(picture), device=picture.device)]

    def _remainders(self, luma: Tensor) -> Tensor:
        half = self.half_periods[:, None, None]
        coefficients = F.conv2d(luma, self.patterns, stride=BLOCK)
        return wrap(coefficients, 2 * half) * self._signs(coefficients) / (MARGIN * half)

    def _signs(self, like: Tensor) -> Tensor:
        """(carriers, h, w) of 1 and -1; with equal signs flat areas would show a grid of identical blocks."""
        rows, columns = like.shape[-2:]
        return self.signs.repeat(1, -(-rows // _TILE), -(-columns // _TILE))[:, :rows, :columns]

    def _pilot_agreement(self, numbers: Tensor, valid: Tensor) -> Tensor:
        """(candidates, B): agreement of the pilots with zero; 1: perfect, about 0: nothing is embedded."""
        each = torch.cos(math.pi * MARGIN * numbers[:, :, -self.pilots :]).mean(2, keepdim=True)
        return (each * valid).sum((2, 3, 4)) / valid.sum((1, 2, 3)).clamp_min(1)


def _deblurred(luma: Tensor, taps: Tensor) -> Tensor:
    if taps.max() == 1:
        return luma
    rows = taps[None, None, None]
    padded = F.pad(luma, (_TAPS // 2,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, rows), rows.transpose(2, 3))


def _wiener_taps(sigma_px: float) -> np.ndarray:
    """Taps, of sum 1, of the Wiener filter that inverts a Gaussian blur."""
    if not sigma_px:
        return np.eye(_TAPS)[_TAPS // 2]
    frequency = np.fft.fftfreq(256)
    response = np.exp(-2 * (np.pi * sigma_px * frequency) ** 2)
    taps = np.fft.ifft(response / (response**2 + 0.01)).real
    taps = np.roll(taps, _TAPS // 2)[:_TAPS]
    return taps / taps.sum()
