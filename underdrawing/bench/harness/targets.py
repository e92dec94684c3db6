"""The figures that photo-core is meant to reach, and where each is found among the results."""

from __future__ import annotations

from dataclasses import dataclass

Figures = dict[str, dict[str, float]]
WHOLE = ("none", "jpeg90", "jpeg70", "jpeg50", "scale0.7", "scale1.5")
HARD = ("jpeg30", "webp50", "scale0.5", "noise10", "crop70%", "screenshot")
SIZES = ("256", "512", "full")


@dataclass(frozen=True)
class Target:
    """One promised figure at one size."""

    row: str
    """What the table calls it."""
    size: str
    keys: tuple[str, ...]
    """Figures that must all hold; the worst of them is printed."""
    limit: float | None
    """None: reported without a promise."""
    at_most: bool = False
    field: str = "mean"
    unit: str = ""
    digits: int = 2
    scale: float = 1.0
    """Printed and compared as value times this (100 for per cent)."""

    def reached(self, figures: Figures) -> float | None:
        """The worst value of its keys, scaled, or None where it was not measured."""
        found = [figures[key][self.field] for key in self.keys if key in figures]
        if not found:
            return None
        return self.scale * (max(found) if self.at_most else min(found))

    def holds(self, value: float) -> bool:
        """Whether the promise is kept."""
        if self.limit is None:
            return True
        return value <= self.limit if self.at_most else value >= self.limit


def photo_core_targets() -> list[Target]:
    """Every figure of the photo-core table in its order."""
    found: list[Target] = []
    found += _per_size("container PSNR, dB", "container/{size}/psnr_db", (40.5, 40.5, 42))
    found += _per_size("container SSIM", "container/{size}/ssim", (0.985, 0.985, 0.985), digits=4)
    quality = "container/{size}/ssimulacra2"
    found += _per_size("SSIMULACRA2, mean", quality, (None, 80, 82), digits=1)
    found += _per_size("SSIMULACRA2, worst decile", quality, (None, 73, 75), digits=1, field="worst_decile")
    smooth = "container/{size}/smooth_rms"
    found += _per_size("RMS of the change where smooth, levels", smooth, (None, 1.1, 1.0), at_most=True)
    percent = {"scale": 100.0, "unit": " %", "digits": 1}
    signed = [f"edited/{{size}}/{channel}/signed" for channel in WHOLE]
    found += _per_size("signed code read whole after an edit, none to JPEG50, scale .7 to 1.5; worst channel",
                       signed, (99, 99.5, 99.5), **percent)  # fmt: skip
    named = [f"edited/{{size}}/{channel}/identity" for channel in HARD]
    found += _per_size("identity read after an edit: JPEG30, WebP50, scale .5, noise 10, crop 70 %, "
                       "screenshot; worst channel", named, (97, 99, 99), **percent)  # fmt: skip
    masks = {"none": (0.93, 0.95), "jpeg70": (0.91, 0.93), "jpeg50": (0.89, 0.92), "scale0.7": (0.85, 0.90)}
    for channel, (small, large) in masks.items():
        found += _per_size(
            f"mask F1, {channel}", f"edited/{{size}}/{channel}/f1", (small, large, large), digits=3
        )
    flagged = [f"authentic/{{size}}/{channel}/flagged_signed" for channel in _all_channels()]
    found += _per_size("area flagged on an untouched protected photo, code readable; worst channel", flagged,
                       (0.5, 0.3, 0.3), at_most=True, **percent | {"digits": 2})  # fmt: skip
    found += _recovery()
    for bits in (2000, 4000, 8000):
        found += _per_size(f"the code alone at {bits:,} bits against AVIF, dB inside the mask",
                           f"code/{{size}}/{bits}/gain_db", (1, 1, None))  # fmt: skip
    found.append(Target("never-protected photos accepted", "256", ("strangers/accepted",), 0, True, digits=4))
    return found + _speed()


def _recovery() -> list[Target]:
    found: list[Target] = []
    default = {"none": (26, 27.5), "jpeg90": (25, 27), "jpeg70": (22.5, 25.5), "jpeg50": (21, 24)}
    for channel, (small, large) in default.items():
        row = f"L-PSNR of objects, {channel}, dB"
        found += _per_size(row, f"recovery/{{size}}/{channel}/lpsnr_db", (small, large, None))
        found.append(Target(row, "full", (f"edited/full/{channel}/lpsnr_db",), large))
    strong = {"none": 27.5, "jpeg90": 27, "jpeg70": 25.5, "jpeg50": 24, "scale0.5": 24.6, "blur1": 22}
    found += _per_size("container at the strength of the next rows, dB", "recovery-strong/{size}/psnr_db",
                       (None, None, None))  # fmt: skip
    for channel, limit in strong.items():
        row = f"L-PSNR at a container of 34.6 dB, {channel}, dB"
        found += _per_size(row, f"recovery-strong/{{size}}/{channel}/lpsnr_db", (limit, None, None))
    return found


def _speed() -> list[Target]:
    ms = {"scale": 1000.0, "unit": " ms", "digits": 0, "at_most": True, "field": "mean"}
    peaks = tuple(f"speed/12mp/{step}/peak_mib" for step in ("protect", "verify"))
    return [
        Target("protect, 512x512, median", "512", ("speed/512/protect/seconds",), 60, **ms),
        Target("identity, 512x512, median", "512", ("speed/512/identify/seconds",), 100, **ms),
        Target("protect, 12 MP, median", "full", ("speed/12mp/protect/seconds",), 1200, **ms),
        Target("full verify, 12 MP, median", "full", ("speed/12mp/verify/seconds",), 4000, **ms),
        Target("peak memory, 12 MP", "full", peaks, 1536, True, unit=" MiB", digits=0),
    ]  # fmt: skip


def _per_size(row: str, keys: str | list[str], limits: tuple, **how: object) -> list[Target]:
    patterns = [keys] if isinstance(keys, str) else keys
    return [
        Target(row, size, tuple(pattern.format(size=size) for pattern in patterns), limit, **how)
        for size, limit in zip(SIZES, limits, strict=True)
    ]


def _all_channels() -> list[str]:
    from underdrawing.attacks.suites import PHOTO_BENIGN

    return [channel.name for channel in PHOTO_BENIGN]
