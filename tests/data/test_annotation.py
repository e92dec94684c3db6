"""Weak labels from masks: boxes as loose as people draw them, strokes inside the classes."""

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.data.annotation import box_map, boxes, scribbles, tight_boxes
from underdrawing.data.manipulated_set import IGNORED

HORSE = cv2.resize((~data.horse()).astype(np.uint8), (320, 320), interpolation=cv2.INTER_NEAREST)


def blobs(*places):
    """(240, 320) label map with discs (x, y, radius)."""
    mask = np.zeros((240, 320), np.uint8)
    for x, y, radius in places:
        cv2.circle(mask, (x, y), radius, 1, -1)
    return mask


def iou(one, other):
    a, b = (box_map((320, 320), [box]) for box in (one, other))
    return (a & b).sum() / (a | b).sum()


def test_a_tight_box_encloses_its_region_and_no_more():
    ((x, y, w, h),) = tight_boxes(HORSE)
    rows, columns = np.nonzero(HORSE)
    assert (x, y) == (columns.min(), rows.min())
    assert (x + w - 1, y + h - 1) == (columns.max(), rows.max())


def test_near_regions_share_a_box_far_ones_do_not_and_specks_have_none():
    near = blobs((100, 100, 20), (150, 100, 20))
    far = blobs((60, 100, 20), (250, 100, 30), (160, 30, 1))
    assert tight_boxes(near) == [(80, 80, 91, 41)]
    assert tight_boxes(far) == [(220, 70, 61, 61), (40, 80, 41, 41)]
    assert len(tight_boxes(blobs((160, 30, 1)))) == 1  # nothing else to draw
    assert tight_boxes(blobs()) == [] and boxes(blobs(), np.random.default_rng(0)) == []


def test_loose_boxes_agree_with_tight_ones_as_those_of_people():
    rng = np.random.default_rng(1)
    (tight,) = tight_boxes(HORSE)
    drawn = [boxes(HORSE, rng)[0] for _ in range(200)]
    assert 0.84 < np.mean([iou(tight, box) for box in drawn]) < 0.92
    assert len(set(drawn)) > 150
    edge = boxes(blobs((0, 0, 50)), rng)[0]
    assert edge[:2] == (0, 0) and min(edge) >= 0


def test_strokes_stay_inside_their_class_and_label_little():
    mask = HORSE.copy()
    mask[100:110] = IGNORED
    for seed in range(20):
        drawn = scribbles(mask, np.random.default_rng(seed))
        assert drawn.dtype == np.uint8 and set(np.unique(drawn)) == {0, 1, IGNORED}
        labelled = drawn != IGNORED
        assert (drawn[labelled] == mask[labelled]).all()
        assert 0.003 < labelled.mean() < 0.08
    assert not np.array_equal(drawn, scribbles(mask, np.random.default_rng(0)))
    assert np.array_equal(drawn, scribbles(mask, np.random.default_rng(19)))


def test_strokes_keep_away_from_borders():
    mask = blobs((160, 120, 60))
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    drawn = scribbles(mask, np.random.default_rng(3))
    points = depth[drawn == 1]
    assert points.mean() > depth[mask == 1].mean()  # nearer to the axis than points of the region on average


@pytest.mark.parametrize("value", [0, 1])
def test_a_picture_of_one_class_has_strokes_of_it_alone(value):
    drawn = scribbles(np.full((96, 128), value, np.uint8), np.random.default_rng(0))
    assert set(np.unique(drawn)) == {value, IGNORED}


def test_every_large_region_is_scribbled_and_the_least_one_too():
    mask = blobs((60, 60, 25), (250, 60, 30), (160, 200, 15))
    drawn = scribbles(mask, np.random.default_rng(0))
    _, regions = cv2.connectedComponents(mask)
    assert set(np.unique(regions[drawn == 1])) == {1, 2, 3}
    least = scribbles(blobs((160, 30, 0)), np.random.default_rng(0))
    assert (least == 1).sum() == 1
