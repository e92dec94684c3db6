"""Discovery: every NAME.py or NAME/study.py in bench/studies and bench/infrastructure holds a study."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from underdrawing.bench import infrastructure, studies
from underdrawing.bench.harness.study import Study
from underdrawing.core.errors import UsageError


def find_studies() -> dict[str, Study]:
    """Every study by name, sorted. Folders are searched on the `__path__` of both packages."""
    found = {}
    for room in (studies, infrastructure):
        for module in pkgutil.iter_modules(room.__path__):
            path = f"{room.__name__}.{module.name}" + (".study" if module.ispkg else "")
            study: Study = import_module(path).STUDY
            found[study.name] = study
    return dict(sorted(found.items()))


def find_study(name: str) -> Study:
    """The study of that name. UsageError with the names of all where there is none."""
    found = find_studies()
    if name not in found:
        listed = "".join(f"\n  {study.name:18} {study.summary}" for study in found.values())
        raise UsageError(f"no study is called {name!r}; there are:{listed}")
    return found[name]
