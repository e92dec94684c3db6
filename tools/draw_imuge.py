"""Draw the pictures of underdrawing/systems/imuge/README.md.

python tools/draw_imuge.py [--log runs/imuge/log.jsonl]

strip.jpg comes from the released weights and photographs that scikit-image ships, curve.png from
results/training/imuge.json, which is condensed anew from the log of a training where --log names one.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import cv2
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from skimage import data

from underdrawing import zoo
from underdrawing.attacks.channel import Jpeg
from underdrawing.attacks.tamper import Tamper, blob, copy_move, free_form, inpaint, splice
from underdrawing.systems.imuge.recipes import RECIPES

ROOT = Path(__file__).parent.parent
HOUSE = ROOT / "underdrawing/systems/imuge"
CURVE = ROOT / "results/training/imuge.json"
SIDE, POINTS = 256, 120
EDITS = (Tamper(blob, splice), Tamper(free_form, inpaint), Tamper(blob, copy_move), Tamper(free_form, splice))


def main() -> None:
    """Both pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--log", type=Path, help="log.jsonl of a training")
    parser.add_argument("--recipe", default="lean-cpu-2h", help="that the log is of")
    given = parser.parse_args()
    if given.log:
        CURVE.write_text(json.dumps(condensed(given.log, given.recipe), indent=1) + "\n", encoding="utf-8")
    if CURVE.is_file():
        draw_curve(json.loads(CURVE.read_text(encoding="utf-8")))
    Image.fromarray(strip()).save(HOUSE / "strip.jpg", quality=88)


def condensed(log: Path, recipe_name: str) -> dict:
    """POINTS means along a log: crops so far, decibels inside the mask, cross entropy of the mask."""
    rows = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        rows[row["step"]] = row  # a resumed run writes the steps since its checkpoint again
    ordered = [rows[step] for step in sorted(rows)]
    recipe = RECIPES[recipe_name]
    many = recipe.batch * (recipe.side // recipe.small_side) ** 2
    crops = np.cumsum([many if row["progress"] < recipe.small_until else recipe.batch for row in ordered])
    points = []
    for part in np.array_split(np.arange(len(ordered)), min(POINTS, len(ordered))):
        mean = {k: float(np.mean([ordered[i][k] for i in part])) for k in ("recover", "locate")}
        points.append({
            "step": int(ordered[part[-1]]["step"]) + 1,
            "crops": int(crops[part[-1]]),
            "lpsnr_db": round(-10 * mean["recover"] / recipe.recover, 3),
            "mask_bce": round(mean["locate"] / recipe.locate, 4),
        })  # fmt: skip
    return {"recipe": recipe_name, "points": points}


def draw_curve(table: dict) -> None:
    """Recovery and localization against the number of crops."""
    crops = [point["crops"] / 1000 for point in table["points"]]
    figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
    axes.plot(crops, [point["lpsnr_db"] for point in table["points"]], color="#30475e")
    axes.set_xlabel("thousand crops seen")
    axes.set_ylabel("recovery inside the mask, dB", color="#30475e")
    other = axes.twinx()
    other.plot(crops, [point["mask_bce"] for point in table["points"]], color="#c97b2a")
    other.set_ylabel("mask cross entropy, nats", color="#c97b2a")
    other.set_ylim(0, 0.5)
    figure.savefig(HOUSE / "curve.png", dpi=110)


def strip() -> np.ndarray:
    """Original, protected, change x 8, received, mask, recovered: one row a photograph."""
    model = zoo.load("imuge")
    photos = [_square(picture()) for picture in (data.astronaut, data.coffee, data.chelsea, data.rocket)]
    rows = []
    for index, (photo, edit) in enumerate(zip(photos, EDITS, strict=True)):
        protected = model.protect(photo).apply(photo)
        rng = np.random.default_rng(index)
        received = Jpeg(70)(edit(protected, photos[index - 1], rng)[0], rng)
        verdict = model.verify(received)
        change = np.clip(128 + 8.0 * (protected.astype(np.float32) - photo), 0, 255).astype(np.uint8)
        mask = np.repeat(np.uint8(255) * (verdict.tampered_prob > 0.5)[..., None], 3, axis=2)
        rows.append(np.hstack([photo, protected, change, received, mask, verdict.recovered]))
    return np.vstack(rows)


def _square(photo: np.ndarray) -> np.ndarray:
    side = min(photo.shape[:2])
    top, left = (photo.shape[0] - side) // 2, (photo.shape[1] - side) // 2
    return cv2.resize(photo[top : top + side, left : left + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main()
