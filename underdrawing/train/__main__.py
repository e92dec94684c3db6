"""`python -m underdrawing.train NAME --data DIR --minutes M --out runs/x [--resume]`: train one of the
shipped networks."""

import argparse
import importlib
import sys
from pathlib import Path

RECIPES = {
    "photo-fusion": "underdrawing.systems.photo.training_fusion",
    "photo-reader": "underdrawing.systems.photo.training_reader",
    "photo-sketch": "underdrawing.systems.photo.training_sketch",
    "photo-sketch-code": "underdrawing.systems.photo.training_context",
}


def main() -> int:
    """Find the recipe by name and run it; the log is out/log.jsonl."""
    parser = argparse.ArgumentParser(prog="python -m underdrawing.train", description=__doc__)
    parser.add_argument("name", choices=sorted(RECIPES))
    parser.add_argument("--data", type=Path, required=True, help="folder of tar shards with photographs")
    parser.add_argument("--minutes", type=float, default=40.0, help="time of work over all resumptions")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and the log")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    given = parser.parse_args()
    last = importlib.import_module(RECIPES[given.name]).make(
        given.data, given.minutes, given.out, given.resume
    )
    sys.stderr.write(f"trained: {last}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
