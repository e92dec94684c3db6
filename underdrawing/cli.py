"""The program `underdrawing`: one flat dict, command -> a plain function of the parsed arguments.

JSON goes to stdout, one object a line; progress goes to stderr, on a terminal only. Heavy imports happen
inside the commands, so that help comes at once. Exit codes: 0 done or intact, 1 altered, 2 no mark found, 3 a file
could not be read or written (the others are still done), 64 usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from underdrawing import __version__
from underdrawing.core.errors import UnderdrawingError

INTACT, ALTERED, UNPROTECTED, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 3, 64, 130
EXIT_CODES = {"intact": INTACT, "altered": ALTERED, "unprotected": UNPROTECTED, "error": FAILED}


class UsageError(Exception):
    """The command was called in a way that cannot work; the message says how to call it."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit code. `argv` is without the program's name, None takes the process's own."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)
    try:
        return COMMANDS[arguments.command](arguments)
    except UsageError as error:
        print(f"underdrawing {arguments.command}: {error}", file=sys.stderr)
        return USAGE
    except (UnderdrawingError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            # Whoever read our lines has gone (as in `| head`): the interpreter must not flush them again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILED
        print(f"underdrawing {arguments.command}: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\ninterrupted; files written so far are whole, the rest was not begun", file=sys.stderr)
        return INTERRUPTED


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


# --- commands ---------------------------------------------------------------------------------------------


def keygen(arguments: argparse.Namespace) -> int:
    """Make an Ed25519 key pair; the public half joins the trust store."""
    from underdrawing import api
    from underdrawing.coding.keys import Owner

    path = Path(arguments.output)
    if path.exists():
        raise UsageError(f"{path}: exists already; a key file is never overwritten")
    owner = Owner.create()
    _save_owner(owner, path, _password(arguments))
    store = api.trust_store(arguments.trust)
    store.add(owner.public, arguments.name or path.stem)
    _say(
        arguments,
        {"file": str(path), "status": "created", "key": owner.public.fingerprint},
        f"{path}: new key {owner.public.fingerprint}; keep this file to yourself. "
        "Its public half is in the trust store.",
    )
    return 0


def protect(arguments: argparse.Namespace) -> int:
    """Hide in each picture a code of its own content, an identity and the owner's signature."""
    from underdrawing import batch

    password = _password(arguments)
    _check_inputs(arguments, password)
    jobs = batch.output_jobs(arguments.paths, Path(arguments.output), overwrite=arguments.force)
    if arguments.identity and len(jobs) > 1:
        raise UsageError("--identity names one picture; give one picture, or let identities be drawn")
    work = partial(
        protect_file,
        sign=arguments.sign,
        password=password,
        secret=arguments.secret,
        identity=arguments.identity,
        strength=arguments.strength,
        overwrite=arguments.force,
    )
    codes = [FAILED if result["status"] == "error" else 0 for result in _run(arguments, jobs, work)]
    return max(codes, default=0)


def verify(arguments: argparse.Namespace) -> int:
    """Say of each picture who protected it, whether and where it was altered, and what was there."""
    from underdrawing import batch

    _check_inputs(arguments, None)
    output = Path(arguments.output) if arguments.output else None
    jobs = batch.finding_jobs(arguments.paths, output)
    work = partial(verify_file, trust=arguments.trust, secret=arguments.secret, overwrite=arguments.force)
    return max((EXIT_CODES[result["status"]] for result in _run(arguments, jobs, work)), default=0)


def demo(arguments: argparse.Namespace) -> int:
    """Protect a bundled photograph, alter and recompress it, verify and recover it, and draw the strip."""
    from underdrawing.demo import run_demo

    done = run_demo(Path(arguments.output), overwrite=True)
    _say(arguments, done.to_json(), "\n".join(done.lines))
    return 0 if done.verdict.status == "altered" else FAILED


def attack(arguments: argparse.Namespace) -> int:
    """Write what the channels of a suite make of each picture."""
    from underdrawing import batch
    from underdrawing.attacks.suites import SUITES

    if arguments.suite not in SUITES:
        raise UsageError(f"no suite is called {arguments.suite!r}; there are: {', '.join(SUITES)}")
    jobs = batch.finding_jobs(arguments.paths, Path(arguments.output))
    work = partial(attack_file, suite=arguments.suite, seed=arguments.seed, overwrite=arguments.force)
    codes = [FAILED if result["status"] == "error" else 0 for result in _run(arguments, jobs, work)]
    return max(codes, default=0)


def zoo(arguments: argparse.Namespace) -> int:
    """List the systems, their weights, licences and abilities."""
    from underdrawing import zoo as cards

    code = 0
    for name in cards.names():
        card = cards.card(name)
        text = [f"{card.name}: {card.title}", f"  {card.summary}", f"  does: {', '.join(card.abilities)}"]
        weights = []
        for weight in card.weights:
            state = "ok"
            try:
                weight.check()
            except UnderdrawingError as error:
                state, code = str(error), FAILED
            entry = {"file": weight.path.name, "bytes": weight.size_bytes, "licence": weight.licence}
            weights.append({**entry, "sha256": weight.sha256, "job": weight.job, "state": state})
            size = f"{weight.size_bytes / 1e6:.2f} MB"
            text.append(f"  {weight.path.name}: {weight.job}; {size}, {weight.licence}; {state}")
        found = {"name": name, "title": card.title, "abilities": list(card.abilities), "weights": weights}
        _say(arguments, found, "\n".join(text))
    return code


def trust(arguments: argparse.Namespace) -> int:
    """Add public keys to the trust store; without a file, list those that are in it."""
    from underdrawing import api
    from underdrawing.coding.keys import PublicKey

    store = api.trust_store(arguments.trust)
    for path in map(Path, arguments.paths):
        store.add(PublicKey.load(path), arguments.name or path.stem)
    for public in store:
        name = getattr(public, "name", None)
        _say(arguments, {"key": public.fingerprint, "name": name}, f"{public.fingerprint}  {name or ''}")
    return 0


# --- one file (picklable, so that several processes can do it) --------------------------------------------


def protect_file(job: Any, *, sign: str | None, password: str | None, **options: Any) -> dict[str, Any]:
    """Protect the job's file into its target; the object to print."""
    from underdrawing import api

    owner = None if sign is None else api.load_owner(sign, password)
    return api.protect(job.path, job.target, sign=owner, **options).to_json()


def verify_file(job: Any, **options: Any) -> dict[str, Any]:
    """Verify the job's file, findings beside its target; the object to print."""
    from underdrawing import api

    if job.target is None:
        return api.verify(job.path, **options).to_json()
    return api.verify(job.path, job.target.parent, stem=job.target.name, **options).to_json()


def attack_file(job: Any, *, suite: str, seed: int, overwrite: bool) -> dict[str, Any]:
    """Write the job's picture through every channel of the suite, as PNG; the object to print."""
    import numpy as np

    from underdrawing.attacks.suites import SUITES
    from underdrawing.data.pictures import load_picture, save_picture

    picture = load_picture(job.path)
    written = {}
    for number, channel in enumerate(SUITES[suite]):
        received = channel(picture.image, np.random.default_rng([seed, number]))
        path = job.target.with_name(
            f"{job.target.name}.{channel.name.replace('%', 'pc').replace('/', '-')}.png"
        )
        save_picture(picture.with_image(received), path, overwrite=overwrite)
        written[channel.name] = str(path)
    return {"file": str(job.path), "status": "attacked", "outputs": written}


# --- what people see --------------------------------------------------------------------------------------


def _run(arguments: argparse.Namespace, jobs: list[Any], work: Callable) -> Iterable[dict[str, Any]]:
    """Run the batch and print each result as it comes."""
    from underdrawing import batch

    if not jobs:
        raise UsageError("no picture was found")
    terminal = sys.stderr.isatty()
    for number, result in enumerate(batch.run(jobs, work, arguments.jobs), 1):
        if terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        if result["status"] == "error":
            print(f"underdrawing {arguments.command}: {result['message']}", file=sys.stderr, flush=True)
        if arguments.json or result["status"] != "error":
            _say(arguments, result, _sentence(result))
        if terminal and number < len(jobs):
            filled = 30 * number // len(jobs)
            bar = "#" * filled + "." * (30 - filled)
            print(f"[{bar}] {number}/{len(jobs)}", end="", file=sys.stderr, flush=True)
        yield result


def _sentence(result: dict[str, Any]) -> str:
    status, name = result["status"], result["file"]
    if status == "protected":
        signed = f", signed by {result['signed_by']}" if result["signed_by"] else ", not signed"
        quality = f"{result['psnr_db']:.1f} dB, " if result["psnr_db"] is not None else ""
        made = f"identity {result['identity']}{signed}, {quality}{result['seconds']} s"
        return f"{name} -> {result['output']}: {made}"
    if status == "attacked":
        return f"{name}: {len(result['outputs'])} pictures written"
    if status == "error":
        return result["message"]
    lines = [f"{name}: {status.upper()}: {result['message']}"]
    if result["html"]:
        lines.append(f"  {result['html']}")
    return "\n".join(lines)


def _say(arguments: argparse.Namespace, found: dict[str, Any], text: str) -> None:
    print(json.dumps(found, allow_nan=False) if arguments.json else text, flush=True)


# --- checks before the batch ------------------------------------------------------------------------------


def _check_inputs(arguments: argparse.Namespace, password: str | None) -> None:
    """UsageError where a key or a secret cannot be used: better before the first file than at each."""
    from underdrawing import api
    from underdrawing.core.errors import KeyFileError

    try:
        api.load_secret(arguments.secret)
        if getattr(arguments, "sign", None):
            api.load_owner(arguments.sign, password)
        if getattr(arguments, "trust", None) and not Path(arguments.trust).is_dir():
            raise UsageError(f"{arguments.trust}: there is no such folder of public keys")
    except KeyFileError as error:
        raise UsageError(str(error)) from error


def _password(arguments: argparse.Namespace) -> str | None:
    path = arguments.password_file
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: the password cannot be read ({error})") from error


def _save_owner(owner: Any, path: Path, password: str | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    owner.save(path, password) if password is not None else owner.save(path)


# --- arguments --------------------------------------------------------------------------------------------


def _strength(text: str) -> float:
    value = float(text)
    if not 0.25 <= value <= 4:
        raise argparse.ArgumentTypeError(f"expected a strength from 0.25 to 4, got {text}")
    return value


def _processes(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 256:
        raise argparse.ArgumentTypeError(f"expected 1 to 256 processes, got {text}")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="underdrawing", description="Hide in a photograph a sketch of itself; find what was altered."
    )
    parser.add_argument("--version", action="version", version=f"underdrawing {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, *parts: Callable[[argparse.ArgumentParser], None]) -> argparse.ArgumentParser:
        summary = (COMMANDS[name].__doc__ or "").splitlines()[0]
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.add_argument("--json", action="store_true", help="print one JSON object a line")
        for part in parts:
            part(sub)
        return sub

    sub = command("keygen", _trust_folder, _password_file)
    sub.add_argument("-o", "--output", required=True, metavar="OWNER.pem", help="where the private key goes")
    sub.add_argument("--name", help="what the trust store calls the key; the file's name by default")
    sub = command("trust", _trust_folder)
    sub.add_argument("paths", nargs="*", metavar="PUBLIC.pem", help="public keys to add")
    sub.add_argument("--name", help="what the trust store calls the key; the file's name by default")
    sub = command("protect", _pictures, _secret, _password_file)
    sub.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="a folder, or a file for one picture"
    )
    sub.add_argument("--sign", metavar="OWNER.pem", help="sign with this private key")
    sub.add_argument("--identity", metavar="HEX", help="16 hex digits; drawn at random by default")
    sub.add_argument(
        "--strength", type=_strength, default=1.0, metavar="S", help="0.25 archival, 1, 4 robust"
    )
    sub = command("verify", _pictures, _secret, _trust_folder)
    sub.add_argument("-o", "--output", metavar="OUT", help="folder for masks, recovered pictures and reports")
    sub = command("demo")
    sub.add_argument(
        "-o", "--output", default="underdrawing_demo", metavar="OUT", help="folder for the pictures"
    )
    sub = command("attack", _pictures)
    sub.add_argument("-o", "--output", required=True, metavar="OUT", help="folder for the attacked pictures")
    sub.add_argument("--suite", required=True, metavar="NAME", help="list of attacks, as photo-benign")
    sub.add_argument("--seed", type=int, default=0, help="of what is random in the attacks")
    command("zoo")
    return parser


def _pictures(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="pictures, folders or globs")
    parser.add_argument("--force", action="store_true", help="overwrite files that exist")
    parser.add_argument("--jobs", type=_processes, default=1, metavar="N", help="processes; 1 by default")


def _secret(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--secret", metavar="FILE", help="private mode: only with this file anything is found"
    )


def _trust_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trust", metavar="DIR", help="folder of trusted public keys; the user's own by default"
    )


def _password_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--password-file", metavar="FILE", help="file with the private key's password")


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "keygen": keygen,
    "trust": trust,
    "protect": protect,
    "verify": verify,
    "demo": demo,
    "attack": attack,
    "zoo": zoo,
}

if __name__ == "__main__":
    sys.exit(main())
