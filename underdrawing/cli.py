"""The program `underdrawing`: one flat dict, command -> a plain function of the parsed arguments.

JSON goes to stdout, one object a line; progress goes to stderr, on a terminal only. Heavy imports happen
inside the commands, so that help comes at once. Exit codes: 0 done, intact or found, 1 altered or broken,
2 no mark or nothing found, 3 some file could not be read or written (the others are still done), 64 usage,
130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from underdrawing import one_file
from underdrawing.arguments import DEMO_FOLDER, USAGE, parser
from underdrawing.core.errors import UnderdrawingError, UsageError
from underdrawing.sentences import sentence

INTACT, ALTERED, UNPROTECTED, FAILED, INTERRUPTED = 0, 1, 2, 3, 130
EXIT_CODES = {
    "protected": INTACT, "intact": INTACT, "altered": ALTERED, "unprotected": UNPROTECTED, "error": FAILED,
    "found": INTACT, "not found": UNPROTECTED,
}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit code. `argv` is without the program's name, None takes the process's own."""
    arguments = parser(COMMANDS).parse_args(argv)
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
    owner, name = Owner.create(), arguments.name or path.stem
    public = api.add_trusted(owner.public, name, arguments.trust)
    path.parent.mkdir(parents=True, exist_ok=True)
    owner.save(path, _password(arguments))
    words = (
        f"{path}: new key {owner.public.fingerprint}; keep this file to yourself\n{public}: its public half"
    )
    key = {"file": str(path), "status": "created", "key": owner.public.fingerprint, "public": str(public)}
    _say(arguments, key, words + "; give it to those who verify")
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
        one_file.protect_file,
        sign=arguments.sign,
        password=password,
        secret=arguments.secret,
        identity=arguments.identity,
        strength=arguments.strength,
        system=arguments.system,
        registry=arguments.registry,
        facts=arguments.facts,
        credentials=arguments.credentials,
        credentials_key=arguments.credentials_key,
        manifests=arguments.manifests,
        overwrite=arguments.force,
    )
    codes = [FAILED if result["status"] == "error" else 0 for result in _run(arguments, jobs, work)]
    return max(codes, default=0)


def verify(arguments: argparse.Namespace) -> int:
    """Say of each picture who protected it, whether and where it was altered, and what was there."""
    from underdrawing import batch

    _check_inputs(arguments, None)
    output = Path(arguments.output) if arguments.output else None
    if arguments.pdf and output is None:
        raise UsageError("--pdf writes a file; say with -o where")
    jobs = batch.finding_jobs(arguments.paths, output)
    work = partial(
        one_file.verify_file,
        trust=arguments.trust,
        secret=arguments.secret,
        system=arguments.system,
        registry=arguments.registry,
        manifests=arguments.manifests,
        pdf=arguments.pdf,
        overwrite=arguments.force,
    )
    return max((EXIT_CODES[result["status"]] for result in _run(arguments, jobs, work)), default=0)


def bulk(arguments: argparse.Namespace) -> int:
    """Protect or verify folders and shards of any size; run again after a kill, it goes on."""
    from dataclasses import fields

    from underdrawing.bulk.job import BulkJob, in_processes
    from underdrawing.bulk.on_ray import on_ray
    from underdrawing.bulk.task import Task

    password = _password(arguments)
    _check_inputs(arguments, password)
    names = {field.name for field in fields(Task)} - {"seed", "password", "overwrite"}
    options = {name: getattr(arguments, name) for name in names}
    task = Task(seed=_seed(arguments.seed), password=password, overwrite=arguments.force, **options)
    engine = on_ray if arguments.engine == "ray" else in_processes
    with BulkJob(task, arguments.journal) as job:
        done, code = len(job.names) - job.left, 0
        for result in _show(arguments, job.run(arguments.jobs, engine), job.left):
            code = max(code, *map(EXIT_CODES.__getitem__, result.get("counts", [result["status"]])), 0)
        summary = {"status": "finished", "units": len(job.names), "done before": done, "left": job.left}
        told = f"{len(job.names)} units: {done} done before, {job.left} left; noted in {job.journal.path}"
        _say(arguments, summary | {"journal": str(job.journal.path)}, told)
    return code


def retrieve(arguments: argparse.Namespace) -> int:
    """Find the registered photograph that each picture comes from, with what is known of it."""
    from underdrawing import batch

    _check_inputs(arguments, None)
    jobs = batch.finding_jobs(arguments.paths, Path(arguments.output) if arguments.output else None)
    work = partial(
        one_file.retrieve_file,
        registry=arguments.registry,
        limit=arguments.limit,
        secret=arguments.secret,
        system=arguments.system,
        manifests=arguments.manifests,
        trust=arguments.trust,
        overwrite=arguments.force,
    )
    return max((EXIT_CODES[result["status"]] for result in _run(arguments, jobs, work)), default=0)


def registry(arguments: argparse.Namespace) -> int:
    """Check a registry against its hash chain, list its records, or show one."""
    from underdrawing import api
    from underdrawing.registry.addresses import without_password

    with api.open_registry(arguments.registry) as store:
        arguments.registry = without_password(arguments.registry)
        if arguments.action == "audit":
            return _audit(arguments, store)
        if arguments.action == "list":
            for entry in store:
                record = entry.record
                place = record.protected.place or record.original.place or "-"
                text = f"{entry.number:>7}  {record.identity or '-':16}  {record.registered}  {place}"
                _say(arguments, entry.to_json(), text)
            return 0
        if arguments.identity is None:
            raise UsageError("show needs an identity (16 hex digits) or a record's number")
        wanted = arguments.identity
        found = store.by_identity(wanted) if len(wanted) == 16 else store.get(_numbers(wanted))
        for entry in found:
            _say(arguments, entry.to_json(), json.dumps(entry.to_json(), indent=2, ensure_ascii=False))
        if not found:
            print(f"underdrawing registry: {arguments.registry}: no record {wanted}", file=sys.stderr)
        return 0 if found else UNPROTECTED


def demo(arguments: argparse.Namespace) -> int:
    """Protect a bundled photograph, alter and recompress it, verify and recover it, and draw the strip."""
    from underdrawing.demo import run_demo

    own_folder = (
        arguments.output == DEMO_FOLDER
    )  # made for nothing else, so a second run may replace the first
    done = run_demo(Path(arguments.output), overwrite=arguments.force or own_folder)
    _say(arguments, done.to_json(), "\n".join(done.lines))
    return 0 if done.verdict.status == "altered" else FAILED


def attack(arguments: argparse.Namespace) -> int:
    """Write what the channels of a suite make of each picture."""
    from underdrawing import batch
    from underdrawing.attacks.suites import SUITES

    if arguments.suite not in SUITES:
        raise UsageError(f"no suite is called {arguments.suite!r}; there are: {', '.join(SUITES)}")
    jobs = batch.finding_jobs(arguments.paths, Path(arguments.output))
    work = partial(
        one_file.attack_file, suite=arguments.suite, seed=arguments.seed, overwrite=arguments.force
    )
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
    """Add public keys or certificates to the trust store; without a file, list those that are in it."""
    from underdrawing import api
    from underdrawing.coding.keys import PublicKey

    for path in map(Path, arguments.paths):
        name = arguments.name or path.stem
        if api.holds_certificates(path):
            api.add_anchors(path, name, arguments.trust)
        else:
            api.add_trusted(PublicKey.load(path), name, arguments.trust)
    store = api.trust_store(arguments.trust)
    for name, public in store:
        _say(arguments, {"key": public.fingerprint, "name": name}, f"{public.fingerprint}  {name}")
    for name in api.trusted_anchors(arguments.trust):
        _say(arguments, {"certificates": name, "name": name}, f"certificates      {name}")
    return 0


def serve(arguments: argparse.Namespace) -> int:
    """Serve the web page and the HTTP API until stopped; docs/SERVICE.md lists all settings."""
    from underdrawing.service.start import start

    def say(url: str) -> None:
        _say(arguments, {"status": "serving", "url": url}, f"serving at {url}, ctrl-C stops it")

    with contextlib.suppress(KeyboardInterrupt):  # uvicorn has closed everything and hands the signal on
        start(vars(arguments), say)
    return 0


def token(arguments: argparse.Namespace) -> int:
    """Add, list or revoke the access tokens of a server; a new one is told once and never again."""
    from underdrawing.service.start import change_tokens

    for found, text in change_tokens(**vars(arguments)):
        _say(arguments, found, text)
    return 0


def bench(arguments: argparse.Namespace) -> int:
    """Measure the system on a folder of photographs and write results/NAME.json, part by part."""
    import secrets

    from underdrawing import zoo as cards
    from underdrawing.bench.run import RunOptions
    from underdrawing.bench.start import start
    from underdrawing.bench.subject import Subject
    from underdrawing.coding.keys import Owner

    def progress(part: str, done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{part} {done}/{total}", end="", file=sys.stderr, flush=True)

    def subject(name: str, weights: Path | None = None) -> Subject:
        card = cards.card(name.partition(":")[0])
        owner = Owner.create() if "sign" in card.abilities else None
        return Subject(name, cards.load(name, weights), owner, secrets.token_bytes(8))

    peers, trainings = arguments.peers_python, arguments.weights
    options = RunOptions(arguments.again, arguments.jobs, progress, peers, trainings)
    folders = Path(arguments.data), Path(arguments.results)
    chosen = {"photos": arguments.photos, "only": arguments.only, "options": options}
    table = start(arguments.name, subject, *folders, **chosen)
    written = str(Path(arguments.results) / f"{arguments.name}.json")
    _say(
        arguments,
        {"status": "measured", "output": written, "figures": table["figures"]},
        f"{written} written",
    )
    return 0


def train(arguments: argparse.Namespace) -> int:
    """Train one of the shipped networks again, or go on with a training that was stopped."""
    from underdrawing.train.__main__ import start

    data, output = Path(arguments.data), Path(arguments.output)
    last = start(arguments.name, data, output, arguments.minutes, arguments.resume, arguments.recipe)
    _say(arguments, {"status": "trained", "output": arguments.output, "last": str(last)}, f"trained: {last}")
    return 0


# --- what people see --------------------------------------------------------------------------------------


def _run(arguments: argparse.Namespace, jobs: list[Any], work: Callable) -> Iterator[dict[str, Any]]:
    """Run the batch and print each result as it comes."""
    from underdrawing import batch

    if not jobs:
        raise UsageError("no picture was found")
    yield from _show(arguments, batch.run(jobs, work, arguments.jobs), len(jobs))


def _show(
    arguments: argparse.Namespace, results: Iterator[dict[str, Any]], total: int
) -> Iterator[dict[str, Any]]:
    terminal = sys.stderr.isatty()
    for number, result in enumerate(results, 1):
        if terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        if result["status"] == "error":
            print(f"underdrawing {arguments.command}: {result['message']}", file=sys.stderr, flush=True)
        if arguments.json or result["status"] != "error":
            _say(arguments, result, sentence(result))
        if terminal and number < total:
            filled = 30 * number // total
            bar = "#" * filled + "." * (30 - filled)
            print(f"[{bar}] {number}/{total}", end="", file=sys.stderr, flush=True)
        yield result


def _audit(arguments: argparse.Namespace, store: Any) -> int:
    from underdrawing import api

    kept = None if arguments.head is None else api.parse_head(arguments.head)
    audit = store.audit(kept)
    state = "whole" if audit.ok else "broken"
    text = [f"{arguments.registry}: {state.upper()}, {audit.head.count} records", *audit.faults]
    found = {"file": arguments.registry, "status": state, "records": audit.head.count}
    found |= {"head": str(audit.head), "faults": list(audit.faults)}
    _say(arguments, found, "\n  ".join([*text, f"head {audit.head}"]))
    return 0 if audit.ok else ALTERED


def _seed(text: str | None) -> str:
    """A seed's hex digits, or nothing: then one is drawn."""
    try:
        return bytes.fromhex(text or "").hex()
    except ValueError as error:
        raise UsageError(f"expected a seed in hex digits, got {text!r}") from error


def _numbers(text: str) -> list[int]:
    if not text.isdecimal():
        raise UsageError(f"expected an identity of 16 hex digits or a record's number, got {text!r}")
    return [int(text)]


def _say(arguments: argparse.Namespace, found: dict[str, Any], text: str) -> None:
    print(json.dumps(found, allow_nan=False) if arguments.json else text, flush=True)


# --- checks before the batch ------------------------------------------------------------------------------


def _check_inputs(arguments: argparse.Namespace, password: bytes | None) -> None:
    """UsageError where a system, a key or a secret cannot be used: better before the first file than at
    each."""
    from underdrawing import api
    from underdrawing import zoo as cards
    from underdrawing.core.errors import KeyFileError, MissingExtraError, RegistryError, WeightsError

    needed = {"retrieve": "verify", "bulk": getattr(arguments, "action", "")}.get(
        arguments.command, arguments.command
    )
    try:
        if needed not in cards.card(arguments.system).abilities:
            raise UsageError(f"{arguments.system} cannot {arguments.command}; see `underdrawing zoo`")
        api.load_secret(arguments.secret)
        if getattr(arguments, "sign", None):
            api.load_owner(arguments.sign, password)
        if "protect" in (arguments.command, needed):
            _check_credentials(arguments, password)
        if getattr(arguments, "trust", None) and not Path(arguments.trust).is_dir():
            raise UsageError(f"{arguments.trust}: there is no such folder of public keys")
        _check_registry(arguments)
    except (KeyFileError, MissingExtraError, RegistryError, WeightsError) as error:
        raise UsageError(str(error)) from error


def _check_credentials(arguments: argparse.Namespace, password: bytes | None) -> None:
    """UsageError or KeyFileError where Content Credentials are asked for and cannot be signed or kept."""
    from underdrawing import api

    if (arguments.credentials is None) != (arguments.credentials_key is None):
        raise UsageError("--credentials and --credentials-key belong together: certificates, and their key")
    if arguments.credentials is None:
        return
    api.load_credentials(arguments.credentials, arguments.credentials_key, password)
    kept = api.manifest_repository(arguments.manifests, arguments.registry)
    if arguments.registry is not None and kept is None:
        raise UsageError("the registry is on a server; say with --manifests where credentials are kept")


def _check_registry(arguments: argparse.Namespace) -> None:
    """UsageError or RegistryError where registry or facts cannot be used; protect makes an empty one."""
    from underdrawing import api

    where, facts = getattr(arguments, "registry", None), getattr(arguments, "facts", None)
    if facts is not None:
        if where is None:
            raise UsageError("--facts are kept in a registry; name one with --registry")
        api.load_facts(facts)
    if where is not None:
        protecting = "protect" in (arguments.command, getattr(arguments, "action", None))
        api.open_registry(where, create=protecting).close()


def _password(arguments: argparse.Namespace) -> bytes | None:
    path = arguments.password_file
    if path is None:
        return None
    try:
        return Path(path).read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise UsageError(f"{path}: the password cannot be read ({error.strerror})") from error


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "keygen": keygen,
    "trust": trust,
    "protect": protect,
    "verify": verify,
    "bulk": bulk,
    "retrieve": retrieve,
    "registry": registry,
    "serve": serve,
    "token": token,
    "demo": demo,
    "attack": attack,
    "bench": bench,
    "train": train,
    "zoo": zoo,
}

if __name__ == "__main__":
    sys.exit(main())
