"""Make a labelled set of real and forged faces from photographs, to train and measure detectors."""

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
    from underdrawing.api.forging import ForgeSettings, PostSettings
    from underdrawing.batch import Job, Result
    from underdrawing.data.face_identity import Identify
    from underdrawing.data.face_set import FaceEntry

EXAMPLES = (
    "underdrawing forge portraits/ -o set/ --kinds swap,blend --each 2",
    "underdrawing forge news=photos/2024 clips/ -o set/ --identity people.csv --fakes gan=stylegan/ --jobs 2",
    "underdrawing forge set/ --post unknown -o set-unknown/",
)
EXIT_HELP = "0 done; 3 a file could not be read or forged (the others are done); 64 wrong usage."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Photographs, output, and what is made of them."""
    faces = "folder or file of real photographs or clips; NAME=FOLDER gives the set another name"
    parser.add_argument("faces", nargs="+", metavar="FACES", help=faces)
    parser.add_argument("-o", "--output", required=True, metavar="SET", help="folder of the set")
    parser.add_argument("--kinds", metavar="LIST", help="kinds of forgery, as swap,blend; all by default")
    parser.add_argument("--each", type=_flags.count(100, "forgeries"), default=1, metavar="N",
                        help="forgeries of each kind for each face; 1 by default")  # fmt: skip
    parser.add_argument("--fakes", action="append", default=[], metavar="KIND=FOLDER",
                        help="add ready forgeries, as pictures of a GAN; may be repeated")  # fmt: skip
    parser.add_argument("--squares", action="append", default=[], metavar="PHOTOS",
                        help="add random squares of photographs in place of faces, for training")  # fmt: skip
    parser.add_argument("--squares-each", type=_flags.count(100, "squares"), default=2, metavar="N",
                        help="squares of each photograph; 2 by default")  # fmt: skip
    taef2 = "folder with the weights of TAEF2, for the kind of forgery taef2 (needs PyTorch)"
    parser.add_argument("--taef2", metavar="FOLDER", help=taef2)
    post = "FACES is a set: write it after post-processing, one of known, unknown, or names as jpeg60,mean5"
    parser.add_argument("--post", metavar="LIST", help=post)
    identity = "who is in a picture: file (default), folder, or a CSV of lines SET/STEM,IDENTITY"
    parser.add_argument("--identity", default="file", metavar="RULE", help=identity)
    parser.add_argument("--split", choices=["train", "val", "test"],
                        help="of all pictures; by default 75, 5 and 20 %% of the identities")  # fmt: skip
    parser.add_argument("--size", type=_flags.count(1024, "px"), default=160, metavar="PX",
                        help="sides of the pictures; 160 by default")  # fmt: skip
    parser.add_argument(
        "--least", type=float, default=64.0, metavar="PX", help="smallest face; 64 by default"
    )
    parser.add_argument("--every", type=_flags.count(10**6, "frames"), default=3, metavar="N",
                        help="of a clip, take every N-th frame; 3 by default")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of all random choices")
    _flags.add(parser, "--jobs")


def run(arguments: argparse.Namespace) -> int:
    """Collect the faces, then forge them; a stopped run goes on when it is started again."""
    from underdrawing import batch
    from underdrawing.api import forging
    from underdrawing.data.face_set import REAL

    if arguments.post:
        return _postprocess(arguments)
    settings, out = _settings(arguments), Path(arguments.output)
    places = [(REAL, *source_and_path(argument)) for argument in arguments.faces]
    places += [(*_kind(argument),) for argument in arguments.fakes]
    identify = identity_rule(arguments.identity)
    forging.claim(out, settings)
    entries: list[FaceEntry] = []
    codes = [DONE]

    def do(jobs: list[Job], work: Callable[[Job], Result]) -> None:
        results = without_entries(batch.run(jobs, work, arguments.jobs), entries)
        codes.append(print_batch(arguments, results, len(jobs), sentence, _warning))

    for kind, source, path in places:
        found = partial(collect_file, source=source, out=out, settings=settings, kind=kind, identify=identify)
        do(jobs_below(path), partial(found, root=path))
    for path in map(Path, arguments.squares):
        squares = partial(square_file, out=out, settings=settings, count=arguments.squares_each)
        do(jobs_below(path), partial(squares, root=path))
    if not any(entry.kind == REAL for entry in entries):
        raise UsageError(f"no real face was found in {', '.join(arguments.faces)}")
    forging.write_manifest(out, entries)
    reals = [batch.Job(out / entry.file) for entry in entries if entry.kind == REAL]
    do(reals, partial(forge_file, out=out, settings=settings))
    forging.write_manifest(out, entries)
    print_summary(arguments, "forged", [(entry.split, entry.kind) for entry in entries])
    return max(codes, key=[DONE, FAILED].index)


def _postprocess(arguments: argparse.Namespace) -> int:
    """Write a set anew after post-processing: the same files, masks and manifest, other pixels."""
    from underdrawing import batch
    from underdrawing.api import forging
    from underdrawing.data.face_set import read_manifest

    if len(arguments.faces) != 1 or arguments.fakes or arguments.kinds:
        raise UsageError("--post takes one set and none of --kinds and --fakes")
    folder, out = Path(arguments.faces[0]), Path(arguments.output)
    entries = {(folder / entry.file): entry for entry in read_manifest(folder)}
    settings = forging.PostSettings(_channels(arguments.post), arguments.seed)
    forging.claim(out, settings)
    work = partial(post_file, folder=folder, out=out, settings=settings)
    results = batch.run([batch.Job(path) for path in entries], work, arguments.jobs)
    code = print_batch(arguments, results, len(entries), sentence, lambda result: None)
    forging.write_manifest(out, [entry for entry in entries.values() if (out / entry.file).exists()])
    print_summary(arguments, "forged", [(entry.split, entry.kind) for entry in entries.values()])
    return code


def post_file(job: Job, *, folder: Path, out: Path, settings: PostSettings) -> Result:
    """One picture of a set after post-processing."""
    from underdrawing.api import forging

    forging.postprocess(folder, job.path.relative_to(folder).as_posix(), out, settings)
    return {"file": job.name, "status": "processed"}


def _channels(names: str) -> tuple[str, ...]:
    """Names of channels: those of a suite, or a list."""
    from underdrawing.api.forging import POST
    from underdrawing.attacks.suites import SUITES

    if names in ("known", "unknown"):
        return tuple(channel.name for channel in SUITES[f"face-{names}"])
    chosen = tuple(names.split(","))
    if unknown := set(chosen) - set(POST):
        choices = ", ".join(("known", "unknown", *POST))
        raise UsageError(f"no post-processing is called {min(unknown)!r}; there are: {choices}")
    return chosen


def collect_file(
    job: Job, *, source: str, out: Path, settings: ForgeSettings, kind: str, identify: Identify, root: Path
) -> Result:
    """The faces of one picture, written to the set."""
    from underdrawing.api import forging

    relative = relative_to(root, job.path)
    found = forging.collect(job.path, relative, source, out, settings, kind=kind, identify=identify)
    status = "collected" if found.entries else "no face"
    result = {"file": job.name, "status": status, "faces": len(found.entries), "unusable": found.unusable}
    return result | {"entries": found.entries}


def square_file(job: Job, *, out: Path, settings: ForgeSettings, count: int, root: Path) -> Result:
    """Squares of one photograph, written to the set."""
    from underdrawing.api import forging

    relative = relative_to(root, job.path)
    found = forging.collect_squares(job.path, relative, out, settings, count)
    return {"file": job.name, "status": "collected", "squares": count, "entries": found.entries}


def forge_file(job: Job, *, out: Path, settings: ForgeSettings) -> Result:
    """The forgeries of one real face."""
    from underdrawing.api import forging

    made = forging.forge(out, job.path.relative_to(out).as_posix(), settings)
    return {"file": job.name, "status": "forged", "forgeries": len(made), "entries": made}


def sentence(result: Result) -> str:
    """A picture or a face as text."""
    if result["status"] == "processed":
        return f"{result['file']}: processed"
    if "squares" in result:
        return f"{result['file']}: {result['squares']} squares"
    if result["status"] == "forged":
        return f"{result['file']}: {result['forgeries']} forgeries"
    unusable = f", {result['unusable']} in profile or too small" if result["unusable"] else ""
    return f"{result['file']}: {result['faces'] or 'no'} faces{unusable}"


def _warning(result: Result) -> str | None:
    return f"{result['file']}: no face that can be used" if result["status"] == "no face" else None


def _settings(arguments: argparse.Namespace) -> ForgeSettings:
    from underdrawing.api.forging import TAEF2, ForgeSettings
    from underdrawing.attacks.face_forgery import KINDS

    kinds = kinds_of(arguments, KINDS, TAEF2)
    if arguments.size < 64:
        raise UsageError(f"--size {arguments.size}: expected 64 to 1024 px")
    return ForgeSettings(
        kinds=kinds,
        each=arguments.each,
        seed=arguments.seed,
        side=arguments.size,
        least_px=arguments.least,
        every=arguments.every,
        split=arguments.split,
        taef2=arguments.taef2,
    )


def _kind(argument: str) -> tuple[str, str, Path]:
    from underdrawing.data.face_set import REAL

    kind, equals, place = argument.partition("=")
    if not equals or kind in ("", REAL):
        raise UsageError(f"--fakes {argument}: expected KIND=FOLDER, as gan=pictures/")
    return (kind, *source_and_path(f"{kind}={place}"))
