"""What social platforms do to an uploaded picture, as parameters of a Chain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from underdrawing.attacks.manipulation.chain import Chain, Codec


@dataclass(frozen=True)
class Platform:
    """Size limit and compression of a platform; the source states where each number was measured."""

    longest: int
    """Pixels of the longer side, at most."""
    quality: tuple[int, int]
    """Range of JPEG quality, drawn uniformly; chroma is halved."""
    sharpening: float
    """Share of an unsharp mask of 1 px, where the platform filters; 0 where nothing is known."""
    source: str
    """Publication of the measurements."""

    def draw(self, rng: np.random.Generator) -> Chain:
        """One path of an upload and download."""
        return Chain(
            longest=self.longest,
            last=Codec(int(rng.integers(*self.quality, endpoint=True))),
            sharpening=self.sharpening,
        )


_FACEBOOK = """
    Size: statement of the photo service, 2010 (blog.patyuen.com); later 1920 px (phototacopodcast.com).
    Quality and an enhancing filter: literature on robust watermarks, and Wu et al., Robust Image Forgery
    Detection Against Transmission Over Online Social Networks (TIFS 2022), quoted second hand. Uploads that
    users measured lie inside: 75 (ralfheinrich.de, 2017), 85 (dsp.stackexchange.com 74275, 2021)."""
_WEIBO = """
    No published measurement of the quality was found: size and range of Facebook, without a filter."""
_WECHAT = """
    Luban (github.com/Curzibn/Luban), from about 100 uploads to Moments: 3024x4032 px becomes 1440x1920 of
    303 kB. The quality is an estimate from such sizes, 0.35 to 0.9 bits a pixel."""
_WHATSAPP = """
    Uploads of users: 800 px at 0.5 of the scale of iOS in 2013 (built.io), 1280 px in 2015 (itchban.com),
    1600 px since; about 80 at best quality (royalsblue.com, 2021). The quality is estimated between them."""

PLATFORMS: dict[str, Platform] = {
    "facebook": Platform(2048, (71, 95), 0.1, _FACEBOOK),
    "weibo": Platform(2048, (71, 95), 0.0, _WEIBO),
    "wechat": Platform(1920, (55, 75), 0.0, _WECHAT),
    "whatsapp": Platform(1600, (60, 80), 0.0, _WHATSAPP),
}
"""The four platforms of the robustness tables of the field. A picture below the size limit keeps its size."""
