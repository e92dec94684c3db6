"""content-codec: the content code alone, without the surroundings, against AVIF at equal bits.

PSNR in dB of the whole and inside a free-form mask, on a sample of coco_val squares; AVIF at its best scale,
header not counted; and the picture from every prefix of the token scales.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from underdrawing.attacks.tamper import free_form
from underdrawing.bench.harness import measures
from underdrawing.bench.harness.avif import avif_at
from underdrawing.bench.harness.record import Protocol
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.harness.timing import Stopwatch
from underdrawing.metrics.quality import masked_psnr_db, psnr_db

PROTOCOL = Protocol("content-codec", seed=1, sizes=(256, 480))
BUDGETS = {
    256: ((2000,), (4000,), (8000,), (12000,), (2000, 6000)),
    480: ((4000,), (8000,), (16000,), (30000,), (7000, 23000)),
}
"""For each side in pixels the budgets of the layers in bits; AVIF gets their sum."""


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    block: str = "sketch"
    """Card of a block with encode(image_u8, budgets_bits), encode_tokens(image_u8, scales) and decode(layers,
    height, width)."""


def run(run: Run) -> None:
    """Measure both sizes, on 24 photographs by default."""
    subject = run.load(run.read_settings(Settings).block)
    parts = [
        (subject, Part(str(size), measures.cases_of((PROTOCOL.object_set,), size), measure_photo))
        for size in BUDGETS
    ]
    run_parts(replace(run, photos=run.photos or 24), STUDY.store(run.results), PROTOCOL, parts)


def measure_photo(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    """One photograph at all budgets and, at the first size, from each prefix of tokens."""
    image, _ = case.photo.square(case.size)
    mask = free_form(case.size, case.size, np.random.default_rng([protocol.seed, case.size, case.index]))
    rows: list[Row] = []
    for budgets in BUDGETS[case.size]:
        place = f"{case.size}/{'+'.join(map(str, budgets))}"
        rows.append((place, coded_values(subject.model, image, mask, budgets)))
    for scales in range(1, subject.model.scales + 1 if case.size == protocol.sizes[0] else 1):
        layers = subject.model.encode_tokens(image, scales)
        decoded = subject.model.decode(layers, *image.shape[:2])
        values = {"bits": float(len(layers[0])), "code_db": psnr_db(image, decoded)}
        rows.append((f"{case.size}/tokens of {scales} scales", values))
    return rows


def coded_values(code, image_u8: np.ndarray, mask: np.ndarray, budgets: Sequence[int]) -> dict[str, float]:
    """One picture at one list of budgets: dB of code and AVIF, bits used, milliseconds."""
    height, width = image_u8.shape[:2]
    with Stopwatch() as encoding:
        layers = code.encode(image_u8, budgets)
    with Stopwatch() as decoding:
        decoded = code.decode(layers, height, width)
    avif = avif_at(image_u8, sum(budgets))
    values = {"code_db": psnr_db(image_u8, decoded), "avif_db": psnr_db(image_u8, avif)}
    values["gain_db"] = values["code_db"] - values["avif_db"]
    values["code_masked_db"] = masked_psnr_db(image_u8, decoded, mask)
    values["avif_masked_db"] = masked_psnr_db(image_u8, avif, mask)
    values["gain_masked_db"] = values["code_masked_db"] - values["avif_masked_db"]
    values["bits"] = float(sum(len(layer) for layer in layers))
    values["encode_ms"], values["decode_ms"] = 1e3 * encoding.clock, 1e3 * decoding.clock
    if len(budgets) > 1:
        values["first_layer_db"] = psnr_db(image_u8, code.decode(layers[:1], height, width))
    return values


STUDY = Study("content-codec", "the content code alone against AVIF at equal bits", run, settings=Settings)
