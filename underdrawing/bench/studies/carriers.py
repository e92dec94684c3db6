"""What every carrier at hand holds, costs and gets through: |m|, PSNR, and right bits as sent and after JPEG.

    python -m underdrawing.bench.studies.carriers --data DIR --photos N

A random message of all |m| bits in each photograph, read back as hard bits. Carriers whose package or weights
are not on this machine are named in the result with the reason.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

import numpy as np

from underdrawing import zoo
from underdrawing.attacks.channel import Channel, Jpeg, Nothing
from underdrawing.bench.harness.photographs import PhotoSets, hash_photos
from underdrawing.bench.harness.protocol import Protocol
from underdrawing.bench.harness.run import conditions, write_table
from underdrawing.carriers.carrier import Carrier
from underdrawing.core.errors import CapacityError
from underdrawing.metrics.quality import psnr_db

CHANNELS: tuple[Channel, ...] = (Nothing(), Jpeg(90), Jpeg(70))
PROTOCOL = Protocol("carriers", sizes=(512,), quality_sets=("kodak24",))


def measure_photo(carrier: Carrier, image_u8: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """One carrier on one photograph; only {"bits": 0} where it has no room."""
    room = carrier.capacity_bits(image_u8)
    bits = rng.integers(0, 2, room, dtype=np.uint8)
    try:
        protected = carrier.embed(image_u8, bits).apply(image_u8)
    except CapacityError:
        return {"bits": 0.0}
    row = {"bits": float(room), "psnr_db": psnr_db(image_u8, protected)}
    for channel in CHANNELS:
        received = channel(protected, rng)
        right = carrier.read(received, room).bits == bits
        row[f"{channel.name}/bit_accuracy"] = float(right.mean())
        row[f"{channel.name}/whole_message"] = float(right.all())
    return row


def measure(carriers: Mapping[str, Carrier], absent: Mapping[str, str], data: Path, photos: int) -> dict:
    """The whole table: means over the photographs for each carrier."""
    chosen = PhotoSets(data, photos).photos(PROTOCOL.quality_sets[0])
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in carriers}
    for number, photo in enumerate(chosen):
        image, _ = photo.square(PROTOCOL.sizes[0])
        for name, carrier in carriers.items():
            rng = np.random.default_rng([PROTOCOL.seed, number])
            rows[name].append(measure_photo(carrier, image, rng))
    return {
        "name": PROTOCOL.name,
        "conditions": conditions(PROTOCOL),
        "photos": len(chosen),
        "size": PROTOCOL.sizes[0],
        "data_hash": hash_photos(chosen),
        "figures": {name: _means(found) for name, found in rows.items()},
        "absent": dict(absent),
    }


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    """Means over the photographs that had room, and how many those were."""
    held = [row for row in rows if row["bits"]]
    means = {key: round(fmean(row[key] for row in held), 4) for key in (held[0] if held else {})}
    return means | {"photos": len(held), "least_bits": min((row["bits"] for row in rows), default=0.0)}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with kodak24 below it")
    parser.add_argument("--out", type=Path, default=Path("results/carriers.json"))
    parser.add_argument("--photos", type=int, default=24)
    options = parser.parse_args()
    found, absent = zoo.available("carrier")
    found, absent = ({name.replace(":", "-"): v for name, v in part.items()} for part in (found, absent))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_table(options.out, measure(found, absent, options.data, options.photos))


if __name__ == "__main__":
    main()
