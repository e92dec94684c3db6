"""Write what the channels of a suite make of each picture."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from underdrawing.commands import _flags
from underdrawing.commands._output import run_batch
from underdrawing.core.errors import UsageError

if TYPE_CHECKING:
    from underdrawing.batch import Job, Result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Pictures, output and suite."""
    _flags.add(parser, "paths", "--jobs", "--force")
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="folder for the attacked pictures"
    )
    parser.add_argument("--suite", required=True, metavar="NAME", help="list of attacks, as photo-benign")
    parser.add_argument("--seed", type=int, default=0, help="of what is random in the attacks")


def run(arguments: argparse.Namespace) -> int:
    """Attack every picture."""
    from underdrawing import batch
    from underdrawing.attacks.suites import SUITES

    if arguments.suite not in SUITES:
        raise UsageError(f"no suite is called {arguments.suite!r}; there are: {', '.join(SUITES)}")
    jobs = batch.stem_jobs(arguments.paths, Path(arguments.output))
    work = partial(attack_file, suite=arguments.suite, seed=arguments.seed, overwrite=arguments.force)
    return run_batch(arguments, jobs, work, sentence)


def attack_file(job: Job, *, suite: str, seed: int, overwrite: bool) -> Result:
    """Write the job's picture after every channel of the suite, as PNG."""
    import numpy as np

    from underdrawing.attacks.suites import SUITES
    from underdrawing.data.pictures import load_picture, save_picture

    picture = load_picture(job.path)
    written = {}
    for number, channel in enumerate(SUITES[suite]):
        received = channel(picture.image, np.random.default_rng([seed, number]))
        suffix = channel.name.replace("%", "pc").replace("/", "-")
        path = job.target.with_name(f"{job.target.name}.{suffix}.png")
        save_picture(picture.with_image(received), path, overwrite=overwrite)
        written[channel.name] = str(path)
    return {"file": str(job.path), "status": "attacked", "outputs": written}


def sentence(result: Result) -> str:
    """An attacked picture as text."""
    return f"{result['file']}: {len(result['outputs'])} pictures written"
