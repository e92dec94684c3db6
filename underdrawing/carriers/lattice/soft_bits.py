"""Soft bits: angles on the lattice, concentration of the channel, soft bits and evidence of every block.

With theta = 2 pi (c / step - dither) an unaltered coefficient lies at 0 for bit 0 and at pi for bit 1, plus
noise. The noise is modelled as a von Mises density of concentration kappa (Mardia and Jupp, Directional
Statistics),

    p(theta | bit) = exp(+-kappa cos theta) / (2 pi I0(kappa)),   log-likelihood ratio = 2 kappa cos theta,

and kappa is estimated blindly: E[cos 2 theta] = I2(kappa) / I0(kappa) does not depend on the bits. Where the
quantizer of the last JPEG is known, the error is uniform over it instead. An altered block is uniform in
theta, so the evidence for "untouched" is a likelihood ratio too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from underdrawing.carriers.lattice.activity import activity_before
from underdrawing.carriers.lattice.parameters import (
    FREQUENCIES,
    JPEG_STEPS,
    LAYERS,
    PLACES,
    EmbeddingLevel,
)
from underdrawing.carriers.lattice.quantizer import expected_log_density, log_density_table
from underdrawing.ops.dct import analyse
from underdrawing.ops.special import von_mises

_KAPPAS = np.concatenate([[0.0], np.geomspace(0.02, 60, 160)])
_FIRST_MOMENTS, _LOG_I0 = von_mises(_KAPPAS)
_BINS = np.array([2.0, 4.5, 10.0])  # activity, levels; codecs treat flat and busy blocks differently
_TRUSTED_MOMENT = 0.15  # below it the blind estimate is invalid: a wrapped uniform error can reach it
_LEAST_KAPPA = 1.0  # assumed of the base layer, which is read first
_WIDTHS = np.linspace(0, 1, 201)
_SINC = np.sinc(_WIDTHS)
_BLACK, _WHITE = 2.0, 253.0  # levels
_CLIPPED_COSTS = 4.0  # a block with a quarter of its pixels clipped gets no weight
_MEMBERSHIP_WIDTH = 0.06  # error of the density measured at the receiver


PRIOR_ALTERED = 0.1


@dataclass(frozen=True)
class Reading:
    """Measurements of a grid of blocks before decoding. Arrays are (rows, cols, n) float32 unless noted."""

    cosine: np.ndarray
    """cos theta: +1 on the lattice of bit 0, -1 on that of bit 1."""
    in_use: np.ndarray
    """Probability that the embedder used this coefficient."""
    kappa: np.ndarray
    """Concentration of the channel at this coefficient."""
    log_i0: np.ndarray
    """log I0(kappa)."""
    altered: np.ndarray
    """(rows, cols) probability that the block was altered, current estimate."""
    bins: np.ndarray
    """(rows, cols) activity class of the block."""
    box: np.ndarray
    """(n, 3) in steps: width and spread of the uniform error of a JPEG's quantizer (0 where unknown), and the
    remaining distance of distortion compensation."""
    steps: np.ndarray
    """(n,) steps at strength 1, luma levels."""
    left: np.ndarray
    """(n,) in steps: the remaining distance again, as far as `with_known` takes it out of the codec's error.
    0 for a mark with one top layer, which is read as when its results were measured; after WebP 80 and AVIF
    60 its middle layer would gain 12 % of its information."""
    evidence_weight: np.ndarray | float = 1.0
    """0 where the agreement is no evidence, because an outsider could imitate it; elsewhere 1."""

    @property
    def evidential_use(self) -> np.ndarray:
        """Probability that a coefficient is in use and its agreement is evidence."""
        return self.in_use * self.evidence_weight

    def log_density(self, place: slice, sign: np.ndarray | int = 1) -> np.ndarray:
        """log p(theta | bit) over the uniform density at the frequencies of `place`.

        sign: 1 for bit 0, -1 for bit 1.
        """
        agreement = sign * self.cosine[..., place]
        result = self.kappa[..., place] * agreement - self.log_i0[..., place]
        for k, box in enumerate(self.box[place]):
            if box[0]:
                index = ((agreement[..., k] + 1) * 1024 + 0.5).astype(np.intp)
                result[..., k] = log_density_table(*box)[np.clip(index, 0, 2048, out=index)]
        return result

    def expected_log_density(self) -> np.ndarray:
        """Mean of log_density of the correct bit in unaltered blocks, (rows, cols, n)."""
        result = np.maximum(self.kappa * first_moment(self.kappa) - self.log_i0, 0)
        for k, box in enumerate(self.box):
            if box[0]:
                result[..., k] = expected_log_density(*box)
        return result

    def with_altered(self, altered: np.ndarray) -> Reading:
        """The reading with the concentration estimated again, altered blocks discounted."""
        kappa = concentration(self.cosine, self.in_use * (1 - altered[..., None]), self.bins)
        kappa[..., LAYERS["base"]] = np.maximum(kappa[..., LAYERS["base"]], _LEAST_KAPPA)
        return replace(self, kappa=kappa, log_i0=log_i0(kappa), altered=altered)

    def with_known(self, bits: np.ndarray, altered: np.ndarray) -> Reading:
        """The reading with the channel estimated from bits (rows, cols, known) of the first frequencies.

        Known layers predict the others: a codec's error is proportional to the JPEG table, relative to the
        step.
        """
        known = bits.shape[2]
        weight = self.in_use * (1 - altered[..., None])
        kappa = concentration(self.cosine, weight, self.bins)
        right = np.where(bits, -1, 1) * self.cosine[..., :known]
        first = _by_class(right, weight[..., :known], self.bins).clip(0, 0.9999)
        width = _error_width(right, weight, self.bins)
        width = np.sqrt(np.maximum(width**2 - self.left[:known] ** 2, 0))
        quantizer = (width * self.steps[:known] / JPEG_STEPS[:known]).mean(1, keepdims=True)
        predicted = np.interp(quantizer * JPEG_STEPS / self.steps, _WIDTHS, _SINC).clip(0, None)
        predicted *= np.sinc(self.left)
        predicted[:, :known] = first
        predicted_kappa = np.interp(predicted, _FIRST_MOMENTS, _KAPPAS)[self.bins].astype(np.float32)
        kappa[..., :known] = 0
        kappa = np.maximum(kappa, predicted_kappa)
        return replace(self, kappa=kappa, log_i0=log_i0(kappa), altered=altered)

    def crop(self, rows: slice, cols: slice) -> Reading:
        """A part of the grid."""
        whole = ("box", "steps", "left")
        whole += () if isinstance(self.evidence_weight, np.ndarray) else ("evidence_weight",)
        parts = {f: getattr(self, f)[rows, cols] for f in self.__dataclass_fields__ if f not in whole}
        return replace(self, **parts)


def first_moment(kappa: np.ndarray) -> np.ndarray:
    """Mean of cos theta, I1(kappa) / I0(kappa), by table."""
    return np.interp(kappa, _KAPPAS, _FIRST_MOMENTS).astype(np.float32)


def log_i0(kappa: np.ndarray) -> np.ndarray:
    """log I0(kappa), by table."""
    return np.interp(kappa, _KAPPAS, _LOG_I0).astype(np.float32)


def _by_class(cosine_power: np.ndarray, weight: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Weighted means of a statistic by activity class and frequency, less half a standard deviation,
    (classes, n)."""
    table = np.zeros((len(_BINS) + 1, cosine_power.shape[2]))
    for b in range(len(_BINS) + 1):
        here = bins == b
        w = weight[here]
        total = w.sum(0) + 1e-6
        # half a deviation off, since an overestimate costs more than an underestimate
        table[b] = (w * cosine_power[here]).sum(0) / total - 0.5 / np.sqrt(2 * total)
    return table


def _error_width(right: np.ndarray, weight: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Width in steps of the uniform error of each class and known frequency, from the median: outliers do not
    count."""
    error = np.arccos(np.clip(right, -1, 1)) / (2 * np.pi)
    width = np.ones((len(_BINS) + 1, right.shape[2]))
    for b in range(len(_BINS) + 1):
        for k in range(right.shape[2]):
            here = error[..., k][(bins == b) & (weight[..., k] > 0.5)]
            if len(here) > 4:
                width[b, k] = min(1.0, 4 * float(np.median(here)))
    return width


def concentration(cosine: np.ndarray, weight: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Blind estimate of kappa for each coefficient, from the mean of cos 2 theta of its frequency and
    activity class.

    The mean of cos 2 theta does not depend on the bits. The first moment is its fourth root for a wrapped
    Gaussian and nearly so for the uniform error of a quantizer; kappa follows from the first moment. Returns
    0 where no estimate is possible.
    """
    return concentration_of(_by_class(2 * cosine * cosine - 1, weight, bins))[bins].astype(np.float32)


def concentration_of(second: np.ndarray | float) -> np.ndarray:
    """kappa for a mean of cos 2 theta, as `concentration` has it."""
    first = np.where(second > _TRUSTED_MOMENT, np.maximum(second, 1e-9) ** 0.25, 0)
    return np.interp(first, _FIRST_MOMENTS, _KAPPAS)


def clipped_share(plane: np.ndarray) -> np.ndarray:
    """(r, c) float32 share of a block's pixels at black or white, where a change may have been cut off."""
    end = ((plane < _BLACK) | (plane > _WHITE)).astype(np.float32)
    return cv2.resize(end, (plane.shape[1] // 8, plane.shape[0] // 8), interpolation=cv2.INTER_AREA)


def probability_in_use(
    texture: np.ndarray, rank: np.ndarray, level: EmbeddingLevel, clipped: np.ndarray
) -> np.ndarray:
    """(r, c, n) float32, from activity (r, c), ranks (r, c, n) and the clipped share of each block (r, c)."""
    member = np.clip(0.5 + (level.density(texture) - rank) / _MEMBERSHIP_WIDTH, 0.02, 0.98)
    return (member * np.clip(1 - _CLIPPED_COSTS * clipped, 0.02, 1)[..., None]).astype(np.float32)


def read_soft_bits(
    plane: np.ndarray,
    dither: np.ndarray,
    rank: np.ndarray,
    level: EmbeddingLevel,
    uncorrected: np.ndarray | None = None,
    quantizer: np.ndarray | None = None,
) -> Reading:
    """Read a luma plane (8 r, 8 c) float32 whose blocks carry the given slices (r, c, n) of the key tables.

    uncorrected: the same plane before equalization, to find clipped pixels.
    quantizer: (n, 2) of the last JPEG in this plane's levels and on its grid, from `estimate_quantizer`.
    """
    rows, cols = plane.shape[0] // 8, plane.shape[1] // 8
    texture = activity_before(plane, level)
    theta = (2 * np.pi) * (analyse(plane, FREQUENCIES) / level.steps - dither)
    in_use = probability_in_use(
        texture, rank, level, clipped_share(plane if uncorrected is None else uncorrected)
    )
    bins = np.digitize(texture, _BINS)
    cosine = np.cos(theta).astype(np.float32)
    nothing = np.zeros(cosine.shape, np.float32)
    prior = np.full((rows, cols), PRIOR_ALTERED, np.float32)
    unit = level._replace(strength=1.0).steps
    box = np.zeros((len(FREQUENCIES), 3))
    box[:, 2] = 1 - level.moves
    if quantizer is not None:
        box[:, :2] = np.round(quantizer / level.steps[:, None], 3)
    return Reading(
        cosine, in_use, nothing, nothing, prior, bins, box, unit, box[:, 2] * level.split
    ).with_altered(prior)


def soft_bits(reading: Reading, place: slice) -> np.ndarray:
    """Log-likelihood ratios (positive: bit 0) of the coefficients of one layer, altered and
    unused ones discounted."""
    trust = (1 - reading.altered[..., None]) * reading.in_use[..., place]
    zero, one = np.exp(reading.log_density(place)), np.exp(reading.log_density(place, -1))
    return np.log(trust * zero + 1 - trust) - np.log(trust * one + 1 - trust)


def gather(llr: np.ndarray, index: np.ndarray, length: int) -> np.ndarray:
    """Sum the soft bits of all coefficients that carry the same coded bit."""
    return np.bincount(index.ravel(), llr.ravel(), length).astype(np.float32)


def signs(known: dict[str, np.ndarray], shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """+1 for bit 0 and -1 for bit 1, (r, c, n) float32, and which of the n coefficients are known.

    The base of a small grid has more bits than frequencies: the rest continues in the middle.
    """
    sign, is_known = np.ones(shape, np.float32), np.zeros(shape[2], bool)
    for name, bits in known.items():
        start = PLACES[name].start
        place = slice(start, start + bits.shape[2])
        sign[..., place] -= 2 * bits.astype(np.float32)
        is_known[place] = True
    return sign, is_known


def with_known_layers(reading: Reading, known: dict[str, np.ndarray], altered: np.ndarray) -> Reading:
    """The reading with the channel estimated from the decoded layers without a gap from the base on, or
    blindly without the base."""
    sign, is_known = signs(known, reading.cosine.shape)
    first = len(is_known) if is_known.all() else int(is_known.argmin())
    return reading.with_known(sign[..., :first] < 0, altered) if first else reading.with_altered(altered)


def log_ratios(reading: Reading, known: dict[str, np.ndarray]) -> np.ndarray:
    """Log-likelihood ratio "untouched over altered" of each coefficient, (r, c, n) float32.

    known: layer name -> (r, c, frequencies of the layer) bits of the decoded codewords, which ask for the
    right lattice; coefficients of other layers may be near any of the two.
    """
    sign, is_known = signs(known, reading.cosine.shape)
    every = slice(None)
    right, wrong = reading.log_density(every, sign), reading.log_density(every, -sign)
    fits = np.where(is_known, right, np.logaddexp(right, wrong) - np.float32(np.log(2)))
    used = reading.evidential_use
    return np.log(used * np.exp(fits) + 1 - used)


def evidence(reading: Reading, known: dict[str, np.ndarray], place: slice = slice(None)) -> np.ndarray:
    """Log-likelihood ratio "untouched over altered" of each block (rows, cols), from the coefficients of
    `place`; see log_ratios."""
    return log_ratios(reading, known)[..., place].sum(2)


def altered_probability(block_evidence: np.ndarray, prior: float = 0.15, spread: float = 1.0) -> np.ndarray:
    """Posterior that a block was altered, from its evidence and that of its neighbours, under a Gaussian
    of `spread` blocks."""
    kernel_sum = 2 * np.pi * spread**2 if spread > 0.5 else 1.0
    smoothed = cv2.GaussianBlur(block_evidence.astype(np.float32), (0, 0), spread)
    smoothed *= np.float32(min(kernel_sum, 4.0))
    return (1 / (1 + np.exp(np.clip(smoothed - np.log(prior / (1 - prior)), -30, 30)))).astype(np.float32)
