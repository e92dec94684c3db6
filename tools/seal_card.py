"""Bring sha256 and size of the weights in a system's card up to date: python tools/seal_card.py photo

New weight files get an entry whose job, licence and training have to be written by hand.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path


def main(root: Path, name: str) -> int:
    """Rewrite the sums in the card of system NAME; 1 where an entry has to be completed by hand."""
    folder = root / "underdrawing" / "systems" / name.replace("-", "_")
    card = folder / "card.toml"
    text, incomplete = card.read_text(encoding="utf-8"), 0
    own = {path.relative_to(folder).as_posix() for path in folder.rglob("*.safetensors")}
    for file in sorted(own | set(re.findall(r'file = "([^"]+)"', text))):
        data = (folder / file).read_bytes()
        sums = f'file = "{file}"\nsha256 = "{hashlib.sha256(data).hexdigest()}"\nbytes = {len(data)}\n'
        entry = re.compile(rf'file = "{re.escape(file)}"\nsha256 = "[^"]*"\nbytes = \d+\n')
        if entry.search(text):
            text = entry.sub(sums, text)
        else:
            text += f'\n[[weights]]\n{sums}licence = "Apache-2.0"\njob = ""\ntrained = ""\n'
            incomplete = 1
            sys.stdout.write(f"{file}: new; write its job and training into {card}\n")
    card.write_text(text, encoding="utf-8")
    return incomplete


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parent.parent, sys.argv[1]))
