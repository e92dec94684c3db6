"""What stands below a table: the conditions of its parts, and the meaning of the mark of stale rows."""

from __future__ import annotations

from collections.abc import Iterable

from underdrawing.bench.harness.record import Store
from underdrawing.bench.harness.render import STALE, Table


def conditions_table(store: Store, names: Iterable[str] | None = None, seconds: bool = False) -> Table:
    """A row a part (of names, or all): photographs, strength, commit, date, hash of the photographs."""
    rows = []
    for name in store.parts if names is None else names:
        part = store.parts[name]
        at = part["conditions"]
        cells = [name, str(part["photos"]), f"{part['strength']:.2f}"]
        cells += [f"{part['seconds']:.0f}"] if seconds else []
        rows.append([*cells, at["commit"], store.marked(name, at["date"]), part["data_hash"]])
    head = ("part", "photos", "strength", *(["s"] if seconds else []), "commit", "date", "data")
    return Table(head, rows)


def stale_note(store: Store, names: Iterable[str] | None = None) -> str:
    """What the mark of stale rows means; empty where all parts are current."""
    reasons = dict.fromkeys(
        reason for name in (store.parts if names is None else names) for reason in store.reasons(name)
    )
    return f"{STALE.strip()}: measured before the last change of {', '.join(reasons)}." if reasons else ""


def measured_at(store: Store, name: str) -> str:
    """Commit and date of one part, with the mark where it is stale."""
    at = store.parts[name]["conditions"]
    return f"commit {at['commit']}, {at['date']}" + (STALE if store.reasons(name) else "")
