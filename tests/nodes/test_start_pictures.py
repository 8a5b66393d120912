"""The start image as DrawTrajectory returns it to the editor: what it got, uncropped, and which frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from .helpers import Rig


def shown(rig: Rig, start_image: torch.Tensor | None) -> tuple[list[Image.Image], list[int]]:
    """The pictures that the editor gets, and the frame of each."""
    import folder_paths

    told = rig.draw(start_image=start_image).ui
    names = [str(name).removesuffix(" [temp]") for name in told["start_image"]]
    pictures = [Image.open(Path(folder_paths.get_temp_directory()) / name) for name in names]
    return pictures, [int(frame) for frame in told["start_image_frames"]]


def test_one_picture_is_returned_uncropped(rig: Rig) -> None:
    image_BHWC = torch.zeros(1, 40, 200, 3)
    image_BHWC[:, :, :20, 0] = 1
    (picture,), frames = shown(rig, image_BHWC)
    assert frames == [0]
    assert picture.size == (200, 40)
    pixels = np.asarray(picture)
    assert pixels[20, 5].tolist() == [255, 0, 0]
    assert pixels[20, 100].tolist() == [0, 0, 0]


def test_a_batch_is_returned_in_frames_spread_evenly(rig: Rig) -> None:
    image_BHWC = (torch.arange(40.0) / 40)[:, None, None, None].expand(40, 32, 48, 3)
    pictures, frames = shown(rig, image_BHWC)
    assert (len(frames), frames[0], frames[-1]) == (16, 0, 39)
    assert max(np.diff(frames)) <= 3
    for picture, frame in zip(pictures, frames, strict=True):
        assert np.asarray(picture).mean() == pytest.approx(255 * frame / 40, abs=1)


def test_a_large_picture_is_made_smaller(rig: Rig) -> None:
    (picture,), _ = shown(rig, torch.zeros(1, 1000, 2000, 3))
    assert picture.size == (1280, 640)


def test_without_a_start_image_there_is_nothing(rig: Rig) -> None:
    assert shown(rig, None) == ([], [])


def test_the_crop_is_comfyuis_own(rig: Rig) -> None:
    import comfy.utils

    from flashmotion_core.trajectory.drawing.crop import crop_to_cover

    for width, height in ((30, 41), (41, 30), (64, 36), (33, 34)):
        rows, columns = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
        places_1CHW = torch.stack([columns, rows])[None]
        for size in ((128, 64), (64, 128), (96, 96)):
            left, top, kept_width, kept_height = crop_to_cover((width, height), size)
            shown = comfy.utils.common_upscale(places_1CHW, *size, "nearest-exact", "center")[0]
            assert [shown[0].min(), shown[0].max()] == [left, left + kept_width - 1]
            assert [shown[1].min(), shown[1].max()] == [top, top + kept_height - 1]
