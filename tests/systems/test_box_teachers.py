"""Teachers of BoxPromptIML: masks within their boxes, GrabCut on a real object, a segmenter in ONNX files."""

import cv2
import numpy as np
import pytest
from skimage import data as photos

from underdrawing.core.errors import WeightsError
from underdrawing.systems.box_prompt_iml.promptable import MEAN, STD, Promptable, prepared
from underdrawing.systems.box_prompt_iml.teachers import TEACHERS, BoxItself, GrabCut, inside, teacher_mask

SIDE = 64


def coin():
    """A photograph with a coin pasted into it, the coin's box, and its true mask."""
    coins = np.repeat(photos.coins()[:, :, None], 3, 2)
    image = cv2.resize(photos.astronaut()[300:, :200], (160, 160), interpolation=cv2.INTER_AREA)
    mask = np.zeros((160, 160), np.uint8)
    cv2.circle(mask, (80, 70), 26, 1, -1)
    patch = coins[12:72, 25:85]  # around one coin
    image[40:100, 50:110] = np.where(mask[40:100, 50:110, None] > 0, patch, image[40:100, 50:110])
    return image, (48, 38, 64, 64), mask


def overlap(a, b):
    return np.logical_and(a, b).sum() / np.logical_or(a, b).sum()


class Everywhere:
    """A teacher that ignores the boxes."""

    def segment(self, image, boxes):
        return [np.ones(image.shape[:2], bool)] * len(boxes)


@pytest.mark.parametrize("teacher", [Everywhere(), BoxItself(), GrabCut()])
@pytest.mark.parametrize(
    "boxes", [[(10, 20, 40, 30)], [(0, 0, 160, 160)], [(150, 150, 30, 30), (-5, 3, 20, 9)]]
)
def test_no_teacher_leaves_its_boxes(teacher, boxes):
    image, _, _ = coin()
    allowed = np.zeros((160, 160), bool)
    for box in boxes:
        allowed[inside(box)] = True
    mask = teacher_mask(teacher, image, boxes)
    assert mask.dtype == np.uint8 and mask.any() and mask.max() == 1
    assert not mask[~allowed].any()


def test_the_mask_of_two_boxes_is_the_union():
    mask = teacher_mask(BoxItself(), np.zeros((40, 60, 3), np.uint8), [(5, 6, 10, 7), (10, 8, 20, 4)])
    expected = np.zeros((40, 60), np.uint8)
    expected[6:13, 5:15] = 1
    expected[8:12, 10:30] = 1
    np.testing.assert_array_equal(mask, expected)


def test_an_authentic_picture_has_no_boxes_and_an_empty_mask():
    assert not teacher_mask(GrabCut(), coin()[0], []).any()


def test_grabcut_is_nearer_to_the_object_than_the_box():
    image, box, truth = coin()
    cut, whole = (teacher_mask(teacher, image, [box]) for teacher in (GrabCut(), BoxItself()))
    assert overlap(cut, truth) > 0.85 > overlap(whole, truth)


def test_grabcut_is_the_box_where_nothing_separates():
    flat = np.full((80, 80, 3), 90, np.uint8)
    assert teacher_mask(GrabCut(), flat, [(20, 20, 30, 30)]).sum() == 900


def test_grabcut_is_the_same_at_each_call():
    image, box, _ = coin()
    first = teacher_mask(GrabCut(), image, [box])
    cv2.setRNGSeed(123)
    np.testing.assert_array_equal(teacher_mask(GrabCut(), image, [box]), first)


def save(path, nodes, inputs, outputs, constants):
    """An ONNX file of a toy network."""
    onnx = pytest.importorskip("onnx")
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    infos = [[helper.make_tensor_value_info(name, float32, shape) for name, shape in some.items()]
             for some in (inputs, outputs)]  # fmt: skip
    values = [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(
        [helper.make_node(*node[:3], **node[3]) for node in nodes], "toy", *infos, values
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(exist_ok=True)
    onnx.save(model, path)


@pytest.fixture
def segmenter(tmp_path):
    """A segmenter of toys: the red of the prepared picture is the embedding; the third of four masks, at its
    size, is "red above the mean of SAM", and has the best predicted overlap."""
    folder = tmp_path / "segmenter"
    save(
        folder / "encoder.onnx",
        [("Slice", ["image", "start", "end", "axis"], ["red"], {})],
        {"image": [1, 3, SIDE, SIDE]},
        {"red": [1, 1, SIDE, SIDE]},
        {"start": np.array([0]), "end": np.array([1]), "axis": np.array([1])},
    )
    save(
        folder / "decoder.onnx",
        [
            ("Neg", ["image_embeddings"], ["other"], {}),
            ("Concat", ["other", "other", "image_embeddings", "other"], ["masks"], {"axis": 1}),
            ("ReduceMax", ["point_labels"], ["label"], {"keepdims": 1}),
            ("Mul", ["label", "scores"], ["iou_predictions"], {}),
        ],
        {
            "image_embeddings": [1, 1, SIDE, SIDE],
            "point_coords": [1, 2, 2],
            "point_labels": [1, 2],
            "mask_input": [1, 1, 256, 256],
            "has_mask_input": [1],
            "orig_im_size": [2],
        },
        {"masks": [1, 4, SIDE, SIDE], "iou_predictions": [1, 4]},
        {"scores": np.array([[0.1, 0.2, 0.3, 0.05]], np.float32)},
    )
    return tmp_path


def test_a_promptable_segmenter_beside_the_set(segmenter):
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[10:30, 20:40, 0] = 255
    mask = teacher_mask(TEACHERS["promptable"](segmenter), image, [(15, 20, 20, 30)])
    expected = np.zeros((SIDE, SIDE), np.uint8)
    expected[20:30, 20:35] = 1  # red, and in the box
    np.testing.assert_array_equal(mask, expected)


def test_pictures_are_prepared_as_sam_has_them():
    image = np.full((50, 100, 3), (200, 100, 50), np.uint8)
    levels = prepared(image, 64)[0]
    assert levels.shape == (3, 64, 64) and not levels[:, 32:].any()
    expected = (np.array([200, 100, 50]) - MEAN) / STD
    np.testing.assert_allclose(
        levels[:, :32], np.broadcast_to(expected[:, None, None], (3, 32, 64)), rtol=1e-5
    )


def test_a_missing_segmenter_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"encoder\.onnx: no such file"):
        Promptable.of_folder(tmp_path)


def test_a_damaged_segmenter_is_named(segmenter):
    (segmenter / "segmenter" / "decoder.onnx").write_bytes(b"no graph")
    with pytest.raises(WeightsError, match="no ONNX files that can be read"):
        TEACHERS["promptable"](segmenter).segment(coin()[0], [(1, 2, 30, 40)])


def test_another_network_is_no_segmenter(segmenter):
    folder = segmenter / "segmenter"
    (folder / "decoder.onnx").write_bytes((folder / "encoder.onnx").read_bytes())
    with pytest.raises(WeightsError, match="not a segmenter"):
        TEACHERS["promptable"](segmenter).segment(coin()[0], [(1, 2, 30, 40)])
