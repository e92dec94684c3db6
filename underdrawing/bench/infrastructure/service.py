"""service: a server under twice the load that it can carry: lost or wrong answers, seconds, growth of memory.

    one client, one picture after the other  --> unloaded seconds
    as many clients as workers, for a while  --> capacity, pictures a second
    arrivals at twice that, by the clock     --> answers: accepted, refused (503), lost, wrong; their seconds

It starts a server of its own, on this machine, with default settings.
"""

from __future__ import annotations

import io
import json
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from underdrawing.bench.harness.http_client import Client, Reply
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Table
from underdrawing.bench.harness.run import Run, Study

PROTOCOL, SYSTEM, PART = Protocol("service"), "photo", "load"
_START_SECONDS = 300.0
_SAMPLE_SECONDS = 0.5
_CLIENTS = 64
_RIGHT = ("intact", "unvouched")
"""Answers for a picture that nobody altered: the server's are unsigned, so that nothing vouches for them."""


@dataclass(frozen=True)
class Asked:
    """A picture and its expected identity."""

    data: bytes
    identity: str


@dataclass(frozen=True)
class Outcome:
    """Result of one request."""

    kind: str
    """accepted, refused, wrong, or lost: no answer, or one that is neither."""
    seconds: float
    """From the time it was due."""


@contextmanager
def server(options: Sequence[str] = ()) -> Iterator[tuple[str, int]]:
    """A server in a process of its own: its address and process id. RuntimeError where it does not start."""
    command = [sys.executable, "-m", "underdrawing.cli", "serve", "--port", "0", "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the server did not start")
        url = json.loads(line)["url"]
        wait_until_ready(url)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(60)


def wait_until_ready(url: str) -> None:
    """Wait for all workers. RuntimeError where they do not come up."""
    end = time.monotonic() + _START_SECONDS
    while Client(url).get("/readyz").status != 200:
        if time.monotonic() > end:
            raise RuntimeError("the server's workers do not come up")
        time.sleep(0.5)


def pictures(url: str, side: int) -> list[Asked]:
    """Three pictures, protected by the server itself, as JPEG; each has an identity of its own."""
    from PIL import Image

    source = Image.open(Path(__file__).parents[2] / "assets" / "astronaut.png").convert("RGB")
    made = []
    for number in range(3):
        shifted = source.crop((16 * number, 0, 512 - 32 + 16 * number, 480)).resize((side, side))
        reply = Client(url).send("/v1/protect", jpeg(shifted, 95))
        link = reply.json()["artefacts"]["protected"]["url"]
        made.append(Asked(Client(url).get(link).body, reply.json()["identity"]))
    return made


def ask(url: str, asked: Asked, due: float) -> Outcome:
    """Verify a picture and judge the answer."""
    try:
        reply = Client(url).send("/v1/verify", asked.data)
    except OSError:
        return Outcome("lost", time.perf_counter() - due)
    return Outcome(_kind(reply, asked), time.perf_counter() - due)


def _kind(reply: Reply, asked: Asked) -> str:
    if reply.status == 200:
        answer = reply.json()
        right = answer["identity"] == asked.identity and answer["status"] in _RIGHT
        return "accepted" if right else "wrong"
    honest = reply.status in (429, 503) and "retry-after" in reply.headers
    return "refused" if honest else "lost"


def in_turn(url: str, asked: Sequence[Asked], times: int) -> list[float]:
    """Seconds of single requests, one after the other; the first of each picture is not counted."""
    turns = [asked[n % len(asked)] for n in range(times + len(asked))]
    return [ask(url, one, time.perf_counter()).seconds for one in turns][len(asked) :]


def capacity(url: str, asked: Sequence[Asked], clients: int, seconds: float) -> float:
    """Pictures a second with so many clients that each ask again as soon as they are answered."""
    start = time.perf_counter()

    def go_on(number: int) -> int:
        done = 0
        while time.perf_counter() - start < seconds:
            done += ask(url, asked[(number + done) % len(asked)], time.perf_counter()).kind == "accepted"
        return done

    with ThreadPoolExecutor(clients) as threads:
        done = sum(threads.map(go_on, range(clients)))
    return done / (time.perf_counter() - start)


def flood(url: str, asked: Sequence[Asked], rate: float, seconds: float) -> list[Outcome]:
    """The outcomes of requests that arrive at a rate, however long the answers take."""
    start = time.perf_counter()
    with ThreadPoolExecutor(_CLIENTS) as threads:
        waiting = []
        for number in range(round(rate * seconds)):
            due = start + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            waiting.append(threads.submit(ask, url, asked[number % len(asked)], due))
        return [one.result() for one in waiting]


def resident_bytes(process: int) -> int:
    """Memory of a process and all below it, shared pages counted by share (Linux)."""
    total = 0
    for pid in family(process):
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        except OSError:  # it has ended meanwhile
            continue
        total += sum(int(line.split()[1]) << 10 for line in rollup.splitlines() if line.startswith("Pss:"))
    return total


def family(process: int) -> Iterator[int]:
    """A process and all below it (Linux)."""
    yield process
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in task.read_text(encoding="ascii").split():
            yield from family(int(child))


@contextmanager
def sampled(measure: Callable[[], int]) -> Iterator[list[int]]:
    """What `measure` gives, again and again while the block runs."""
    samples: list[int] = []
    done = threading.Event()

    def sample() -> None:
        while not done.is_set():
            samples.append(measure())
            done.wait(_SAMPLE_SECONDS)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()


def measure(url: str, process: int, settings: Settings) -> dict[str, Any]:
    """All figures of a server that runs."""
    seconds = settings.seconds
    asked = pictures(url, settings.side)
    unloaded = in_turn(url, asked, 9)
    most = capacity(url, asked, settings.workers, max(5.0, seconds / 4))
    with sampled(lambda: resident_bytes(process)) as memory:
        outcomes = flood(url, asked, 2 * most, seconds)
    kinds = Counter(outcome.kind for outcome in outcomes)
    accepted = sorted(outcome.seconds for outcome in outcomes if outcome.kind == "accepted") or [float("nan")]
    fifth = max(1, len(memory) // 5)
    first, last = statistics.mean(memory[:fifth]), statistics.mean(memory[-fifth:])
    return {
        "requests": len(outcomes),
        **{kind: kinds[kind] for kind in ("accepted", "refused", "lost", "wrong")},
        "capacity_per_s": round(most, 3),
        "offered_per_s": round(2 * most, 3),
        "served_per_s": round(kinds["accepted"] / seconds, 3),
        "unloaded_median_s": round(statistics.median(unloaded), 3),
        "unloaded_max_s": round(max(unloaded), 3),
        "accepted_median_s": round(statistics.median(accepted), 3),
        "accepted_p95_s": round(accepted[int(0.95 * (len(accepted) - 1))], 3),
        "accepted_max_s": round(accepted[-1], 3),
        "median_over_unloaded": round(statistics.median(accepted) / statistics.median(unloaded), 2),
        "memory_first_mib": round(first / 2**20),
        "memory_last_mib": round(last / 2**20),
        "memory_most_mib": round(max(memory) / 2**20),
        "memory_growth": round(last / first - 1, 4),
    }


def jpeg(image: Any, quality: int = 92) -> bytes:
    """The JPEG file of a PIL picture."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    seconds: float = 60.0
    """Of the arrivals at twice the capacity."""
    side: int = 512
    """Of the pictures, px."""
    workers: int = 2
    """Of the server."""


def run(run: Run) -> None:
    """Measure a server of its own."""
    settings = run.read_settings(Settings)

    def values() -> dict[str, Any]:
        with server(["--workers", str(settings.workers)]) as (url, process):
            return {"figures": measure(url, process, settings)}

    run.write_once(STUDY, PROTOCOL, (SYSTEM, PART), values, **asdict(settings))


def table(store: Store) -> Sequence[Block] | None:
    """Figures of the server under load."""
    if PART not in store.parts:
        return None
    part = store.parts[PART]
    figures, at = part["figures"], part["conditions"]
    requests = ("requests", "accepted", "refused", "lost", "wrong")
    memory = f"{figures['memory_first_mib']}, {figures['memory_last_mib']}"
    rows = [
        ("requests: accepted, refused with 503, lost, wrong",
         "{}: {}, {}, {}, {}".format(*(figures[key] for key in requests))),
        ("capacity, offered, served a second", _numbers(figures, "{}_per_s", "capacity offered served")),
        ("seconds unloaded: median, most", _numbers(figures, "unloaded_{}_s", "median max")),
        ("seconds of accepted: median, 95 %, most", _numbers(figures, "accepted_{}_s", "median p95 max")),
        ("median over unloaded (< 3)", _numbers(figures, "median_over_{}", "unloaded")),
        ("memory of all processes, MiB: first fifth, last fifth, growth",
         f"{memory}, {100 * figures['memory_growth']:.1f} %"),
    ]  # fmt: skip
    size = f"pictures of {at['side']}x{at['side']}"
    return [
        Table(("twice what the server can carry", ""), [(a, store.marked(PART, b)) for a, b in rows]),
        f"{at['seconds']:g} s, {at['workers']} workers, {size}, {store.measured_at(PART)}, {at['device']}.",
        store.stale_note(),
    ]


def _numbers(figures: dict[str, float], pattern: str, names: str) -> str:
    return ", ".join(f"{figures[pattern.format(name)]:.2f}" for name in names.split())


STUDY = Study(
    "service",
    "a server under twice its capacity",
    run,
    {"service-load": table},
    Settings,
)
