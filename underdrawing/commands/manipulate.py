"""Make a labelled set of manipulated and authentic pictures from photographs, for localizers."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from underdrawing.commands import _flags
from underdrawing.commands._output import DONE, FAILED, print_batch
from underdrawing.commands._sets import (
    identity_rule,
    jobs_below,
    kinds_of,
    print_summary,
    relative_to,
    source_and_path,
    without_entries,
)
from underdrawing.core.errors import UsageError

if TYPE_CHECKING:
    from underdrawing.api.manipulating import ManipulateSettings
    from underdrawing.batch import Job, Result
    from underdrawing.data.face_identity import Identify
    from underdrawing.data.manipulated_set import ManipulatedEntry

EXAMPLES = (
    "underdrawing manipulate photos/ -o set/ --each 3 --jobs 2",
    "underdrawing manipulate photos/ -o set/ --public iml --public-sets casia2,comofod",
    "underdrawing manipulate news=photos/2024 -o set/ --kinds splice,removal --identity folder",
)
EXIT_HELP = "0 done; 3 a file could not be read or is too small (the others are done); 64 wrong usage."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Photographs, output, and what is made of them."""
    photos = "folder or file of photographs; NAME=FOLDER gives the set another name"
    parser.add_argument("photos", nargs="+", metavar="PHOTOS", help=photos)
    parser.add_argument("-o", "--output", required=True, metavar="SET", help="folder of the set")
    parser.add_argument("--kinds", metavar="LIST", help="kinds, as splice,removal; all by default")
    taef2 = "folder with the weights of TAEF2, for removals of the kind taef2 (needs PyTorch)"
    parser.add_argument("--taef2", metavar="FOLDER", help=taef2)
    parser.add_argument("--each", type=_flags.count(100, "manipulations"), default=2, metavar="N",
                        help="manipulations of each photograph, kinds by turns; 2 by default")  # fmt: skip
    parser.add_argument("--side", type=_flags.count(2048, "px"), default=320, metavar="PX",
                        help="sides of the pictures; 320 by default")  # fmt: skip
    public = "folder of public sets of manipulations with masks, to train on them too: the kind collected"
    parser.add_argument("--public", metavar="FOLDER", help=public)
    parser.add_argument("--public-sets", default="casia2,comofod", metavar="LIST",
                        help="of FOLDER; casia2,comofod by default")  # fmt: skip
    identity = "which files are of one scene: file (default), folder, or a CSV of lines SET/STEM,SCENE"
    parser.add_argument("--identity", default="file", metavar="RULE", help=identity)
    parser.add_argument("--split", choices=["train", "val", "test"],
                        help="of all pictures; by default 75, 5 and 20 %% of the photographs")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of all random choices")
    _flags.add(parser, "--jobs")


def run(arguments: argparse.Namespace) -> int:
    """Collect squares, then manipulate them; a stopped run goes on when it is started again."""
    from underdrawing import batch
    from underdrawing.api import manipulating
    from underdrawing.api.collected import collect_public

    settings, out = _settings(arguments), Path(arguments.output)
    identify = identity_rule(arguments.identity)
    places = [source_and_path(argument) for argument in arguments.photos]
    manipulating.claim(out, settings)
    entries: list[ManipulatedEntry] = []
    codes = [DONE]

    def do(jobs: list[Job], work: Callable[[Job], Result]) -> None:
        results = without_entries(batch.run(jobs, work, arguments.jobs), entries)
        codes.append(print_batch(arguments, results, len(jobs), sentence, lambda result: None))

    for source, path in places:
        work = partial(collect_file, source=source, out=out, settings=settings, identify=identify, root=path)
        do(jobs_below(path), work)
    if not entries:
        raise UsageError(f"no photograph of a fair size was found in {', '.join(arguments.photos)}")
    manipulating.write_manifest(out, entries)
    authentic = [batch.Job(out / entry.file) for entry in entries]
    do(authentic, partial(manipulate_file, out=out, settings=settings))
    if arguments.public:
        names = tuple(arguments.public_sets.split(","))
        entries += collect_public(Path(arguments.public), names, settings.side, out)
    manipulating.write_manifest(out, entries)
    print_summary(arguments, "manipulated", [(entry.split, entry.kind) for entry in entries])
    return max(codes, key=[DONE, FAILED].index)


def collect_file(
    job: Job, *, source: str, out: Path, settings: ManipulateSettings, identify: Identify, root: Path
) -> Result:
    """A square of one photograph, written to the set."""
    from underdrawing.api import manipulating

    relative = relative_to(root, job.path)
    entry = manipulating.collect(job.path, relative, source, out, settings, identify=identify)
    return {"file": job.name, "status": "collected", "entries": [entry]}


def manipulate_file(job: Job, *, out: Path, settings: ManipulateSettings) -> Result:
    """The manipulations of one square."""
    from underdrawing.api import manipulating

    made = manipulating.manipulate(out, job.path.relative_to(out).as_posix(), settings)
    return {"file": job.name, "status": "manipulated", "manipulations": len(made), "entries": made}


def sentence(result: Result) -> str:
    """A photograph or a square as text."""
    if result["status"] == "collected":
        return f"{result['file']}: collected"
    return f"{result['file']}: {result['manipulations']} manipulations"


def _settings(arguments: argparse.Namespace) -> ManipulateSettings:
    from underdrawing.api.manipulating import TAEF2, ManipulateSettings
    from underdrawing.attacks.manipulation import KINDS

    kinds = kinds_of(arguments, KINDS, TAEF2)
    if arguments.side < 64:
        raise UsageError(f"--side {arguments.side}: expected 64 to 2048 px")
    return ManipulateSettings(
        kinds=kinds,
        each=arguments.each,
        side=arguments.side,
        seed=arguments.seed,
        split=arguments.split,
        taef2=arguments.taef2,
    )
