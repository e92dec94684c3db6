"""What a number depends on: photographs, sizes, attacks, seed and thresholds. Stored with every result."""

from __future__ import annotations

from dataclasses import dataclass, replace


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


PHOTO_CORE = Protocol("photo-core")
PHOTO_PEERS = Protocol("photo-peers", sizes=(512,))
IMUGE_TABLES = Protocol(
    "imuge-table1", sizes=(256,), suite="imuge", quality_sets=("kodak24", "clic2025_val", "coco_val")
)
IMUGE_ABLATION = replace(IMUGE_TABLES, name="imuge-table3")
IMAGENET_S = Protocol(
    "imagenet-s",
    sizes=(256,),
    quality_sets=(),
    object_set="imagenet1k_one",
    edit_area=(0.05, 0.40),
    recovery_channels=("none", "jpeg70"),
    code_bits=(2000, 5000, 8000, 16000),
)


@dataclass(frozen=True)
class Metric:
    """How a measured value is summed up and printed."""

    higher_is_better: bool = True
    rate: bool = False
    """A yes or no of each picture: the mean is a rate, with a 95 % interval in place of a worst decile."""
    digits: int = 2


METRICS: dict[str, Metric] = {
    "psnr_db": Metric(),
    "ssim": Metric(digits=4),
    "ssimulacra2": Metric(digits=1),
    "smooth_rms": Metric(higher_is_better=False),
    "stlpips": Metric(higher_is_better=False, digits=4),
    "identity": Metric(rate=True, digits=3),
    "signed": Metric(rate=True, digits=3),
    "layer_base": Metric(rate=True, digits=3),
    "layer_middle": Metric(rate=True, digits=3),
    "layer_top": Metric(rate=True, digits=3),
    "present": Metric(rate=True, digits=3),
    "intact": Metric(rate=True, digits=3),
    "altered": Metric(rate=True, digits=3),
    "recovered": Metric(rate=True, digits=3),
    "accepted": Metric(higher_is_better=False, rate=True, digits=4),
    "f1": Metric(digits=3),
    "iou": Metric(digits=3),
    "auc": Metric(digits=3),
    "bce": Metric(higher_is_better=False, digits=3),
    "flagged": Metric(higher_is_better=False, digits=4),
    "flagged_signed": Metric(higher_is_better=False, digits=4),
    "lpsnr_db": Metric(),
    "untouched_lpsnr_db": Metric(),
    "code_db": Metric(),
    "avif_db": Metric(),
    "gain_db": Metric(),
    "seconds": Metric(higher_is_better=False, digits=3),
    "peak_mib": Metric(higher_is_better=False, digits=0),
    "bit_accuracy": Metric(digits=3),
    "survived": Metric(rate=True, digits=3),
    "label": Metric(rate=True, digits=4),
    "label_of_original": Metric(rate=True, digits=4),
    "image": Metric(rate=True, digits=4),
    "inside_psnr_db": Metric(),
    "outside_psnr_db": Metric(),
    "inside_ssim": Metric(digits=3),
    "outside_ssim": Metric(digits=3),
    "inside_stlpips": Metric(higher_is_better=False, digits=3),
    "outside_stlpips": Metric(higher_is_better=False, digits=4),
    "area": Metric(digits=3),
}
