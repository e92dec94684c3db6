"""A promptable segmenter as teacher: an image encoder and a mask decoder in ONNX files of the user.

SET/segmenter/encoder.onnx    (1, 3, S, S) float32 -> image embedding; normalized and padded as SAM's are
SET/segmenter/decoder.onnx    as the exporter of SAM writes it (scripts/export_onnx_model.py)

The package contains no such weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from underdrawing.core.errors import WeightsError

FOLDER = "segmenter"
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # SAM's levels of R, G, B
CORNERS = (2.0, 3.0)  # SAM's labels of the first and the last corner of a box

FREE_SIDE = 1024  # of SAM, for an encoder that leaves its side open


class Promptable:
    """encoder, decoder: see the module. WeightsError where a file is missing or not of a segmenter."""

    def __init__(self, encoder: Path, decoder: Path) -> None:
        for path in (encoder, decoder):
            if not path.is_file():
                raise WeightsError(
                    f"{path}: no such file; the teacher `promptable` needs a segmenter exported to ONNX"
                )
        self._files = encoder, decoder

    @classmethod
    def of_folder(cls, folder: Path) -> Promptable:
        """The segmenter beside a set."""
        return cls(folder / FOLDER / "encoder.onnx", folder / FOLDER / "decoder.onnx")

    def segment(self, image: np.ndarray, boxes: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """(H, W) bool for each box: the mask of the best predicted overlap."""
        encoder, _ = self._sessions
        try:
            side = encoder.get_inputs()[0].shape[-1]
            side = side if isinstance(side, int) else FREE_SIDE
            scale = side / max(image.shape[:2])
            (embedding, *_) = encoder.run(None, {encoder.get_inputs()[0].name: prepared(image, side)})
            return [self._mask(embedding, box, scale, image.shape[:2]) for box in boxes]
        except Exception as error:  # the errors of onnxruntime have no other common class
            raise WeightsError(
                f"{self._files[0].parent}: not a segmenter as SAM's export ({error})"
            ) from error

    def _mask(
        self, embedding: np.ndarray, box: Sequence[int], scale: float, size: tuple[int, int]
    ) -> np.ndarray:
        x, y, width, height = box
        inputs = {
            "image_embeddings": embedding,
            "point_coords": scale * np.array([[[x, y], [x + width, y + height]]], np.float32),
            "point_labels": np.array([CORNERS], np.float32),
            "mask_input": np.zeros((1, 1, 256, 256), np.float32),
            "has_mask_input": np.zeros(1, np.float32),
            "orig_im_size": np.array(size, np.float32),
        }
        masks, overlaps = self._sessions[1].run(["masks", "iou_predictions"], inputs)
        return masks[0, int(overlaps[0].argmax())] > 0

    @cached_property
    def _sessions(self) -> tuple[ort.InferenceSession, ort.InferenceSession]:
        try:
            encoder, decoder = (
                ort.InferenceSession(path, providers=["CPUExecutionProvider"]) for path in self._files
            )
        except Exception as error:
            raise WeightsError(
                f"{self._files[0].parent}: no ONNX files that can be read ({error})"
            ) from error
        return encoder, decoder


def prepared(image: np.ndarray, side: int) -> np.ndarray:
    """(H, W, 3) uint8 -> (1, 3, side, side) float32: the longest side scaled, normalized, then zeros."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = min(side, round(scale * width)), min(side, round(scale * height))
    levels = (cv2.resize(image, size, interpolation=cv2.INTER_LINEAR) - np.array(MEAN)) / np.array(STD)
    padded = np.zeros((1, 3, side, side), np.float32)
    padded[0, :, : size[1], : size[0]] = levels.transpose(2, 0, 1)
    return padded
