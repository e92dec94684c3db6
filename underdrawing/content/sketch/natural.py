"""The natural decoder: the fusion with other last layers, which add detail that looks like a photograph.

    planes --> layers of the fusion --> other last layers --> correction of the sketch, its expected error

The fusion answers with the mean of all pictures that a code allows. This one answers with a single picture
of them: sharper, and further from the original. What it adds was not recorded by anybody.
"""

from __future__ import annotations

from pathlib import Path

from underdrawing.content.sketch.fusion import Fusion
from underdrawing.nets.weights import read_tensors

WEIGHTS = Path(__file__).parent / "weights" / "natural.safetensors"
TAIL = ("up_quarter", "out")
"""Parts of FusionNet that are its own."""


class Natural(Fusion):
    """Draws the altered region; `recover` as that of the fusion."""

    def __init__(self, weights: Path = WEIGHTS):
        super().__init__(tail=read_tensors(weights))
