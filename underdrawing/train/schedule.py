"""Learning rate over the course of a run."""

import math


def warm_cosine(progress: float, warmup: float, floor: float = 0.02) -> float:
    """Factor on the learning rate at `progress` in [0, 1]: linear warm-up over `warmup`, then a cosine down
    to `floor`."""
    if progress < warmup:
        return max(progress, 1e-4) / warmup
    turn = min(1.0, (progress - warmup) / max(1e-9, 1.0 - warmup))
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * turn))
