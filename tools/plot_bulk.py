"""Draw docs/images/bulk-scaling.png from results/bulk/: python tools/plot_bulk.py

Photographs a second over processes, beside the straight line through the first.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from underdrawing.bench.infrastructure.bulk import STUDY

ROOT = Path(__file__).parent.parent


def main() -> None:
    """The plot."""
    rows = STUDY.store(ROOT / "results").parts["scaling"]["rows"]
    figure, axes = pyplot.subplots(figsize=(5, 3.4), layout="constrained")
    processes = [row["processes"] for row in rows]
    line = [rows[0]["per_second"] * number / processes[0] for number in processes]
    bound = [1000 * row["processes"] * row["busy"] / row["processor_ms"] for row in rows]
    axes.plot(processes, bound, "o-", label="by processor time and idle time")
    axes.plot(processes, [row["per_second"] for row in rows], "s-", label="by the clock")
    axes.plot(processes, line, ":", color="gray", label="straight line")
    axes.set(xlabel="processes", ylabel="photographs a second", xticks=processes, ylim=(0, None))
    axes.legend()
    figure.savefig(ROOT / "docs/images/bulk-scaling.png", dpi=110)


if __name__ == "__main__":
    main()
