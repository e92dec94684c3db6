"""What the code of the content shows by itself, without the surroundings, against AVIF at equal bits.

    python -m underdrawing.bench.studies.content_codec --data DIR --out results/code-alone.json

PSNR in dB of the whole and inside a free-form mask, on a sample of coco_val squares; AVIF at its best scale,
header not counted.
"""

import argparse
import datetime
import importlib
import json
import sys
import time
import typing
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median

import numpy as np

from underdrawing.attacks.tamper import free_form
from underdrawing.bench.harness.avif import avif_at
from underdrawing.bench.harness.photographs import PhotoSets, hash_photos
from underdrawing.metrics.quality import masked_psnr_db, psnr_db

Rows = dict[str, list[dict[str, float]]]


class Code(typing.Protocol):
    """A code of the content, in layers of bits."""

    scales: int
    """Token scales, each prefix of which is a picture."""

    def encode(self, image_u8: np.ndarray, budgets_bits: Sequence[int]) -> list[np.ndarray]:
        """Bits of each layer."""

    def encode_tokens(self, image_u8: np.ndarray, prefix: int) -> list[np.ndarray]:
        """One layer with the first `prefix` token scales alone."""

    def decode(self, layers: Sequence[np.ndarray | None], height: int, width: int) -> np.ndarray:
        """The picture of the layers read so far."""


@dataclass(frozen=True)
class Protocol:
    """What the numbers depend on."""

    photo_set: str = "coco_val"
    """Name of the photographs' folder."""
    photos: int = 24
    """How many of them, spread over the set."""
    budgets: tuple[tuple[int, tuple[tuple[int, ...], ...]], ...] = (
        (256, ((2000,), (4000,), (8000,), (12000,), (2000, 6000))),
        (480, ((4000,), (8000,), (16000,), (30000,), (7000, 23000))),
    )
    """For each side in pixels the layers' budgets in bits; AVIF gets their sum."""
    seed: int = 1
    """Of the masks."""


def measure(code: Code, image_u8: np.ndarray, mask: np.ndarray, budgets: Sequence[int]) -> dict[str, float]:
    """One picture at one list of budgets: dB of code and AVIF, share of the bits used, milliseconds."""
    height, width = image_u8.shape[:2]
    started = time.perf_counter()
    layers = code.encode(image_u8, budgets)
    coded = time.perf_counter()
    shown = code.decode(layers, height, width)
    decoded = time.perf_counter()
    theirs = avif_at(image_u8, sum(budgets))
    values = {
        "code_db": psnr_db(image_u8, shown),
        "avif_db": psnr_db(image_u8, theirs),
        "code_masked_db": masked_psnr_db(image_u8, shown, mask),
        "avif_masked_db": masked_psnr_db(image_u8, theirs, mask),
        "bits": float(sum(len(layer) for layer in layers)),
        "encode_ms": 1e3 * (coded - started),
        "decode_ms": 1e3 * (decoded - coded),
    }
    if len(budgets) > 1:
        values["first_layer_db"] = psnr_db(image_u8, code.decode(layers[:1], height, width))
    return values


def measure_tokens(code: Code, image_u8: np.ndarray) -> list[dict[str, float]]:
    """dB and bits of the picture from tokens alone, for every prefix of scales."""
    rows = []
    for prefix in range(1, code.scales + 1):
        layers = code.encode_tokens(image_u8, prefix)
        shown = code.decode(layers, *image_u8.shape[:2])
        rows.append({"bits": float(len(layers[0])), "code_db": psnr_db(image_u8, shown)})
    return rows


def run(code: Code, data: Path, protocol: Protocol, tell: Callable[[str], object]) -> dict:
    """The whole table: figures by "side/budgets" and by token prefix, with what they depend on."""
    photos = PhotoSets(data, limit=protocol.photos).photos(protocol.photo_set)
    figures: Rows = {}
    for side, lists in protocol.budgets:
        for index, photo in enumerate(photos):
            image, _ = photo.square(side)
            mask = free_form(side, side, np.random.default_rng([protocol.seed, side, index]))
            for budgets in lists:
                key = f"{side}/{'+'.join(map(str, budgets))}"
                figures.setdefault(key, []).append(measure(code, image, mask, budgets))
            if side == protocol.budgets[0][0]:
                for prefix, row in enumerate(measure_tokens(code, image), start=1):
                    figures.setdefault(f"{side}/tokens of {prefix} scales", []).append(row)
            tell(f"{side} px: {index + 1} of {len(photos)}")
    return {
        "figures": {key: _summary(rows) for key, rows in figures.items()},
        "conditions": {
            "protocol": asdict(protocol),
            "photos": len(photos),
            "data_hash": hash_photos(photos),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "device": "cpu",
        },
    }


def _summary(rows: list[dict[str, float]]) -> dict[str, float]:
    """Means; medians of times; and the gain over AVIF in dB."""
    told = {
        name: round((median if name.endswith("_ms") else fmean)(row[name] for row in rows), 3)
        for name in rows[0]
    }
    if "avif_db" in told:
        told["gain_db"] = round(told["code_db"] - told["avif_db"], 3)
        told["gain_masked_db"] = round(told["code_masked_db"] - told["avif_masked_db"], 3)
    return told


def main() -> int:
    """Measure and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of photo sets")
    parser.add_argument("--out", type=Path, default=Path("results/code-alone.json"))
    parser.add_argument("--photos", type=int, default=Protocol.photos)
    parser.add_argument("--code", default="underdrawing.content.sketch.sketch:Sketch", help="module:class")
    given = parser.parse_args()
    module, _, name = given.code.partition(":")
    code = getattr(importlib.import_module(module), name)()
    table = run(code, given.data, Protocol(photos=given.photos), lambda line: sys.stderr.write(line + "\n"))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
