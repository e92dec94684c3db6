"""Faces: detection with five landmarks, square crops aligned ones, their way back into the picture."""

from underdrawing.faces.cropping import CONTEXT, FaceCrop, align, crop, paste
from underdrawing.faces.detection import DetectedFace, detect

__all__ = ["CONTEXT", "DetectedFace", "FaceCrop", "align", "crop", "detect", "paste"]
