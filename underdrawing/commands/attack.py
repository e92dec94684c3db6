"""Write what the channels of a suite make of each picture."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from underdrawing.commands import _flags
from underdrawing.commands._output import run_batch
from underdrawing.core.errors import UsageError

if TYPE_CHECKING:
    from underdrawing.batch import Job, Result

EXAMPLES = (
    "underdrawing attack protected.jpg -o attacked/ --suite photo-benign",
    "underdrawing attack protected.jpg -o posted.png --suite photo-benign --only scale0.7",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Pictures, output and suite."""
    _flags.add(parser, "paths", "--jobs", "--force", "--dry-run")
    output = "folder for the attacked pictures; a file or - (stdout) for one picture and one channel"
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help=output)
    parser.add_argument("--suite", required=True, metavar="NAME", help="list of attacks, as photo-benign")
    parser.add_argument("--only", nargs="+", metavar="CHANNEL", help="these channels of the suite alone")
    parser.add_argument("--seed", type=int, default=0, help="of what is random in the attacks")


def run(arguments: argparse.Namespace) -> int:
    """Attack every picture."""
    from underdrawing.attacks.suites import SUITES
    from underdrawing.commands import _jobs

    if arguments.suite not in SUITES:
        raise UsageError(f"no suite is called {arguments.suite!r}; there are: {', '.join(SUITES)}")
    known = [channel.name for channel in SUITES[arguments.suite]]
    only = arguments.only or known
    if unknown := set(only) - set(known):
        raise UsageError(f"no channel is called {min(unknown)!r}; there are: {', '.join(known)}")
    one_file = len(only) == 1 and _jobs.is_file_name(arguments.output)
    if one_file:
        plan = _jobs.file_plan(arguments.paths, arguments.output, overwrite=arguments.force)
    else:
        plan = _jobs.stem_plan(arguments.paths, arguments.output)
    options = {"seed": arguments.seed, "overwrite": arguments.force, "one_file": one_file}
    work = partial(attack_file, suite=arguments.suite, only=only, **options)
    return run_batch(arguments, plan, work, sentence)


def attack_file(
    job: Job, *, suite: str, only: list[str], seed: int, overwrite: bool, one_file: bool
) -> Result:
    """Write the job's picture after the channels of the suite, as PNG; to the target itself, in its format,
    or to stdout for one file."""
    import numpy as np

    from underdrawing.attacks.suites import SUITES
    from underdrawing.data.pictures import encode_picture, load_picture, save_picture

    picture = load_picture(job.source())
    written = {}
    for number, channel in enumerate(SUITES[suite]):
        if channel.name not in only:
            continue
        received = picture.with_image(channel(picture.image, np.random.default_rng([seed, number])))
        if job.target is None:
            sys.stdout.buffer.write(encode_picture(received, Path("-.png")).data)
            written[channel.name] = "-"
            continue
        path = job.target
        if not one_file:
            suffix = channel.name.replace("%", "pc").replace("/", "-")
            path = path.with_name(f"{path.name}.{suffix}.png")
        save_picture(received, path, overwrite=overwrite)
        written[channel.name] = str(path)
    return {"file": job.name, "status": "attacked", "outputs": written}


def sentence(result: Result) -> str:
    """An attacked picture as text."""
    return f"{result['file']}: {len(result['outputs'])} pictures written"
