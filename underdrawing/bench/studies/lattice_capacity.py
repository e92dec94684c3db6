"""lattice-capacity: bits of the lattice through each channel, and the visual cost of each frequency.

Random bits in every layer, no edit, whole photographs: the carrier is measured, not a code of the content.
tools/plot_channel.py draws the results.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from underdrawing.attacks.channel import Avif, Blur, Channel, Jpeg, Noise, Nothing, Webp
from underdrawing.attacks.geometry import Scale
from underdrawing.bench.harness import measures
from underdrawing.bench.harness.photographs import PhotoSets
from underdrawing.bench.harness.record import Protocol, versions_of
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts
from underdrawing.bench.harness.subjects import Subject
from underdrawing.carriers.lattice.capacity import information
from underdrawing.carriers.lattice.embed import change
from underdrawing.carriers.lattice.equalize import estimate_equalizer
from underdrawing.carriers.lattice.grid import resize
from underdrawing.carriers.lattice.lattice import Lattice
from underdrawing.carriers.lattice.parameters import FREQUENCIES, PLACES, EmbeddingLevel
from underdrawing.carriers.lattice.quantizer import estimate_quantizer
from underdrawing.carriers.lattice.soft_bits import read_soft_bits
from underdrawing.metrics.quality import psnr_db
from underdrawing.metrics.ssimulacra2 import ssimulacra2
from underdrawing.ops.color import COLOUR_DIRECTION, luma, with_luma_changed
from underdrawing.ops.dct import analyse, synthesise

PROTOCOL = Protocol("lattice-capacity", sizes=(256, 512))
CHANNELS: tuple[Channel, ...] = (
    Nothing(), *(Jpeg(q) for q in (95, 90, 85, 80, 75, 70, 60, 50, 40, 30)),
    *(Webp(q) for q in (80, 75, 50)), Avif(60),
    Scale(0.7), Scale(0.5), Blur(1.0), Noise(5.0), Noise(10.0),
)  # fmt: skip
_SINGLE = (
    (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (2, 2),
    (0, 3), (3, 0), (1, 3), (3, 1), (0, 4), (4, 0),
)  # fmt: skip
LEVEL = EmbeddingLevel(split=True)
LAYERS = ("base", *LEVEL.layers)
_SINGLE_STEP = 32.0  # levels, where the photo's local deviation is above the median


def _marked(image: np.ndarray, lattice: Lattice, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    plane = luma(image)
    rows, cols = plane.shape[0] // 8, plane.shape[1] // 8
    bits = rng.integers(0, 2, (rows, cols, len(FREQUENCIES)), dtype=np.uint8)
    dither = lattice.tables.dither[:rows, :cols]
    coefficients = analyse(plane, FREQUENCIES)
    used = lattice.in_use(plane, dict.fromkeys(LEVEL.layers, plane), LEVEL)
    moves = change(coefficients, bits, dither, LEVEL)
    return _changed(image, synthesise(moves * used, FREQUENCIES)), bits


def _changed(image: np.ndarray, residual: np.ndarray) -> np.ndarray:
    return with_luma_changed(image, residual, COLOUR_DIRECTION)


def carried(
    image: np.ndarray, lattice: Lattice, rng: np.random.Generator
) -> Iterator[tuple[str, str, float]]:
    """(channel, layer, bits) for one photograph: mutual information of soft bits and true bits."""
    marked, bits = _marked(image, lattice, rng)
    rows, cols = bits.shape[:2]
    tables = lattice.tables.dither[:rows, :cols], lattice.tables.rank[:rows, :cols]
    nothing = np.zeros((rows, cols), np.float32)
    for channel in CHANNELS:
        received, _ = channel.attack(marked, rng)
        plane = resize(luma(received), image.shape[:2])
        corrected = estimate_equalizer(plane, *tables, LEVEL).apply(plane)
        quantizer = estimate_quantizer(analyse(plane, FREQUENCIES)) if received.shape == image.shape else None
        reading = read_soft_bits(corrected, *tables, LEVEL, quantizer=quantizer).with_altered(nothing)
        for layer in LAYERS:
            place = PLACES[layer]
            yield channel.name, layer, float(information(reading, place, bits[..., place]).sum())
            reading = reading.with_known(bits[..., : place.stop], nothing)


def frequency_costs(image: np.ndarray, rng: np.random.Generator) -> Iterator[Row]:
    """SSIMULACRA2 of a photograph in which busy blocks carry one bit at one frequency only, by frequency."""
    plane = luma(image)
    for frequency in _SINGLE:
        coefficients = analyse(plane, (frequency,))
        offset = rng.random(coefficients.shape, dtype=np.float32)
        change = (np.rint(coefficients / _SINGLE_STEP - offset) + offset) * _SINGLE_STEP - coefficients
        energy = np.abs(analyse(plane, FREQUENCIES)).sum(-1, keepdims=True)
        residual = synthesise(change * (energy > np.median(energy)), (frequency,))
        yield f"frequency/{frequency}", {"ssimulacra2": ssimulacra2(image, _changed(image, residual))}


def run(run: Run) -> None:
    """Measure both sizes, on six photographs of each set by default."""
    subject = Subject("lattice", Lattice(), None, versions=versions_of("lattice"))
    parts = [(subject, Part(str(size), partial(_cases, size=size), _measure)) for size in PROTOCOL.sizes]
    run_parts(replace(run, photos=run.photos or 6), STUDY.store(run.results), PROTOCOL, parts)


def _cases(sets: PhotoSets, protocol: Protocol, subject: Subject, size: int) -> list[Case]:
    return [case for name in protocol.quality_sets for case in measures.plan(sets, (name,), size, 1.0)]


def _measure(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    rng = np.random.default_rng([protocol.seed, case.index, case.size])
    image, _ = case.photo.square(case.size)
    rows: list[Row] = [
        (f"container/{case.label}", {"psnr_db": psnr_db(image, _marked(image, subject.model, rng)[0])})
    ]
    for channel, layer, bits in carried(image, subject.model, rng):
        rows.append((f"bits/{case.label}/{channel}", {layer: bits}))
    if case.size == protocol.sizes[-1]:
        rows += frequency_costs(image, np.random.default_rng([protocol.seed, case.index]))
    return rows


STUDY = Study("lattice-capacity", "bits of the lattice through each channel, cost of each frequency", run)
