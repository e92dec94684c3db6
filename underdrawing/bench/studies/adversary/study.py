"""adversary: what somebody with this software, but without the owner's key or secret, can make verify say.

rewrite-SIZE     an edit of .5 to 25 % of the frame, then the picture's own public mark written over it
transplant-SIZE  the mark of one photograph in another, for ordered pairs of photographs
neighbour-SIZE   the same in pictures of nearly the same scene
combined-SIZE    collages, an unsigned picture under a registered identity, a second protection on top
benign-SIZE      untouched protected photographs: what the defence costs
"""

from __future__ import annotations

from underdrawing.bench.harness.run import Part, Run, Study, run_parts
from underdrawing.bench.studies.adversary import measuring, tables
from underdrawing.bench.studies.adversary.protocol import AdversaryProtocol, Settings, cases_at, pairs_at

PROTOCOL = AdversaryProtocol()
BENIGN_SETS = ("kodak24", "clic2025_val", "coco_val")


def run(run: Run, protocol: AdversaryProtocol = PROTOCOL) -> None:
    """Attack the main system."""
    subject = run.load("photo")
    protocol = run.read_settings(Settings).applied(protocol)
    run_parts(run, STUDY.store(run.results), protocol, [(subject, part) for part in parts(protocol)])


def parts(protocol: AdversaryProtocol) -> list[Part]:
    """All parts, the quick ones first."""
    found = []
    for size in protocol.sizes:
        found.append(Part(f"rewrite-{size}", cases_at(size), measuring.rewritten))
        found.append(Part(f"neighbour-{size}", cases_at(size), measuring.neighbours))
        found.append(Part(f"combined-{size}", cases_at(size), measuring.combined))
    for size in (protocol.small_size, *(size for size in protocol.sizes if size <= tables.PAIRS_UP_TO)):
        found.append(Part(f"transplant-{size}", pairs_at(size), measuring.transplanted))
    for size in protocol.sizes:
        names = BENIGN_SETS if size <= tables.PAIRS_UP_TO else (protocol.full_set,)
        found.append(Part(f"benign-{size}", cases_at(size, names), measuring.untouched))
    return found


STUDY = Study(
    "adversary",
    "attacks with this software: rewritten edits, transplants, collages; and false alarms",
    run,
    {"adversary": tables.main_table, "adversary-edits": tables.edits_table},
    Settings,
)
