"""Labelled sets of real and forged faces, from folders of real photographs; the two steps of `forge`.

    picture -> collect -> real crops of SET          (detection, context, identity, split)
    real crop -> forge -> its forgeries and masks    (donors of the same split and of another identity)

The random choices of a picture depend on the seed, its name and the kind, so neither the number of processes
nor the other kinds change them. Files that exist are kept, so that a stopped run can go on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from underdrawing import faces
from underdrawing.attacks.face_forgery import KINDS, WITH_DONOR, Face, Forged, Forgery
from underdrawing.attacks.face_forgery.alignment import to_frame
from underdrawing.attacks.face_forgery.autoencoder import AutoencoderSwap
from underdrawing.attacks.face_forgery.donor import mismatch
from underdrawing.attacks.face_forgery.resynthesis import Resynthesis
from underdrawing.attacks.face_forgery.shape import random_landmarks
from underdrawing.attacks.suites import SUITES
from underdrawing.core.errors import PictureError, ShapeError
from underdrawing.core.extras import needs_extra
from underdrawing.data import set_writing
from underdrawing.data.face_identity import Identify, by_file, split_of
from underdrawing.data.face_set import MANIFEST, REAL, SIDE, SQUARES, FaceEntry, read_manifest
from underdrawing.data.files import write_atomic
from underdrawing.data.pictures import load_picture
from underdrawing.data.set_writing import seed_of, write_png

_DONORS, _NEAREST = 12, 4
"""Candidates of a donor; of those with the nearest pose, the one that fits best is taken."""
_LEAST_CHANGE = 3.0
"""8-bit levels, root mean square over the crop: a forgery that changes less than JPEG of quality 85 is drawn
again. Resynthesis is exempt: it makes the same face anew."""
_TRIES = 12
_LEAST_SQUARE = 128  # px, of the squares of photographs
Entries = dict[str, FaceEntry]
TAEF2 = "taef2"
"""Kind of forgery by an autoencoder that is not part of this package; see nets.tiny_autoencoder."""
_TAEF2_SIDES = (96, 160)
"""Sides at which TAEF2 encodes a crop, px: a quarter of a second on a core."""


@dataclass(frozen=True)
class ForgeSettings:
    """What a set is made of."""

    kinds: tuple[str, ...] = tuple(KINDS)
    """Of KINDS."""
    each: int = 1
    """Forgeries of each kind for each real face."""
    seed: int = 0
    side: int = SIDE
    """Sides of the pictures, px."""
    least_px: float = 64.0
    """Faces with a smaller box are left out."""
    every: int = 3
    """Of a clip, every so many frames are taken."""
    split: str | None = None
    """train, val or test for all pictures; None: by identity."""
    taef2: str | None = None
    """Folder with the weights of TAEF2, which makes the kind TAEF2."""


@dataclass(frozen=True)
class Collected:
    """Entries of one picture, and how many of its faces no forgery can use (in profile, tiny)."""

    entries: list[FaceEntry]
    unusable: int = 0


def collect(
    path: Path,
    relative: Path,
    source: str,
    out: Path,
    settings: ForgeSettings,
    *,
    kind: str = REAL,
    identify: Identify = by_file,
) -> Collected:
    """Write the faces of a picture or clip to the set `out`, as real ones or as ready forgeries of a kind.

    Of a clip and of a forgery the largest face is taken. PictureError for a file that is no picture.
    """
    identity = identify(source, relative)
    split = settings.split or split_of(identity)
    frames = _frames(path, settings.every)
    one = kind != REAL or len(frames) > 1
    entries, unusable = [], 0
    for number, image in frames:
        found = faces.detect(image, least_px=settings.least_px)
        for place, face in enumerate(found[:1] if one else found):
            crop = faces.crop(image, face, settings.side, faces.CONTEXT)
            try:
                Face(crop.image, crop.landmarks)
            except ShapeError:
                unusable += 1
                continue
            stem = f"{source}-{'-'.join(relative.with_suffix('').parts)}"
            name = f"{split}/{kind}/{stem}" + (f"-f{number}" if len(frames) > 1 else "") + f"-{place}.png"
            write_png(out / name, crop.image)
            landmarks = [[round(float(x), 2), round(float(y), 2)] for x, y in crop.landmarks]
            entries.append(FaceEntry(name, kind, split, identity, source, landmarks))
    return Collected(entries, unusable)


def collect_squares(path: Path, relative: Path, out: Path, settings: ForgeSettings, count: int) -> Collected:
    """Write random squares of a photograph to the train split, as real ones, with landmarks drawn at random.

    Few people can be had, and a network learns them by heart; the traces of forgeries are in any content.
    """
    image = np.ascontiguousarray(load_picture(path).image)
    entries = []
    for number in range(count):
        name = f"train/{REAL}/{SQUARES}-{'-'.join(relative.with_suffix('').parts)}-{number}.png"
        rng = np.random.default_rng(seed_of(settings.seed, name))
        side = int(rng.integers(min(_LEAST_SQUARE, *image.shape[:2]), min(image.shape[:2]), endpoint=True))
        top, left = (int(rng.integers(0, length - side, endpoint=True)) for length in image.shape[:2])
        filter_ = cv2.INTER_AREA if side > settings.side else cv2.INTER_CUBIC
        square = image[top : top + side, left : left + side]
        write_png(out / name, cv2.resize(square, (settings.side, settings.side), interpolation=filter_))
        landmarks = random_landmarks(settings.side, rng).round(2).tolist()
        entries.append(FaceEntry(name, REAL, "train", f"{SQUARES}-{relative}", SQUARES, landmarks))
    return Collected(entries)


def forge(out: Path, file: str, settings: ForgeSettings) -> list[FaceEntry]:
    """Write the forgeries of a real face of the set `out`, and their masks; donors are its other real faces.

    file: as the manifest names it.
    """
    entry = entries_of(out)[file]
    target = _face(out, entry)
    made = []
    for kind in settings.kinds:
        for number in range(settings.each):
            rng = np.random.default_rng(seed_of(settings.seed, entry.file, kind, number))
            name = f"{entry.split}/{kind}/{Path(entry.file).stem}-{number}.png"
            mask = name.replace(".png", ".mask.png")
            forgery, donor, identity = _drawn(kind, out, (entry, target), settings, rng)
            if not ((out / name).exists() and (out / mask).exists()):
                forged = _visible(forgery, target, donor, rng)
                if forged is None:
                    continue
                write_png(out / mask, np.rint(255 * forged.mask).astype(np.uint8))
                write_png(out / name, forged.image)
            made.append(replace(entry, file=name, kind=kind, mask=mask, donor=identity, original=entry.file))
    return made


def _drawn(
    kind: str, out: Path, faced: tuple[FaceEntry, Face], settings: ForgeSettings, rng: np.random.Generator
) -> tuple[Forgery, Face, str | None]:
    """The forgery, a donor of the same split and its identity; None where the donor is the target."""
    entry, target = faced
    forgery = _taef2(settings.taef2) if kind == TAEF2 and settings.taef2 else KINDS[kind]
    others = _candidates(entry, entries_of(out), rng)
    if isinstance(forgery, AutoencoderSwap):
        identity = _decoder(forgery.identities, entry, rng)
        return forgery.of(identity), target, identity
    if kind not in WITH_DONOR | {TAEF2} or not others:
        return forgery, target, None
    donors = [(other, _face(out, other)) for other in others]
    chosen, donor = min(donors, key=lambda other: mismatch(target, other[1]))
    return forgery, donor, chosen.identity


@lru_cache(maxsize=1)
def _taef2(folder: str) -> Resynthesis:
    with needs_extra("research"):
        from underdrawing.nets.tiny_autoencoder import TinyAutoencoder
    return Resynthesis(TinyAutoencoder(Path(folder)), _TAEF2_SIDES)


def _decoder(identities: tuple[str, ...], entry: FaceEntry, rng: np.random.Generator) -> str:
    """An identity of the entry's split (of train where it has none), not that of the entry."""
    own = [name for name in identities if split_of(name) == entry.split]
    usable = [name for name in own or identities if name != entry.identity]
    return str(rng.choice(usable or list(identities)))


def _candidates(entry: FaceEntry, every: Entries, rng: np.random.Generator) -> list[FaceEntry]:
    """Of some other identities of the split, the faces with the nearest pose."""
    others = [
        other
        for other in every.values()
        if other.kind == REAL
        and other.split == entry.split
        and other.identity != entry.identity
        and (other.source == SQUARES) == (entry.source == SQUARES)
    ]
    if not others:
        return []
    places = rng.choice(len(others), min(_DONORS, len(others)), replace=False)
    pose = _pose(entry)
    near = sorted((others[place] for place in places), key=lambda other: np.abs(_pose(other) - pose).sum())
    return near[:_NEAREST]


def _pose(entry: FaceEntry) -> np.ndarray:
    """Landmarks after removal of place, size and angle: what is left is mostly the turn of the head."""
    points = np.array(entry.landmarks, np.float32)
    matrix = to_frame(points, 1)
    return points @ matrix[:, :2].T + matrix[:, 2]


@dataclass(frozen=True)
class PostSettings:
    """How the pictures of a set are processed after the forgery."""

    channels: tuple[str, ...]
    """Names of channels of POST; each picture goes through one of them."""
    seed: int = 0


POST = {channel.name: channel for suite in ("face-known", "face-unknown") for channel in SUITES[suite]}
"""Post-processing of faces by name: known to the training of detectors, and unknown."""


def postprocess(folder: Path, file: str, out: Path, settings: PostSettings) -> None:
    """Write one picture of the set `folder`, real or forged, to the set `out` after post-processing.

    file: as the manifest of `folder` names it.

    What a channel scales is scaled back, so that the mask and the landmarks hold.
    """
    entry = entries_of(folder)[file]
    rng = np.random.default_rng(seed_of(settings.seed, file, "post"))
    channel = POST[settings.channels[rng.integers(len(settings.channels))]]
    received, placement = channel.attack(_read(folder, entry), rng)
    write_png(out / entry.file, placement.to_source(received))
    if entry.mask and not (out / entry.mask).exists():
        write_atomic(out / entry.mask, (folder / entry.mask).read_bytes())


def entries_of(out: Path) -> Entries:
    """Entries of a set by their files."""
    found = (out / MANIFEST).stat()
    return _entries_of(out, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=1)
def _entries_of(out: Path, changed_ns: int, size: int) -> Entries:
    return {entry.file: entry for entry in read_manifest(out)}


def _visible(forgery: Forgery, target: Face, donor: Face, rng: np.random.Generator) -> Forged | None:
    """A forgery that shows in the target; None where none of some tries does."""
    for _ in range(_TRIES):
        forged = forgery(target, donor, rng)
        change = forged.image.astype(np.float32) - target.image
        if isinstance(forgery, Resynthesis) or np.sqrt(np.mean(change**2)) >= _LEAST_CHANGE:
            return forged
    return None


def _face(out: Path, entry: FaceEntry) -> Face:
    return Face(_read(out, entry), np.array(entry.landmarks, np.float32))


def _read(out: Path, entry: FaceEntry) -> np.ndarray:
    image = cv2.imread(str(out / entry.file), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise PictureError(f"{out / entry.file}: the set names it, but it is missing or not a picture")
    return image


def _frames(path: Path, every: int) -> list[tuple[int, np.ndarray]]:
    """(number, (H, W, 3) uint8) of every so many frames of a clip; of a photograph, the picture."""
    try:
        with Image.open(path) as file:
            count = getattr(file, "n_frames", 1)
            if count > 1:
                frames = []
                for number in range(0, count, every):
                    file.seek(number)
                    frames.append((number, np.array(file.convert("RGB"))))
                return frames
    except Exception:  # at damaged files decoders raise anything
        pass  # load_picture names what is wrong with the file
    picture = load_picture(path)
    if picture.incomplete:
        raise PictureError(f"{path}: the file is cut short, rows of the picture are missing")
    return [(0, np.ascontiguousarray(picture.image))]


def write_manifest(out: Path, entries: Iterable[FaceEntry]) -> None:
    """Write the manifest of a set."""
    set_writing.write_manifest(out / MANIFEST, entries)


def claim(out: Path, settings: ForgeSettings | PostSettings) -> None:
    """Note the settings of a set in its folder. UsageError where it was begun with others."""
    set_writing.claim(out, settings, ("kinds", "each", "taef2"))
