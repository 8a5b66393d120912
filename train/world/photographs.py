"""The photographs of the world, out of the scikit-image package: only those that its documentation puts under CC0.

| name | what | by | stated in `skimage.data` |
|---|---|---|---|
| chelsea | a cat | Stefan van der Walt | "No copyright restrictions. CC0 by the photographer" |
| coffee | a cup on a table | Rachel Michetti | "No copyright restrictions. CC0 by the photographer" |
| horse | a silhouette | Andreas Preuss | "No copyright restrictions. CC0 given by owner" |
| brick, gravel | CC0Textures' Bricks25, Gravel04 | CC0Textures | "licensed under the Creative Commons CC0 License" |
| grass | DeviantArt's Grass-01 | linolafett | "licensed under the Creative Commons CC0 License" |

All are PNG files, whose decoding is exact; JPEG files are not used, because decoders differ. A digest holds the pixels fixed. What easy clips
need (the horse, as black and white) lies in `photographs/`, so that they can be drawn without the package.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "photographs"
DIGESTS = {
    "brick": "664a145c5253f0d6",
    "chelsea": "416b729128bfb2c3",
    "coffee": "0ce2b51640b9c95f",
    "grass": "b18dae4c68bf850a",
    "gravel": "3d51ad45f789cd8b",
    "horse": "1c40c41499d11d48",
}


@cache
def picture(name: str) -> NDArray[np.uint8]:
    """The picture as uint8, [H, W, 3] or grey [H, W]; read-only.

    Raises RuntimeError when scikit-image is missing or brings other pixels than the world was made with.
    """
    file = FOLDER / f"{name}.png"
    pixels = _read(file) if file.is_file() else _from_package(name)
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()[:16]
    if digest != DIGESTS[name]:
        raise RuntimeError(
            f"the picture {name} has the digest {digest} instead of {DIGESTS[name]}: "
            "install scikit-image 0.26, with which the world was made."
        )
    pixels.flags.writeable = False
    return pixels


def _read(file: Path) -> NDArray[np.uint8]:
    from PIL import Image

    with Image.open(file) as opened:
        return np.asarray(opened).astype(np.uint8)


def _from_package(name: str) -> NDArray[np.uint8]:
    try:
        from skimage import data
    except ImportError:
        raise RuntimeError(
            "scikit-image is not installed, but this part of the synthetic world needs it: pip install scikit-image."
        ) from None
    return np.ascontiguousarray(getattr(data, name)()).astype(np.uint8)
