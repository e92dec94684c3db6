"""Draw docs/images/capacity.png and docs/images/frequency-cost.png from results/lattice-capacity/.

python tools/plot_channel.py
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from underdrawing.bench.studies.lattice_capacity import STUDY

ROOT = Path(__file__).parent.parent
ORDER = (
    "none", "jpeg95", "jpeg90", "jpeg85", "jpeg80", "jpeg75", "jpeg70", "jpeg60", "jpeg50", "jpeg40",
    "jpeg30", "webp80", "webp75", "webp50",
    "avif60", "scale0.7", "scale0.5", "blur1", "noise5", "noise10",
)  # fmt: skip
LAYERS = {
    "base": "#30475e", "middle": "#c97b2a", "top70": "#41644a", "top80": "#7a9e7e", "top90": "#b5cdb7",
}  # fmt: skip


def main() -> None:
    """Both pictures."""
    figures = STUDY.store(ROOT / "results").figures
    (ROOT / "docs/images").mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    for k, (layer, colour) in enumerate(LAYERS.items()):
        values = [max(1, figures[f"bits/512/{channel}/{layer}"]["mean"]) for channel in ORDER]
        axes.bar(np.arange(len(ORDER)) + 0.17 * (k - 2), values, 0.17, label=layer, color=colour)
    axes.set_yscale("log")
    axes.set_ylim(100, 60000)
    axes.set_xticks(range(len(ORDER)), ORDER, rotation=40, ha="right")
    axes.set_ylabel("bits in a 512x512 photo")
    axes.legend(frameon=False, ncols=5)
    axes.set_title("What each layer still carries", loc="left", fontsize=10)
    figure.savefig(ROOT / "docs/images/capacity.png", dpi=110)
    keys = [key for key in figures if key.startswith("frequency/")]
    costs = {key.split("/")[1]: figures[key]["mean"] for key in keys}
    names = sorted(costs, key=lambda name: -costs[name])
    figure, axes = plt.subplots(figsize=(9, 3), layout="constrained")
    axes.bar(names, [100 - costs[name] for name in names], color="#30475e")
    axes.set_ylabel("100 - SSIMULACRA2")
    axes.set_title(
        "What one bit a block costs the eye, by frequency (vertical, horizontal)", loc="left", fontsize=10
    )
    figure.savefig(ROOT / "docs/images/frequency-cost.png", dpi=110)


if __name__ == "__main__":
    main()
