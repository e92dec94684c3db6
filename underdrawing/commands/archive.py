"""Pack originals to .udl files that give back every pixel; unpack, check and list these."""

from __future__ import annotations

import argparse
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underdrawing.commands import _flags
from underdrawing.commands._output import DONE, EXIT_CODES, run_batch
from underdrawing.core.errors import UsageError

if TYPE_CHECKING:
    from underdrawing.batch import Job, Result

EXAMPLES = (
    "underdrawing archive pack photos/ -o archive/ --jobs 2",
    "underdrawing archive unpack archive/photo.tif.udl -o photo.png",
    "underdrawing archive unpack archive/photo.tif.udl -o part.png --region 0,0,512,512",
    "underdrawing archive check archive/ --jobs 2",
    "underdrawing archive info archive/",
)
EXIT_HELP = "0 done; 3 a file could not be packed or read, or damage was found; 64 wrong usage."
SUFFIX = ".udl"
_KEPT = {"pixels": "pixels coded", "file": "the file kept as it is", "jxl": "the file kept, as JPEG XL"}
_CODES = {"read": DONE, "whole": DONE, **EXIT_CODES}  # first: an error among them counts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Action, files, output, and how to code them."""
    parser.add_argument(
        "action", choices=["pack", "unpack", "check", "info"], help="what to do with every file"
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="pictures or archives, folders, globs")
    parser.add_argument("-o", "--output", metavar="OUT", help="a folder; a file for one input")
    _flags.add(parser, *_flags.PACKING)
    parser.add_argument("--region", type=region, metavar="L,T,R,B", help="unpack: this part alone, px")
    _flags.add(parser, "--salvage", "--jobs", "--force", "--dry-run")


def region(text: str) -> tuple[int, int, int, int]:
    """The argparse type of a region: left, top, right, bottom."""
    if re.fullmatch(r"\d+,\d+,\d+,\d+", text) is None:
        raise argparse.ArgumentTypeError(f"expected left,top,right,bottom in px, got {text}")
    left, top, right, bottom = map(int, text.split(","))
    return left, top, right, bottom


def run(arguments: argparse.Namespace) -> int:
    """Pack, unpack, check or list every file."""
    from underdrawing.commands._jobs import Plan

    if arguments.action == "info":
        jobs, work, sentence = _jobs(arguments, None), info_file, info_sentence
    elif arguments.action == "check":
        jobs, work, sentence = _jobs(arguments, None), check_file, check_sentence
    else:
        if arguments.output is None:
            raise UsageError(f"archive {arguments.action}: name the output with -o")
        jobs = _jobs(arguments, arguments.output)
        work, sentence = _work(arguments), pack_sentence if arguments.action == "pack" else unpack_sentence
    return run_batch(arguments, Plan(jobs), work, sentence, codes=_CODES)


def pack_file(job: Job, **options: Any) -> Result:
    """Pack the job's picture. options: of api.archiving.pack."""
    from underdrawing.api.archiving import pack

    return pack(job.path, job.target, **options).to_json()


def unpack_file(job: Job, *, into_folder: bool, **options: Any) -> Result:
    """Unpack the job's archive, in a folder under the name of the original."""
    from underdrawing.api.archiving import archive_info, original_name, unpack

    target = job.target
    if into_folder and target is not None:
        target = target.with_name(original_name(target.name, archive_info(job.path)["kept"]))
    return unpack(job.path, target, **options).to_json()


def check_file(job: Job) -> Result:
    """Decode the job's archive and write nothing: an error names what is damaged."""
    from underdrawing.api.archiving import unpack

    report = unpack(job.path)
    return {"file": report.file, "status": "whole", "seconds": report.seconds}


def info_file(job: Job) -> Result:
    """What the job's archive holds."""
    from underdrawing.api.archiving import archive_info

    return archive_info(job.path)


def pack_sentence(result: Result) -> str:
    """A packed picture as text."""
    share = result["bytes"] / result["original_bytes"]
    kept = _KEPT[result["kept"]]
    return f"{result['file']} -> {result['output']}: {kept}, {share:.0%} of its bytes, {result['seconds']} s"


def unpack_sentence(result: Result) -> str:
    """An unpacked archive as text."""
    return f"{result['file']} -> {result['output']}: {result['status']}, {result['seconds']} s"


def check_sentence(result: Result) -> str:
    """A whole archive as text."""
    return f"{result['file']}: whole, {result['seconds']} s"


def info_sentence(result: Result) -> str:
    """What an archive holds, as text."""
    size = f"{result['width']}x{result['height']} px"
    share = "" if result["original_bytes"] is None else f" of {result['original_bytes']}"
    end = f"{result['bytes']}{share} bytes"
    if result["kept"] != "pixels":
        coded = ", coded as JPEG XL" if result["kept"] == "jxl" else ""
        return f"{result['file']}: {size}, the {result['format']} file itself{coded}, {end}"
    text = (
        f"{result['file']}: {size}, {result['channels']} channels of {result['depth']} bits, "
        f"T = {result['rounds']}, {result['tiles']} tiles of {result['tile']} px, {end}"
    )
    held = ", ".join(f"{name} {length} bytes" for name, length in result["sections"].items())
    return "\n  ".join([f"{text}; from {result['format']}", *([held] if held else [])])


def _work(arguments: argparse.Namespace) -> Any:
    common = {"rounds": arguments.rounds, "overwrite": arguments.force}
    if arguments.action == "pack":
        return partial(pack_file, keep=arguments.keep, tile=arguments.tile, **common)
    chosen = {"region": arguments.region, "salvage": arguments.salvage}
    return partial(unpack_file, into_folder=_is_folder(arguments), **chosen, **common)


def _jobs(arguments: argparse.Namespace, output: str | None) -> list[Job]:
    from underdrawing.batch import Job
    from underdrawing.data.files import PICTURE_SUFFIXES, find_pictures

    packing = arguments.action == "pack"
    suffixes = PICTURE_SUFFIXES - {SUFFIX} if packing else frozenset({SUFFIX})
    found = find_pictures(arguments.paths, None, suffixes)
    if output is None:
        return [Job(entry.path) for entry in found]
    if not _is_folder(arguments):
        if len(found) > 1:
            raise UsageError(f"{output}: is one file, for {len(found)} inputs; for a folder write {output}/")
        return [Job(entry.path, Path(output)) for entry in found]
    targets = [Path(output) / entry.relative for entry in found]
    named = [target.with_name(target.name + SUFFIX) if packing else target for target in targets]
    return [Job(entry.path, target) for entry, target in zip(found, named, strict=True)]


def _is_folder(arguments: argparse.Namespace) -> bool:
    from underdrawing.data.files import is_folder

    output = arguments.output
    return output is not None and (output.endswith("/") or is_folder(output) or not Path(output).suffix)
