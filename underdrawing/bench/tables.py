"""Find studies, and fill tables of documents: python -m underdrawing.bench.tables [--check] [--root DIR]

Every NAME.py or NAME/study.py in bench/studies and bench/infrastructure holds a study.

    <!-- table:NAME -->
    (everything here is replaced)
    <!-- /table -->

With --check nothing is written, and the exit code is 1 where a document differs from the results.
"""

from __future__ import annotations

import argparse
import pkgutil
import re
import sys
from importlib import import_module
from pathlib import Path

from underdrawing.bench import infrastructure, studies
from underdrawing.bench.harness.render import render
from underdrawing.bench.harness.run import Study
from underdrawing.core.errors import OutputError, UsageError


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


BLOCK = re.compile(r"(<!-- table:([\w-]+) -->\n)(.*?)(<!-- /table -->)", re.DOTALL)
EMPTY = "Not measured yet.\n"
DOCUMENTS = ("README.md", "docs/**/*.md", "underdrawing/**/*.md")


def fill(text: str, results: Path) -> str:
    """The document with every table block filled anew. OutputError for a table that no study makes."""
    tables = {name: (study, make) for study in find_studies().values() for name, make in study.tables.items()}

    def block(found: re.Match[str]) -> str:
        if found[2] not in tables:
            raise OutputError(f"no table is called {found[2]!r}; there are: {', '.join(sorted(tables))}")
        study, make = tables[found[2]]
        blocks = make(study.store(results))
        return found[1] + (render(blocks) if blocks else EMPTY) + found[4]

    return BLOCK.sub(block, text)


def main(arguments: list[str] | None = None) -> int:
    """Fill or check all documents below --root; the exit code is 1 where --check finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail where a table differs")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="folder with README.md and results/")
    options = parser.parse_args(arguments)
    changed = []
    for path in sorted(path for place in DOCUMENTS for path in options.root.glob(place)):
        text = path.read_text(encoding="utf-8")
        filled = fill(text, options.root / "results") if "<!-- table:" in text else text
        if filled != text:
            changed.append(path)
            if not options.check:
                path.write_text(filled, encoding="utf-8")
    word = "differs from the results" if options.check else "filled"
    sys.stderr.write("".join(f"{path}: {word}\n" for path in changed))
    return 1 if changed and options.check else 0


if __name__ == "__main__":
    raise SystemExit(main())
