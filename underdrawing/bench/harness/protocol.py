"""What a number depends on: photographs, sizes, attacks, seed and thresholds. Stored with every result."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """The conditions of one benchmark. Sizes are sides of square pictures in pixels; 0 means full size."""

    name: str
    seed: int = 20261
    """Of masks, contents, channels and offsets; each photo and channel draws from its own stream."""
    sizes: tuple[int, ...] = (256, 512, 0)
    strength: float = 1.0
    """What `protect` is asked for in all parts but recovery-strong."""
    suite: str = "photo-benign"
    """Channels of the attack parts at 256 and 512."""
    quality_sets: tuple[str, ...] = ("kodak24", "clic2025_val")
    """Folders of the photographs for container quality and attacks: centre square, Lanczos to the size."""
    object_set: str = "coco_val"
    """Folder with instances.json: recovery under true outlines, which serve other photos too."""
    full_set: str = "fullsize"
    stranger_set: str = "imagenet1k_one"
    """Photographs that were never protected."""
    edit_area: tuple[float, float] = (0.05, 0.30)
    """Part of the frame that edits cover; shapes alternate free-form and object, contents take turns."""
    mask_threshold: float = 0.5
    strong_psnr_db: float = 34.6
    """Container PSNR that recovery-strong sets the strength for (Imuge's)."""
    full_channels: tuple[str, ...] = (
        "none", "jpeg90", "jpeg70", "jpeg50", "jpeg30", "webp50", "scale0.5", "scale0.7", "crop70%",
        "noise10", "screenshot",
    )  # fmt: skip
    """The channels of the attack part at full size, where a reading takes seconds."""
    recovery_channels: tuple[str, ...] = ("none", "jpeg90", "jpeg70", "jpeg50")
    strong_channels: tuple[str, ...] = ("none", "jpeg90", "jpeg70", "jpeg50", "scale0.5", "blur1")
    code_bits: tuple[int, ...] = (2000, 4000, 8000)
    """Sizes of the code that is compared with AVIF's picture data at equal bits."""
