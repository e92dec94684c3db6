"""adversary: what somebody with this software, but without the owner's key or secret, can make verify say.

rewrite-SIZE     an edit of .5 to 25 % of the frame, then the picture's own public mark written over it
transplant-SIZE  the mark of one photograph in another, for ordered pairs of photographs
neighbour-SIZE   the same in pictures of nearly the same scene
combined-SIZE    collages, an unsigned picture under a registered identity, a second protection that hides
                 the first one
registry-512     rewritten edits, neighbours and an unsigned picture, judged with the owner's registry
private-512      private mode without its secret: congruent edits, dither learned from other pictures
second-512       a second owner protects the picture with our software
presence         private mode without its secret: is a picture marked?
benign-SIZE      untouched protected photographs: what the defence costs
"""

from __future__ import annotations

from functools import partial

from underdrawing.bench.harness.run import Part, Run, Study, run_parts
from underdrawing.bench.studies.adversary import measuring, private_mode, registered, tables
from underdrawing.bench.studies.adversary.protocol import AdversaryProtocol, Settings, cases_at, pairs_at

PROTOCOL = AdversaryProtocol()
PRESENCE = "presence"
BENIGN_SETS = ("kodak24", "clic2025_val", "coco_val")


def run(run: Run, protocol: AdversaryProtocol = PROTOCOL) -> None:
    """Attack the main system."""
    subject = run.load("photo")
    protocol = run.read_settings(Settings).applied(protocol)
    chosen = [part for part in parts(protocol) if run.selects(part.name)]
    if chosen or not run.selects(PRESENCE):
        run_parts(run, STUDY.store(run.results), protocol, [(subject, part) for part in parts(protocol)])
    facts = partial(private_mode.presence, subject, protocol, run.sets)
    run.write_once(STUDY, protocol, (subject.name, PRESENCE), facts)


def parts(protocol: AdversaryProtocol) -> list[Part]:
    """All parts, the quick ones first."""
    found = []
    for size in protocol.sizes:
        found.append(Part(f"rewrite-{size}", cases_at(size), measuring.rewritten))
        found.append(Part(f"neighbour-{size}", cases_at(size), measuring.neighbours))
        found.append(Part(f"combined-{size}", cases_at(size), measuring.combined))
    for size in (protocol.small_size, *(size for size in protocol.sizes if size <= tables.PAIRS_UP_TO)):
        found.append(Part(f"transplant-{size}", pairs_at(size), measuring.transplanted))
    side = private_mode.SIZE
    found.append(Part(f"registry-{side}", cases_at(side), registered.registered))
    found.append(Part(f"second-{side}", cases_at(side), registered.protected_again))
    found.append(Part(f"private-{side}", private_mode.cases, private_mode.edited))
    for size in protocol.sizes:
        names = BENIGN_SETS if size <= tables.PAIRS_UP_TO else (protocol.full_set,)
        found.append(Part(f"benign-{size}", cases_at(size, names), measuring.untouched))
    return found


STUDY = Study(
    "adversary",
    "attacks with this software: rewritten edits, transplants, collages; and false alarms",
    run,
    {
        "adversary": tables.main_table,
        "adversary-modes": tables.modes_table,
        "adversary-edits": tables.edits_table,
    },
    Settings,
)
