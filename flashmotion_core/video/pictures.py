"""Read pictures and masks of any kind so that they mean what one sees. (Clips: `video_reader.py`.)

Pictures are as ComfyUI's LoadImage gives them: upright as their EXIF orientation says, the first frame of an animation, and
transparency dropped, not composited: hidden pixels show the colour that the file stores for them. Unlike there, 16-bit grey
keeps its levels.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..files.file_kinds import existing_file

Picture = npt.NDArray[np.uint8]
_HALF = 127


def picture_files(folder: Path, suffixes: Collection[str] = (".png",)) -> list[Path]:
    """The pictures of a clip in a folder, in the order of the numbers in their names: 9 before 10; none where there is no folder.

    Args:
        folder: hidden files in it do not count.
        suffixes: that count, also in upper case.
    """
    if not folder.is_dir():
        return []
    files = [path for path in folder.iterdir() if path.suffix.lower() in suffixes and not path.name.startswith(".")]
    return sorted(files, key=lambda path: (_by_number(path.stem), path.name))


def _by_number(name: str) -> list[str | int]:
    return [int(part) if index % 2 else part for index, part in enumerate(re.split(r"([0-9]+)", name))]


def read_image(path: str | Path) -> Picture:
    """A picture as uint8 ``[H, W, 3]``.

    Grey of 16 bits is divided by 257, and decimal grey from 0 to 1 is multiplied by 255.

    Raises:
        ValueError: missing or unreadable file, or grey levels whose range is unknown.
    """
    opened = _open(path)
    grey_HW = _deep_grey(opened, Path(path).name)
    if grey_HW is None:
        return np.array(opened.convert("RGB"))
    return np.repeat(_to_bytes(grey_HW)[..., None], 3, axis=2)


def read_mask(path: str | Path) -> npt.NDArray[np.bool_]:
    """A mask picture ``[H, W]``: True inside the shape that one sees.

    Where a picture is partly transparent, its shape is what is opaque, unless the opaque part itself is drawn in black and
    white. Otherwise the shape is what is brighter than half. A picture of two values, such as 0 and 1 or two colours of a
    palette, has the brighter one as its shape.

    Raises:
        ValueError: missing or unreadable file, or more than two values of which none is brighter than half.
    """
    opened = _open(path)
    name = Path(path).name
    grey_HW = _deep_grey(opened, name)
    if grey_HW is not None:
        return _shape(grey_HW * 255, name)
    alpha_HW = _alpha(opened)
    grey_HW = np.asarray(opened.convert("RGB").convert("L")).astype(np.float64)
    if alpha_HW is None or alpha_HW.min() == alpha_HW.max():
        return _shape(grey_HW, name)
    opaque_HW: npt.NDArray[np.bool_] = alpha_HW > _HALF
    seen = grey_HW[opaque_HW]
    is_drawing = len(seen) > 0 and ((seen < 32) | (seen > 223)).all() and seen.min() < 32 and seen.max() > 223
    return opaque_HW & (grey_HW > _HALF) if is_drawing else opaque_HW


def read_labels(path: str | Path) -> npt.NDArray[Any] | None:
    """The label of each pixel, ``[H, W]`` whole numbers: a palette's index, or a grey level of 1, 8 or 16 bits as stored.

    None for a picture that holds no labels: colours, transparency, or decimal numbers.

    Raises:
        ValueError: missing or unreadable file.
    """
    opened = _open(path)
    labels = np.array(opened)
    if opened.mode == "RGB" and not np.ptp(labels, axis=2).any():
        labels = labels[..., 0]  # grey that a program saved as a colour picture
    alpha_HW = _alpha(opened) if opened.mode != "P" else None
    is_opaque = alpha_HW is None or alpha_HW.min() == 255
    return labels if labels.ndim == 2 and labels.dtype.kind in "iub" and is_opaque else None


def _open(path: str | Path) -> Any:
    """The picture's first frame, upright and in memory."""
    from PIL import Image, ImageOps

    path = existing_file(path)
    try:
        with Image.open(path) as image:
            # Not MPO: a camera's photograph with a preview or the other eye's view in it.
            if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
                logging.warning("%s is an animation of %d pictures; its first one is used.", path.name, image.n_frames)
            upright = ImageOps.exif_transpose(image)
            upright.load()
            return upright
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"{path.name} cannot be read as a picture ({error}); choose an undamaged picture file."
        ) from error


def _deep_grey(image: Any, name: str) -> npt.NDArray[np.float64] | None:
    """Levels from 0 to 1 of grey with more than 8 bits; None for other pictures. Pillow would clip these at 255."""
    if not image.mode.startswith(("I", "F")):
        return None
    grey_HW = np.array(image).astype(np.float64)
    low, high = float(grey_HW.min()), float(grey_HW.max())
    most = 1.0 if image.mode == "F" else 65535.0
    if not (low >= 0 and high <= most):
        raise ValueError(
            f"{name} has grey levels from {low:g} to {high:g}, whose range is unknown; save it as a PNG of 8 or 16 bits."
        )
    return grey_HW / most


def _to_bytes(grey_HW: npt.NDArray[np.float64]) -> Picture:
    return np.floor(grey_HW * 255 + 0.5).astype(np.uint8)


def _alpha(image: Any) -> npt.NDArray[np.uint8] | None:
    """The opacity from 0 to 255, of an alpha channel or of a transparent colour; None if every pixel is opaque by kind."""
    if "A" in image.getbands() or "transparency" in image.info:
        return np.asarray(image.convert("RGBA"))[..., 3]
    return None


def _shape(grey_HW: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.bool_]:
    """The bright part of levels from 0 to 255."""
    values = np.unique(grey_HW)
    if len(values) == 2:
        bright_HW: npt.NDArray[np.bool_] = grey_HW == values[1]
        return bright_HW
    if len(values) == 1 and values[0] == 1:
        return np.ones(grey_HW.shape, dtype=np.bool_)
    if len(values) > 2 and values[-1] <= _HALF:
        raise ValueError(
            f"{name} has {len(values)} grey levels up to {values[-1]:.0f} of 255, none brighter than half; "
            "give a mask with one white shape on black."
        )
    bright_HW = grey_HW > _HALF
    return bright_HW
