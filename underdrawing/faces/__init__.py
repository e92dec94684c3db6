"""Faces: detection with five landmarks, square crops aligned ones, their way back into the picture."""

from underdrawing.faces.cropping import CONTEXT, MARGIN, FaceCrop, align, crop, crop_square, paste
from underdrawing.faces.detection import DetectedFace, detect

__all__ = ["CONTEXT", "MARGIN", "DetectedFace", "FaceCrop", "align", "crop", "crop_square", "detect", "paste"]
