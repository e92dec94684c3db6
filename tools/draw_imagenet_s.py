"""Draw what ImageNet-S does to some photos: original with its mask, tampered, sent as JPEG 70, recovered.

python tools/draw_imagenet_s.py --data DIR --output strip.jpg [--photos 4] [--system photo]

DIR is a folder of labelled photos as `underdrawing bench imagenet-s` takes it; with the extra "imagenet-s".
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from underdrawing import zoo
from underdrawing.attacks.channel import Jpeg
from underdrawing.bench.harness.photographs import PhotoSets
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies.imagenet_s.builder import Builder
from underdrawing.bench.studies.imagenet_s.edits import EDITS
from underdrawing.bench.studies.imagenet_s.folder import labelled_photos
from underdrawing.bench.studies.imagenet_s.recognizer import load_recognizer
from underdrawing.bench.studies.imagenet_s.saliency import salient

RED = (220, 30, 30)


def main() -> None:
    """One row a photo, edits in turn."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of labelled photos")
    parser.add_argument("--output", type=Path, required=True, help="the picture to write")
    parser.add_argument("--photos", type=int, default=4, help="rows, evenly over the folder")
    parser.add_argument("--system", default="photo", help="of the zoo")
    given = parser.parse_args()
    labelled, builder = labelled_photos(given.data), Builder(load_recognizer(), salient)
    subject, rows = Subject(given.system, zoo.load(given.system), None), []
    for turn, index in enumerate(PhotoSets(given.data, given.photos).picks(len(labelled))):
        own, donor = (builder.triplet(labelled[(index + step) % len(labelled)]) for step in (0, 7))
        rng = np.random.default_rng(index)
        tampered = list(EDITS.values())[turn % len(EDITS)](subject.protect(own.image), own.mask, donor, rng)
        received = Jpeg(70)(tampered, rng)
        recovered = subject.verify(received).recovered
        shown = received if recovered is None else recovered
        rows.append(np.hstack([outlined(own.image, own.mask), received, shown]))
    Image.fromarray(np.vstack(rows)).save(given.output, quality=90)


def outlined(image_u8: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The picture with the rim of the mask in red."""
    drawn = np.ascontiguousarray(image_u8.copy())
    rims, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(drawn, rims, -1, RED, 1)
    return drawn


if __name__ == "__main__":
    main()
