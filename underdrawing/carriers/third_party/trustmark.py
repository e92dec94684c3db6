"""TrustMark (Bui et al. 2023, arXiv 2311.18297) as a carrier, by Adobe's package of that name.

100 raw bits; error correction is left to the message's own code. The package fetches weights when it is
first used. Here it never does: weights have to lie where the package keeps them, checked against its own list
of MD5 sums, or a WeightsError names the files. It needs torchvision and lightning too, and imports all at
once: where torchvision does not fit the installed torch, the MissingExtraError says so.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from PIL import Image

from underdrawing.carriers.checks import checked_count, checked_message, checked_picture
from underdrawing.carriers.extras import optional
from underdrawing.carriers.repeating import gathered, repeated
from underdrawing.core.errors import MissingExtraError, WeightsError
from underdrawing.core.interfaces import Reading
from underdrawing.ops.protection import Protection

BITS = 100
LEAST_SIDE_PX = 150
"""Below it the package's documentation promises nothing."""
_SOURCE = "https://cai-watermark.adobe.net/watermarking/trustmark-models/"


@dataclass(frozen=True)
class TrustMark:
    """Hides 100 bits; cannot tell whether they are there, nor where a picture was altered.

    Soft bits are the decoder's logits with their sign turned: it was trained on them by cross entropy,
    through TrustMark's own channels, and they are taken as log-likelihood ratios.
    """

    variant: Literal["Q", "B", "C", "P"] = "Q"
    """Q: the package's default; P: 48 dB; C: the small one; B: as published."""
    strength: float = 1.0
    """Multiplies the residual."""
    name: str = "trustmark"
    tells_length: ClassVar[bool] = False

    def __post_init__(self):
        _model(self.variant)

    def capacity_bits(self, image_u8: np.ndarray) -> int:
        """100, or 0 where a side is shorter than 150 px."""
        checked_picture(image_u8)
        return BITS if min(image_u8.shape[:2]) >= LEAST_SIDE_PX else 0

    def embed(self, image_u8: np.ndarray, bits: np.ndarray) -> Protection:
        """See Carrier. A shorter message is repeated."""
        checked_message(bits, self.capacity_bits(image_u8), self.name)
        message = "".join(map(str, repeated(bits, BITS)))
        model = _model(self.variant)
        marked = model.encode(Image.fromarray(image_u8), message, MODE="binary", WM_STRENGTH=self.strength)
        return Protection.between(image_u8, np.asarray(marked))

    def read(self, received_u8: np.ndarray, count: int | None) -> Reading:
        """See Reader."""
        checked_picture(received_u8)
        checked_count(count, BITS, self.name)
        model = _model(self.variant)
        side = model.model_resolution_dec
        processed = model.get_the_image_for_processing(Image.fromarray(received_u8))
        pixels = np.float32(processed.resize((side, side), Image.Resampling.BILINEAR)) / 127.5 - 1
        with torch.no_grad():
            batch = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].to(model.device)
            logits = model.decoder.decoder(batch)[0].float().cpu().numpy()
        return Reading(gathered(-logits, count), present=None)


def _weight_files(variant: str) -> list[Path]:
    """Files that the package needs for this variant; MissingExtraError where there is no package.

    WeightsError naming those that are not there.
    """
    found = importlib.util.find_spec("trustmark")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError('trustmark is not installed; pip install "underdrawing[trustmark]"')
    folder = Path(found.submodule_search_locations[0]) / "models"
    names = (f"trustmark_{variant}.yaml", f"encoder_{variant}.ckpt", f"decoder_{variant}.ckpt")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise WeightsError(
            f"no {', '.join(missing)} in the installed package's folder trustmark/models; "
            f"nothing is fetched by itself, see {_SOURCE}"
        )
    return [folder / name for name in names]


@lru_cache(maxsize=2)
def _model(variant: str):
    """The package's model with encoder and decoder, its downloads shut off."""
    files = _weight_files(variant)
    package = optional("trustmark.trustmark", "trustmark")
    for path in files:
        if hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != (
            package.MODEL_CHECKSUMS.get(path.name)
        ):
            raise WeightsError(f"{path}: not the file that the package lists; see {_SOURCE}{path.name}")

    class Offline(package.TrustMark):
        """The package's own, which takes its files as they are."""

        def check_and_download(self, filename):
            if not Path(filename).is_file():
                raise WeightsError(f"{filename}: missing")

    with contextlib.redirect_stdout(sys.stderr):  # the package prints while it loads
        return Offline(use_ECC=False, verbose=False, secret_len=BITS, model_type=variant, loadRemover=False)
