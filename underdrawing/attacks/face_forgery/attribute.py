"""Edits of attributes: hair, lips, skin, eye colour, brows, glasses.

The regions are found by colour models of pixels at known places of the face: Gaussians in CIE Lab.
"""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.attacks.face_forgery import blending
from underdrawing.attacks.face_forgery.blending import from_lab, polygon, to_lab
from underdrawing.attacks.face_forgery.face import Face, Forged, forged

Layer = tuple[np.ndarray, np.ndarray]
"""Changed picture (H, W, 3) float32 and its weight (H, W)."""


_LEAST_AREA = 0.003
"""Share of the picture: below, the skin is edited too, so that something changes that an eye can find."""


def attribute(target: Face, donor: Face, rng: np.random.Generator) -> Forged:
    """One to three edits of the target; the donor is not used."""
    picture = target.image.astype(np.float32)
    kept = np.ones(picture.shape[:2], np.float32)
    count = rng.choice([1, 2, 3], p=[0.35, 0.4, 0.25])
    chosen = rng.choice(len(EDITS), count, replace=False, p=[0.2, 0.2, 0.2, 0.1, 0.1, 0.2])
    for edit in sorted(chosen):
        changed, weight = EDITS[edit](target, picture, rng)
        picture = picture + weight[..., None] * (changed - picture)
        kept *= 1 - np.clip(weight, 0, 1)
    if (1 - kept).mean() < _LEAST_AREA:
        changed, weight = skin(target, picture, rng)
        picture, kept = picture + weight[..., None] * (changed - picture), kept * (1 - weight)
    return forged(target.image, picture, 1 - kept)


def hair(face: Face, picture: np.ndarray, rng: np.random.Generator) -> Layer:
    """Another tone of hair: Lab shifted, the texture of L kept. Weight zero where no hair is found."""
    lab = to_lab(picture)
    height, width = lab.shape[:2]
    arc = [
        face.shape.at(1.0 * np.cos(a), -0.35 + 1.15 * np.sin(a), -0.3) for a in np.linspace(-2.6, -0.54, 24)
    ]
    around = [face.shape.at(1.75 * np.cos(a), 0.0 + 1.75 * np.sin(a), -0.5) for a in np.linspace(0, 6.28, 40)]
    beyond = np.concatenate([lab[:6].reshape(-1, 3), lab[:, :6].reshape(-1, 3), lab[:, -6:].reshape(-1, 3)])
    seeds = _disks(np.array(arc), 0.10 * face.unit, height, width)
    costs = [_distance(lab, lab[_cheeks(face) > 0]), _distance(lab, beyond)]
    own = (seeds > 0) & (costs[0] > 4) & (costs[1] > 4)
    costs.insert(0, _distance(lab, lab[own]))
    hairy = 1 / (1 + np.exp(np.clip((costs[0] - np.minimum(costs[1], 0.5 * costs[2] + 2)) / 2, -20, 20)))
    near = blending.feathered(polygon(np.array(around), height, width), 0.15 * face.unit)
    inner = face.shape.part("left_brow", "right_brow", "left_jaw", "right_jaw", "chin")
    weight = _smooth(lab, hairy * near * (1 - polygon(inner, height, width)), 0.06 * face.unit)
    weight = np.clip(1.6 * weight - 0.3, 0, 1)
    level, hue = rng.uniform(-22, 28), rng.uniform(0, 2 * np.pi)
    tone = np.array([0, np.cos(hue), np.sin(hue)]) * rng.uniform(0, 14) + (0, 3, 6)
    mean = lab[weight > 0.5].mean(0) if (weight > 0.5).any() else lab.mean((0, 1))
    changed = (lab - mean) * (1 + max(0, level) / 80, 0.9, 0.9) + mean + tone + (level, 0, 0)
    return from_lab(changed), weight * rng.uniform(0.6, 0.95)


def skin(face: Face, picture: np.ndarray, rng: np.random.Generator) -> Layer:
    """Smoothed skin of another tone, where the colour is that of the cheeks; eyes and mouth are kept."""
    lab = to_lab(picture)
    height, width = lab.shape[:2]
    hull = polygon(face.shape.points, height, width)
    parts = [face.shape.part(f"{side}_eye_rim") for side in ("left", "right")]
    parts.append(
        face.shape.part("left_lip", "right_lip", "lip_middle", "left_mouth_corner", "right_mouth_corner")
    )
    for part in parts:
        hull = hull * (1 - polygon(part.mean(0) + 1.15 * (part - part.mean(0)), height, width))
    likely = np.exp(-_distance(lab, lab[_cheeks(face) > 0]) / 12)
    weight = _smooth(lab, np.clip(2 * likely, 0, 1) * hull, 0.05 * face.unit)
    weight *= blending.feathered(polygon(face.shape.points, height, width), 0.05 * face.unit)
    strength = rng.uniform(8, 26)
    changed = cv2.bilateralFilter(lab, 7, strength, 0.08 * face.unit)
    changed = cv2.GaussianBlur(changed, (0, 0), 0.8) if rng.random() < 0.4 else changed
    if rng.random() < 0.7:
        changed = changed + rng.uniform((-7, -4, -5), (7, 5, 6))
    return from_lab(changed), weight * rng.uniform(0.7, 1.0)


def lips(face: Face, picture: np.ndarray, rng: np.random.Generator) -> Layer:
    """Lipstick: a colour over the pixels of the mouth that are redder than the skin."""
    lab = to_lab(picture)
    height, width = lab.shape[:2]
    points = face.shape.part("left_mouth_corner", "left_lip", "right_lip", "right_mouth_corner", "lip_middle")
    middle = points.mean(0)
    area = blending.feathered(polygon(middle + 1.18 * (points - middle), height, width), 0.04 * face.unit)
    inside, around = area > 0.3, _cheeks(face) > 0
    redness = lab[..., 1] - 0.3 * lab[..., 2]
    low = np.median(redness[around]) if around.any() else 10.0
    high = np.percentile(redness[inside], 80) if inside.any() else low
    red = np.clip((redness - low) / max(high - low, 3.0) * 1.5, 0, 1)
    teeth = np.clip((lab[..., 0] - np.median(lab[inside][:, 0]) - 14) / 8, 0, 1)
    weight = _smooth(lab, area * red * (1 - teeth), 0.03 * face.unit)
    colour = np.array([rng.uniform(-18, 6), rng.uniform(8, 30), rng.uniform(-18, 12)])
    return from_lab(lab + colour), np.clip(1.3 * weight, 0, 1) * rng.uniform(0.55, 0.95)


def irises(face: Face, picture: np.ndarray, rng: np.random.Generator) -> Layer:
    """Another colour of both irises; pupil and reflections are kept."""
    lab = to_lab(picture)
    height, width = lab.shape[:2]
    weight = np.zeros((height, width), np.float32)
    radius = 0.105 * face.unit
    for side in ("left", "right"):
        centre = _darkest(lab[..., 0], face.shape.part(f"{side}_eye")[0], 0.12 * face.unit)
        disk = _disks(centre[None], radius, height, width)
        disk *= polygon(face.shape.part(f"{side}_eye_rim"), height, width)
        weight = np.maximum(weight, disk)
    weight = cv2.GaussianBlur(weight, (0, 0), max(0.6, 0.2 * radius))
    bright = np.clip((lab[..., 0] - 60) / 15, 0, 1)
    hue = rng.choice([rng.uniform(3.3, 4.9), rng.uniform(1.9, 2.8), rng.uniform(0.7, 1.4)])
    tone = np.array([0, np.cos(hue), np.sin(hue)]) * rng.uniform(14, 30)
    lightened = np.maximum(lab[..., :1], 8) * rng.uniform(1.1, 1.7)
    changed = np.concatenate([lightened, 0.3 * lab[..., 1:] + tone[1:]], axis=2)
    return from_lab(changed), weight * (1 - bright) * rng.uniform(0.6, 0.95)


def brows(face: Face, picture: np.ndarray, rng: np.random.Generator) -> Layer:
    """Brows of another strength: darker and thicker with drawn hairs, or paler."""
    lab = to_lab(picture)
    height, width = lab.shape[:2]
    area = np.zeros((height, width), np.float32)
    thickness = 0.13 * face.unit
    for side in ("left", "right"):
        line = np.rint(face.shape.part(f"{side}_brow") * 16).astype(np.int32)
        cv2.polylines(area, [line], False, 1.0, max(1, round(thickness)), cv2.LINE_AA, shift=4)
    area = cv2.GaussianBlur(area, (0, 0), 0.3 * thickness)
    around = cv2.GaussianBlur(lab, (0, 0), 0.25 * face.unit)
    dark = np.clip((around[..., 0] - lab[..., 0] + 4) / 14, 0, 1)
    if rng.random() < 0.35:
        return from_lab(around + np.float32([6, 0, 0])), area * np.maximum(dark, 0.25) * rng.uniform(0.5, 0.9)
    hairs = rng.standard_normal((height, width), np.float32)
    hairs = 0.5 + cv2.GaussianBlur(hairs, (0, 0), 0.7, sigmaY=1.6) * 1.4
    weight = area * np.clip(np.maximum(dark, hairs * rng.uniform(0.1, 0.45)), 0, 1)
    return from_lab(lab * (rng.uniform(0.35, 0.65), 0.7, 0.7)), weight * rng.uniform(0.5, 0.9)


def glasses(face: Face, picture: np.ndarray, rng: np.random.Generator) -> Layer:
    """Drawn glasses: rims, bridge and temples, their shadow, tint and reflection of the lenses."""
    height, width = picture.shape[:2]
    zoom, unit = 4, face.unit
    canvas = np.zeros((2, height * zoom, width * zoom), np.uint8)
    thick = max(1, round(zoom * unit * rng.choice([rng.uniform(0.016, 0.03), rng.uniform(0.03, 0.055)])))
    power, half = rng.uniform(2.0, 5.0), np.array([rng.uniform(0.36, 0.44), rng.uniform(0.26, 0.36)])
    drop, angles = rng.uniform(0.02, 0.10), np.linspace(0, 2 * np.pi, 64)
    cos, sin = np.cos(angles), np.sin(angles)
    corners = np.column_stack(
        [np.sign(cos) * abs(cos) ** (2 / power), np.sign(sin) * abs(sin) ** (2 / power)]
    )
    for sign in (-1, 1):
        lens = [face.shape.at(sign * 0.5 + x, drop + y, 0.22) for x, y in corners * half]
        lens = np.rint(np.array(lens) * zoom).astype(np.int32)
        cv2.fillPoly(canvas[1], [lens], 255)
        cv2.polylines(canvas[0], [lens], True, 255, thick)
        if sign * face.turn < 0.2:  # the other temple is hidden behind the face
            ends = [(sign * (0.5 + half[0]), drop - 0.1, 0.2), (sign * 1.12, drop - 0.1, -0.6)]
            _stroke(canvas[0], face, ends, thick)
    bridge = [
        (x, drop - 0.12 - 0.05 * np.cos(x * 12), 0.3) for x in np.linspace(half[0] - 0.5, 0.5 - half[0], 9)
    ]
    _stroke(canvas[0], face, bridge, thick)
    frame, lens = (
        cv2.resize(c, (width, height), interpolation=cv2.INTER_AREA) / np.float32(255) for c in canvas
    )
    return _shaded(picture, frame, lens, unit, rng)


def _stroke(canvas: np.ndarray, face: Face, places: list[tuple[float, float, float]], thick: int) -> None:
    """A line through places of the average face, on a canvas four times the picture."""
    points = np.rint(np.array([face.shape.at(*place) for place in places]) * 4).astype(np.int32)
    cv2.polylines(canvas, [points], False, 255, thick)


def _shaded(
    picture: np.ndarray, frame: np.ndarray, lens: np.ndarray, unit: float, rng: np.random.Generator
) -> Layer:
    """The picture with a frame and lenses (H, W) of weights laid over it."""
    height, width = frame.shape
    shift = np.float32([[1, 0, rng.uniform(-0.03, 0.03) * unit], [0, 1, rng.uniform(0.02, 0.07) * unit]])
    shadow = cv2.GaussianBlur(cv2.warpAffine(frame, shift, (width, height)), (0, 0), 0.03 * unit)
    changed = picture * (1 - rng.uniform(0.15, 0.45) * shadow[..., None])
    tint = rng.uniform(0.0, 0.12) if rng.random() < 0.75 else rng.uniform(0.5, 0.9)
    changed += tint * lens[..., None] * (rng.uniform(10, 60, 3) - changed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    wave = np.clip(np.sin((x * rng.uniform(0.5, 1) + y) / (0.5 * unit) + rng.uniform(0, 6)), 0, 1) ** 4
    changed += (rng.uniform(0, 0.22) * lens * wave)[..., None] * (245 - changed)
    light = cv2.GaussianBlur(frame, (0, 0), max(0.6, 0.015 * unit))
    edge = np.clip(light - cv2.warpAffine(light, np.float32([[1, 0, 1], [0, 1, 1]]), (width, height)), 0, 1)
    colour = rng.uniform(4, 45) + rng.uniform(0, 30, 3) * (1, 0.5, 0.2)
    changed += 0.94 * frame[..., None] * (colour + rng.uniform(20, 120) * edge[..., None] - changed)
    return changed.astype(np.float32), np.clip(4 * np.maximum(np.maximum(frame, shadow), lens), 0, 1)


EDITS = (hair, skin, lips, irises, brows, glasses)


def _cheeks(face: Face) -> np.ndarray:
    """(H, W) float32, 1 on both cheeks and the forehead: skin of this face."""
    places = [
        face.shape.at(x, y, 0.1) for x, y in ((-0.55, 0.5), (0.55, 0.5), (-0.3, -0.6), (0.3, -0.6), (0, 0.3))
    ]
    return _disks(np.array(places), 0.12 * face.unit, *face.image.shape[:2])


def _disks(centres: np.ndarray, radius: float, height: int, width: int) -> np.ndarray:
    disks = np.zeros((height, width), np.float32)
    for x, y in np.rint(centres * 16).astype(int):
        cv2.circle(disks, (int(x), int(y)), max(8, round(radius * 16)), 1.0, -1, cv2.LINE_AA, shift=4)
    return disks


def _distance(lab: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """(H, W) squared Mahalanobis distance to the samples (n, 3), without their extreme tenths."""
    if len(samples) < 8:
        return np.full(lab.shape[:2], 50.0, np.float32)
    low, high = np.percentile(samples[:, 0], (10, 90))
    samples = samples[(samples[:, 0] >= low) & (samples[:, 0] <= high)]
    covariance = np.cov(samples.T) + np.diag([25.0, 6.0, 6.0])
    offset = lab - samples.mean(0)
    return np.einsum("hwi,hwi->hw", offset @ np.linalg.inv(covariance).astype(np.float32), offset)


def _smooth(lab: np.ndarray, weight: np.ndarray, radius: float) -> np.ndarray:
    """Weight (H, W), smoothed along the edges of L: guided filter (He et al., 2013, eq. 5, 6 and 8)."""
    size = 2 * max(1, round(radius)) + 1
    guide, weight = lab[..., 0] / 100, weight.astype(np.float32)

    def mean(plane: np.ndarray) -> np.ndarray:
        return cv2.blur(plane, (size, size))

    middle, weights = mean(guide), mean(weight)
    slope = (mean(guide * weight) - middle * weights) / (mean(guide * guide) - middle * middle + 1e-3)
    return np.clip(mean(slope) * guide + mean(weights - slope * middle), 0, 1)


def _darkest(level: np.ndarray, place: np.ndarray, reach: float) -> np.ndarray:
    """(2,) the darkest place of a blurred plane within `reach` pixels of a place: the pupil."""
    x, y = np.rint(place).astype(int)
    reach = max(1, round(reach))
    top, left = max(0, y - reach), max(0, x - reach)
    window = cv2.GaussianBlur(level, (0, 0), max(0.8, 0.5 * reach))[top : y + reach + 1, left : x + reach + 1]
    row, column = np.unravel_index(window.argmin(), window.shape)
    return np.array([left + column, top + row], np.float64)
