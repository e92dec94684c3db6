"""Draw docs/images/capacity.png and docs/images/frequency-cost.png from results/channel.json.

python tools/plot_channel.py
"""

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

ROOT = Path(__file__).parent.parent
ORDER = (
    "none", "jpeg95", "jpeg90", "jpeg80", "jpeg70", "jpeg60", "jpeg50", "jpeg40", "jpeg30",
    "webp75", "webp50",
    "avif60", "scale0.7", "scale0.5", "blur1", "noise5", "noise10",
)  # fmt: skip
LAYERS = {"base": "#30475e", "middle": "#c97b2a", "top": "#7a9e7e"}


def main() -> None:
    """Both pictures."""
    result = json.loads((ROOT / "results/channel.json").read_text(encoding="utf-8"))
    (ROOT / "docs/images").mkdir(parents=True, exist_ok=True)
    by_channel = {name: result["bits"]["512"][name] for name in ORDER}
    figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    for k, (layer, colour) in enumerate(LAYERS.items()):
        values = [max(1, by_channel[channel][layer]) for channel in by_channel]
        axes.bar(np.arange(len(by_channel)) + 0.27 * (k - 1), values, 0.27, label=layer, color=colour)
    axes.set_yscale("log")
    axes.set_ylim(100, 60000)
    axes.set_xticks(range(len(by_channel)), list(by_channel), rotation=40, ha="right")
    axes.set_ylabel("bits in a 512x512 photo")
    axes.legend(frameon=False, ncols=3)
    axes.set_title("What each layer still carries", loc="left", fontsize=10)
    figure.savefig(ROOT / "docs/images/capacity.png", dpi=110)
    costs = result["ssimulacra2_of_one_frequency"]
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
