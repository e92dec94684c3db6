"""What the lattice carries through each channel, and what each frequency costs the eye.

    python -m underdrawing.bench.studies.lattice_capacity --data DIR --out results/channel.json

Random bits in every layer, no edit, whole photographs: the carrier is measured, not a code of the content.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import numpy as np

from underdrawing.attacks.channel import Avif, Blur, Channel, Jpeg, Noise, Nothing, Webp
from underdrawing.attacks.geometry import Scale
from underdrawing.bench.harness.photographs import PhotoSets
from underdrawing.bench.harness.protocol import Protocol
from underdrawing.bench.harness.run import conditions, write_table
from underdrawing.carriers.lattice.capacity import information
from underdrawing.carriers.lattice.equalize import find_equalizer
from underdrawing.carriers.lattice.grid import resize
from underdrawing.carriers.lattice.lattice import Lattice
from underdrawing.carriers.lattice.parameters import FREQUENCIES, LAYERS, STEPS, EmbeddingLevel
from underdrawing.carriers.lattice.quantizer import find_quantizer
from underdrawing.carriers.lattice.soft_bits import read
from underdrawing.metrics.quality import psnr_db
from underdrawing.metrics.ssimulacra2 import ssimulacra2
from underdrawing.ops.color import COLOUR_DIRECTION, luma, with_luma_changed
from underdrawing.ops.dct import analyse, synthesise

CHANNELS: tuple[Channel, ...] = (
    Nothing(), *(Jpeg(q) for q in (95, 90, 80, 70, 60, 50, 40, 30)), Webp(75), Webp(50), Avif(60),
    Scale(0.7), Scale(0.5), Blur(1.0), Noise(5.0), Noise(10.0),
)  # fmt: skip
_ALONE = (
    (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (2, 2),
    (0, 3), (3, 0), (1, 3), (3, 1), (0, 4), (4, 0),
)  # fmt: skip
_ALONE_STEP = 32.0  # levels, where the photo's local deviation is above the median


def _marked(image: np.ndarray, lattice: Lattice, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    plane = luma(image)
    rows, cols = plane.shape[0] // 8, plane.shape[1] // 8
    bits = rng.integers(0, 2, (rows, cols, len(FREQUENCIES)), dtype=np.uint8)
    dither = lattice.tables.dither[:rows, :cols]
    coefficients = analyse(plane, FREQUENCIES)
    offset = dither + np.float32(0.5) * bits
    target = (np.rint(coefficients / STEPS - offset) + offset) * STEPS
    used = lattice.in_use(plane, {"middle": plane, "top": plane})
    return _changed(image, synthesise((target - coefficients) * used, FREQUENCIES)), bits


def _changed(image: np.ndarray, residual: np.ndarray) -> np.ndarray:
    return with_luma_changed(image, residual, COLOUR_DIRECTION)


def carried(
    image: np.ndarray, lattice: Lattice, rng: np.random.Generator
) -> Iterator[tuple[str, str, float]]:
    """(channel, layer, bits) for one photograph: what the reader's own soft bits tell of the true ones."""
    marked, bits = _marked(image, lattice, rng)
    rows, cols = bits.shape[:2]
    tables = lattice.tables.dither[:rows, :cols], lattice.tables.rank[:rows, :cols]
    nothing = np.zeros((rows, cols), np.float32)
    for channel in CHANNELS:
        received, _ = channel.attack(marked, rng)
        plane = resize(luma(received), image.shape[:2])
        corrected = find_equalizer(plane, *tables, EmbeddingLevel()).apply(plane)
        quantizer = find_quantizer(analyse(plane, FREQUENCIES)) if received.shape == image.shape else None
        reading = read(corrected, *tables, EmbeddingLevel(), quantizer=quantizer).with_altered(nothing)
        for layer, place in LAYERS.items():
            yield channel.name, layer, float(information(reading, place, bits[..., place]).sum())
            reading = reading.with_known(bits[..., : place.stop], nothing)


def alone(image: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[str, float]]:
    """(frequency, SSIMULACRA2) of a photograph in which busy blocks carry one bit at this frequency only."""
    plane = luma(image)
    for frequency in _ALONE:
        coefficients = analyse(plane, (frequency,))
        offset = rng.random(coefficients.shape, dtype=np.float32)
        change = (np.rint(coefficients / _ALONE_STEP - offset) + offset) * _ALONE_STEP - coefficients
        energy = np.abs(analyse(plane, FREQUENCIES)).sum(-1, keepdims=True)
        residual = synthesise(change * (energy > np.median(energy)), (frequency,))
        yield str(frequency), ssimulacra2(image, _changed(image, residual))


def measure(data: Path, photos: int) -> dict:
    """All figures, means over the photographs of both quality sets."""
    protocol, sets, lattice = Protocol("channel"), PhotoSets(data, photos), Lattice()
    bits: dict[str, dict[str, dict[str, list[float]]]] = {}
    costs: dict[str, list[float]] = {}
    psnr: dict[str, list[float]] = {}
    for name in protocol.quality_sets:
        for number, photo in enumerate(sets.photos(name)):
            for side in (256, 512):
                rng = np.random.default_rng([protocol.seed, number, side])
                image, _ = photo.square(side)
                psnr.setdefault(str(side), []).append(psnr_db(image, _marked(image, lattice, rng)[0]))
                for channel, layer, value in carried(image, lattice, rng):
                    bits.setdefault(str(side), {}).setdefault(channel, {}).setdefault(layer, []).append(value)
            for frequency, score in alone(image, np.random.default_rng([protocol.seed, number])):
                costs.setdefault(frequency, []).append(score)
    means = {
        s: {c: {k: fmean(v) for k, v in layers.items()} for c, layers in by.items()} for s, by in bits.items()
    }
    return {
        "conditions": conditions(protocol),
        "photos": len(psnr["512"]),
        "psnr_db": {side: fmean(values) for side, values in psnr.items()},
        "bits": means,
        "ssimulacra2_of_one_frequency": {name: fmean(values) for name, values in costs.items()},
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with kodak24 and clic2025_val below it"
    )
    parser.add_argument("--out", type=Path, default=Path("results/channel.json"))
    parser.add_argument("--photos", type=int, default=6, help="of each set")
    options = parser.parse_args()
    write_table(options.out, measure(options.data, options.photos))


if __name__ == "__main__":
    main()
