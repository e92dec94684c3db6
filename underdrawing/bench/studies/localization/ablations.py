"""Tables of trainings of one localizer with a part left out or replaced: outputs in folders SYSTEM-RECIPE.

`underdrawing bench localization --set weights=DIR` measures them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from underdrawing.bench.harness.record import Store
from underdrawing.bench.harness.render import Block, Table
from underdrawing.bench.studies.localization.tables import BOUNDS, cell

ABLATIONS: Mapping[str, Mapping[str, str]] = {
    "box-prompt-iml": {
        "": "as published, GrabCut as teacher",
        "-teacher-box": "the box itself as teacher",
        "-no-gates": "no gates",
        "-no-memory": "no memory",
        "-no-gates-no-memory": "neither gates nor memory",
        "-dice": "Dice loss beside the cross-entropy",
    },
    "cmb-net": {
        "": "all parts",
        "-no-text": "trained without texts",
        "-no-itcam": "every text of weight 1",
        "-no-red": "halves of the decoder apart",
    },
    "sc-iml": {
        "": "both errors mended",
        "-no-pfmm": "no PFMM",
        "-no-ssc": "no SSC",
        "-no-lsc": "no LSC",
        "-no-cem": "no CEM",
        "-lsc-as-released": "LSC as released",
        "-cem-as-released": "CEM as released",
    },
}
"""By system: what its training is named behind the system's name, and its title."""
_COLUMNS = {
    "F1": "synthetic/all/f1", "IoU": "synthetic/all/iou",
    "falsely flagged area, %": "synthetic/all/false_area",
    "AUC of pictures": "synthetic/all/picture_auc", "F1, out of domain": "public/out-of-domain/f1",
}  # fmt: skip


def ablations(store: Store, system: str) -> Sequence[Block] | None:
    """A row for each training that was measured; None where the system itself was not."""
    if f"synthetic-{system}" not in store.parts:
        return None
    rows = [
        [title, *(cell(store, f"{system}{suffix}/{key}") for key in _COLUMNS.values())]
        for suffix, title in ABLATIONS[system].items()
        if f"synthetic-{system}{suffix}" in store.parts
    ]
    return [Table(("trained alike", *_COLUMNS), rows), BOUNDS]


TABLES: Mapping[str, Callable[[Store], Sequence[Block] | None]] = {
    f"localization-{system}-parts": partial(ablations, system=system) for system in ABLATIONS
}
