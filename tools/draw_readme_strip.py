"""Draw the strip at the head of the README with the demo itself, as a JPEG of moderate size."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

from underdrawing.demo import run_demo


def main(root: Path) -> int:
    """Write docs/strip.jpg below `root`."""
    with tempfile.TemporaryDirectory() as folder:
        run_demo(Path(folder))
        with Image.open(Path(folder) / "strip.png") as strip:
            strip.convert("RGB").save(root / "docs" / "strip.jpg", quality=90, subsampling=0)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parent.parent))
