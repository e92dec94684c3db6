"""The program `underdrawing`: one flat dict, command -> a plain function of the parsed arguments.

JSON goes to stdout, one object a line; progress goes to stderr, on a terminal only. Heavy imports happen
inside the commands, so that help comes at once. Exit codes: 0 done, intact or found, 1 altered or broken,
2 no mark or nothing found, 3 some file could not be read or written (the others are still done), 64 usage,
130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from underdrawing.arguments import DEMO_FOLDER, USAGE, parser
from underdrawing.core.errors import UnderdrawingError, UsageError

INTACT, ALTERED, UNPROTECTED, FAILED, INTERRUPTED = 0, 1, 2, 3, 130
EXIT_CODES = {
    "intact": INTACT, "altered": ALTERED, "unprotected": UNPROTECTED, "error": FAILED,
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
        protect_file,
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
    jobs = batch.finding_jobs(arguments.paths, output)
    work = partial(
        verify_file,
        trust=arguments.trust,
        secret=arguments.secret,
        system=arguments.system,
        registry=arguments.registry,
        manifests=arguments.manifests,
        overwrite=arguments.force,
    )
    return max((EXIT_CODES[result["status"]] for result in _run(arguments, jobs, work)), default=0)


def retrieve(arguments: argparse.Namespace) -> int:
    """Find the registered photograph that each picture comes from, with what is known of it."""
    from underdrawing import batch

    _check_inputs(arguments, None)
    jobs = batch.finding_jobs(arguments.paths, None)
    work = partial(
        retrieve_file,
        registry=arguments.registry,
        limit=arguments.limit,
        secret=arguments.secret,
        system=arguments.system,
    )
    return max((EXIT_CODES[result["status"]] for result in _run(arguments, jobs, work)), default=0)


def registry(arguments: argparse.Namespace) -> int:
    """Check a registry against its hash chain, list its records, or show one."""
    from underdrawing import api

    with api.open_registry(arguments.registry) as store:
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
        owner = Owner.create() if "sign" in cards.card(name).abilities else None
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


# --- one file (picklable, so that several processes can do it) --------------------------------------------


def protect_file(
    job: Any, *, sign: str | None, password: bytes | None, facts: str | None, **options: Any
) -> dict[str, Any]:
    """Protect the job's file into its target; the object to print."""
    from underdrawing import api

    owner = None if sign is None else api.load_owner(sign, password)
    told = None if facts is None else api.load_facts(facts)
    chain, key = options.pop("credentials"), options.pop("credentials_key")
    if chain is not None:
        options["credentials"] = api.load_credentials(chain, key, password)
    return api.protect(job.path, job.target, sign=owner, facts=told, **options).to_json()


def verify_file(job: Any, **options: Any) -> dict[str, Any]:
    """Verify the job's file, findings beside its target; the object to print."""
    from underdrawing import api

    if job.target is None:
        return api.verify(job.path, **options).to_json()
    return api.verify(job.path, job.target.parent, stem=job.target.name, **options).to_json()


def retrieve_file(job: Any, *, registry: str, **options: Any) -> dict[str, Any]:
    """Look for the job's file in the registry; the object to print."""
    from underdrawing import api

    found = api.retrieve(job.path, _open(registry), **options)
    status = "found" if found and found[0].sure else "not found"
    return {"file": str(job.path), "status": status, "matches": [match.to_json() for match in found]}


@lru_cache(maxsize=1)
def _open(registry: str) -> Any:
    """A registry that stays open for the files that follow, with its vectors in memory."""
    from underdrawing import api

    return api.open_registry(registry)


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


def _run(arguments: argparse.Namespace, jobs: list[Any], work: Callable) -> Iterator[dict[str, Any]]:
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
        named = f"identity {result['identity']}" if result["identity"] else "no identity"
        made = f"{named}{signed}, {quality}{result['seconds']} s"
        return f"{name} -> {result['output']}: {made}"
    if status in ("found", "not found"):
        return "\n".join([f"{name}: {status.upper()}", *map(_match, result["matches"])])
    if status == "attacked":
        return f"{name}: {len(result['outputs'])} pictures written"
    if status == "error":
        return result["message"]
    lines = [f"{name}: {status.upper()}: {result['message']}"]
    credentials = result["credentials"]
    if credentials and (credentials["recovered"] or credentials["state"] not in ("none", "unread")):
        lines.append(f"  {credentials['message']}")
    if result["html"]:
        lines.append(f"  {result['html']}")
    return "\n".join(lines)


def _match(found: dict[str, Any]) -> str:
    """One line of a retrieval for people."""
    how = "by identity" if found["by"] == "identity" else f"alike {found['score']:.2f}"
    doubt = "" if found["sure"] else ", not sure"
    place = found["original"]["place"] or "-"
    facts = "; ".join(v if isinstance(v, str) else ", ".join(v) for v in found["facts"].values())
    return f"  {how}{doubt}: record {found['number']}, {place}{': ' if facts else ''}{facts}"


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

    needed = "verify" if arguments.command == "retrieve" else arguments.command
    try:
        if needed not in cards.card(arguments.system).abilities:
            raise UsageError(f"{arguments.system} cannot {arguments.command}; see `underdrawing zoo`")
        api.load_secret(arguments.secret)
        if getattr(arguments, "sign", None):
            api.load_owner(arguments.sign, password)
        if arguments.command == "protect":
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
        api.open_registry(where, create=arguments.command == "protect").close()


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
    "retrieve": retrieve,
    "registry": registry,
    "demo": demo,
    "attack": attack,
    "bench": bench,
    "train": train,
    "zoo": zoo,
}

if __name__ == "__main__":
    sys.exit(main())
