"""Facts about a photograph, as facts.schema.json describes them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from underdrawing.core.errors import RegistryError

SCHEMA = Path(__file__).parent / "facts.schema.json"
LONGEST = 400
LONGEST_CAPTION = 4000
MOST_PEOPLE = 100
_WHEN = re.compile(
    r"\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}(:\d{2}([.]\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?)?)?", re.ASCII
)


@dataclass(frozen=True)
class Facts:
    """Caption, people, place, time, source, label, licence; None or empty where unknown.

    RegistryError with the name of the field where a value does not fit the schema.
    """

    caption: str | None = None
    who: tuple[str, ...] = ()
    """The people in the photograph."""
    where: str | None = None
    when: str | None = None
    """ISO 8601: a year, a month, a day, or a day and a time."""
    source: str | None = None
    """Photographer or supplier."""
    label: str | None = None
    licence: str | None = None

    def __post_init__(self) -> None:
        for name in ("caption", "where", "when", "source", "label", "licence"):
            value = getattr(self, name)
            if value is not None:
                _check_text(name, value, LONGEST_CAPTION if name == "caption" else LONGEST)
        if not isinstance(self.who, tuple) or len(self.who) > MOST_PEOPLE:
            raise RegistryError(f"facts: who: expected at most {MOST_PEOPLE} names in a list")
        for person in self.who:
            _check_text("who", person, LONGEST)
        if self.when is not None and not _is_time(self.when):
            raise RegistryError(
                f"facts: when: expected a date as 2024, 2024-05, 2024-05-03 or 2024-05-03T14:20:00+02:00, "
                f"got {self.when!r}"
            )

    @classmethod
    def from_json(cls, value: Any) -> Facts:
        """The facts of a JSON object; RegistryError where it does not follow the schema."""
        if not isinstance(value, Mapping):
            raise RegistryError(f"facts: expected a JSON object, got {type(value).__name__}")
        known = [field.name for field in fields(cls)]
        if unknown := [str(name) for name in value if name not in known]:
            raise RegistryError(f"facts: no field is called {unknown[0]!r}; there are: {', '.join(known)}")
        if nothing := [name for name, given in value.items() if given is None]:
            raise RegistryError(f"facts: {nothing[0]}: expected a value, got null; leave the field out")
        given = dict(value)
        if "who" in given:
            if not isinstance(given["who"], list | tuple) or not given["who"]:
                raise RegistryError(f"facts: who: expected a list of names, got {given['who']!r}")
            given["who"] = tuple(given["who"])
        return cls(**given)

    @classmethod
    def load(cls, path: str | Path) -> Facts:
        """The facts in a JSON file; RegistryError with its path where the file is not valid."""
        try:
            return cls.from_json(json.loads(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise RegistryError(f"{path}: the facts cannot be read ({error.strerror})") from error
        except ValueError as error:  # no UTF-8, or no JSON
            raise RegistryError(f"{path}: no JSON ({error})") from error
        except RegistryError as error:
            raise RegistryError(f"{path}: {error}") from error

    def to_json(self) -> dict[str, Any]:
        """The JSON object without unknown facts."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in given.items() if v}


def _check_text(name: str, value: Any, longest: int) -> None:
    if not isinstance(value, str):
        raise RegistryError(f"facts: {name}: expected text, got {value!r}")
    if not 1 <= len(value) <= longest:
        raise RegistryError(f"facts: {name}: expected 1 to {longest} characters, got {len(value)}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RegistryError(f"facts: {name}: not Unicode text (half of a surrogate pair)") from error


def _is_time(text: str) -> bool:
    """Whether the text has one of the forms and is a valid date and time."""
    if not _WHEN.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text + "0001-01-01"[len(text) :] if len(text) < 10 else text)
    except ValueError:
        return False
    return True
