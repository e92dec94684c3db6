"""Analogue numbers written into DCT coefficients modulo a period, and read again.

    write:  c' = c + wrap(u - c)           the nearest value to c whose remainder is u
    read:   u = wrap(c' + noise)

wrap(t) = t - D round(t / D), in [-D/2, D/2]. The cost, D^2 / 12 a coefficient, is the same in any picture:
nothing of it has to be cancelled (Costa, "Writing on dirty paper", 1983; where Chen and Wornell, 2001,
quantize, a number here stays analogue). What is written of a place, before any learning:

    mean luma, three times at growing gain (the finer ones wrap around: a coarse one says how often)
    mean chroma, and the luma frequencies that vary most, each drawn into (-1, 1) by the Laplace distribution
    zeros, known to the reader: they show what was altered, and how a picture was blurred
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.ops.dct import BLOCK, basis
from underdrawing.ops.jpeg import LUMA_TABLE, TO_YCC
from underdrawing.systems.imuge.spectrum import EVERY, LEVEL, spreads

GAIN = 2.0
"""Of each copy of the mean luma over the coarser one."""
MARGIN = 0.85
"""Part of the half period that numbers in (-1, 1) fill; the rest keeps noise from wrapping them around."""
_STEEPNESS = 1.2  # of the Laplace distribution, per unit of spread
_BLURS = (0.0, 0.5, 0.8, 1.1)  # standard deviations in px that a reader tries to undo
_TAPS = 13
_SEED, _TILE = 2021, 32  # of the signs
_PREFERENCE = 0.01  # of reading a picture as it is


def wrap(x: Tensor, period: Tensor | float) -> Tensor:
    """The remainder of x nearest to zero; its derivative counts as 1 everywhere."""
    return x - period * torch.round(x.detach() / period)


def compand(x: Tensor) -> Tensor:
    """Units of spread -> (-1, 1), uniform where x has a Laplace distribution."""
    return torch.sign(x) * (1 - torch.exp(-_STEEPNESS * x.abs()))


def expand(y: Tensor) -> Tensor:
    """The inverse of `compand`; what lies beyond 0.98 counts as 0.98."""
    return -torch.sign(y) * torch.log1p(-y.abs().clamp_max(0.98)) / _STEEPNESS


class Writing(nn.Module):
    """Where numbers lie in a block, and what they say to begin with. Nothing here is learned.

    period: D of a coefficient whose entry in JPEG's table is 16, in 8-bit levels (orthonormal DCT); others go
    with the root of their entry. details: luma frequencies that are written. pilots: zeros.
    """

    def __init__(self, period: float, details: int, pilots: int) -> None:
        super().__init__()
        table, spread = np.asarray(LUMA_TABLE).ravel(), spreads()
        ranked = [int(k) for k in np.argsort(table, kind="stable") if k]
        self.places = ranked[: 5 + details + pilots]
        """Luma coefficients that carry, those that JPEG treats best first."""
        self.told = [0, 64, 128, *sorted(range(1, 64), key=lambda k: (-spread[0, k], k))[:details]]
        """Coefficients that are written, by their channels in the spectrum."""
        self.pilots = pilots
        periods = period * np.sqrt(table[self.places] / 16)
        axis = np.asarray(TO_YCC[0])
        shares = np.asarray(TO_YCC) @ axis / (axis @ axis)  # luma is moved along the shortest change of RGB
        self._keep("reach", periods / 2)
        self._keep("levels", spread[0, self.places] * LEVEL)
        self._keep("moves", shares[:, None] / (spread[:, self.places] * LEVEL))
        self.brightness = float(spread[0, 0] / BLOCK)  # mean luma of a block in [-1, 1] per unit
        self._keep("kernels", np.stack([_undo_blur(deviation) for deviation in _BLURS]))
        self._keep("axis", axis)
        drawn = np.random.default_rng(_SEED).random((len(self.places), _TILE, _TILE))
        self._keep("signs", np.where(drawn < 0.5, -1, 1))
        self._keep("pictures", basis(EVERY)[self.places].reshape(-1, 1, BLOCK, BLOCK))

    def _keep(self, name: str, values: np.ndarray) -> None:
        self.register_buffer(name, torch.from_numpy(np.asarray(values, np.float32)), persistent=False)

    def tell(self, spectrum: Tensor) -> Tensor:
        """(B, 192, h, w) -> (B, places, h, w): the numbers that say what these coefficients are."""
        mean = (spectrum[:, :1] * self.brightness).clamp(-1, 1)
        rest = compand(spectrum[:, self.told[1:]])
        zeros = torch.zeros_like(mean).expand(-1, self.pilots, -1, -1)
        return torch.cat([mean, GAIN * mean, GAIN**2 * mean, rest, zeros], dim=1)

    def untell(self, numbers: Tensor) -> Tensor:
        """(B, places, h, w) as read -> (B, told, h, w): the coefficients, as far as noise lets one see."""
        mean, period = numbers[:, :1].clamp(-1, 1), 2 / MARGIN
        for power in (1, 2):
            gain = GAIN**power
            mean = mean + wrap(numbers[:, power : power + 1] - gain * mean, period) / gain
        rest = numbers[:, 3 : 2 + len(self.told)]
        return torch.cat([mean / self.brightness, expand(rest)], dim=1)

    def write(self, spectrum: Tensor, numbers: Tensor) -> Tensor:
        """The change (B, 192, h, w) of the spectrum that leaves these numbers."""
        half = self.reach[:, None, None]
        now = spectrum[:, self.places] * self.levels[:, None, None]
        wanted = numbers * self._signs(numbers) * (MARGIN * half)
        change = wrap(wanted - now, 2 * half)
        moved = torch.zeros_like(spectrum)
        for axis in range(3):
            moved[:, [64 * axis + k for k in self.places]] = change * self.moves[axis][:, None, None]
        return moved

    def read(self, picture: Tensor, kept: Tensor) -> Tensor:
        """The numbers (B, places, h, w) in (B, 3, 8 h, 8 w) in [-1, 1], beyond (-1, 1) by the margin at most.

        kept: (B, 1, h, w), 0 where a block says nothing. Each picture is read after the one of several
        sharpenings by which its pilots agree best.
        """
        with torch.autocast(picture.device.type, enabled=False):
            luma = torch.einsum("c,bchw->bhw", self.axis, LEVEL * picture.float())[:, None]
            found = torch.stack([self._look(self._sharpened(luma, taps)) for taps in self.kernels])
            with torch.no_grad():
                agrees = self._agreement(found, kept)
                agrees[0] += _PREFERENCE
                best = agrees.argmax(0)
            return found[best, torch.arange(len(picture), device=picture.device)]

    def _look(self, luma: Tensor) -> Tensor:
        half = self.reach[:, None, None]
        seen = F.conv2d(luma, self.pictures, stride=BLOCK)
        return wrap(seen, 2 * half) * self._signs(seen) / (MARGIN * half)

    def _signs(self, like: Tensor) -> Tensor:
        """(places, h, w) of 1 and -1: with one sign for all, flat areas would show a grid of equal blocks."""
        rows, columns = like.shape[-2:]
        return self.signs.repeat(1, -(-rows // _TILE), -(-columns // _TILE))[:, :rows, :columns]

    def _sharpened(self, luma: Tensor, taps: Tensor) -> Tensor:
        if taps.max() == 1:
            return luma
        rows = taps[None, None, None]
        padded = F.pad(luma, (_TAPS // 2,) * 4, mode="reflect")
        return F.conv2d(F.conv2d(padded, rows), rows.transpose(2, 3))

    def _agreement(self, numbers: Tensor, kept: Tensor) -> Tensor:
        """(choices, B): how well a picture's pilots agree with zero: 1 at best, about 0 for no writing."""
        each = torch.cos(math.pi * MARGIN * numbers[:, :, -self.pilots :]).mean(2, keepdim=True)
        return (each * kept).sum((2, 3, 4)) / kept.sum((1, 2, 3)).clamp_min(1)


def _undo_blur(deviation: float) -> np.ndarray:
    """Taps of the filter that undoes a Gaussian blur as far as noise lets it (Wiener), sum 1."""
    if not deviation:
        return np.eye(_TAPS)[_TAPS // 2]
    frequency = np.fft.fftfreq(256)
    passed = np.exp(-2 * (np.pi * deviation * frequency) ** 2)
    taps = np.fft.ifft(passed / (passed**2 + 0.01)).real
    taps = np.roll(taps, _TAPS // 2)[:_TAPS]
    return taps / taps.sum()
