"""Blocks of code in a Markdown document: fenced ones with their language, indented ones as bash."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)\s*$")


@dataclass(frozen=True)
class Block:
    """One block. line: of its first line of code, from 1."""

    line: int
    language: str
    text: str


def documents() -> list[Path]:
    """Every Markdown file of the repository, relative to its root."""
    folders = ("*.md", "docs/**/*.md", "deploy/**/*.md", "underdrawing/**/*.md")
    return sorted(path.relative_to(ROOT) for folder in folders for path in ROOT.glob(folder))


def blocks(document: Path) -> list[Block]:
    """The blocks of a document, in order."""
    lines = (ROOT / document).read_text(encoding="utf-8").splitlines()
    found: list[Block] = []
    number = 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if fence:
            end = lines.index("```", number + 1)
            found.append(Block(number + 2, fence[1], "\n".join(lines[number + 1 : end])))
            number = end + 1
        elif lines[number].startswith("    ") and not lines[number - 1].strip():
            end = number
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            text = "\n".join(line[4:] for line in lines[number:end]).rstrip()
            found.append(Block(number + 1, "bash", text))
            number = end
        else:
            number += 1
    return found
