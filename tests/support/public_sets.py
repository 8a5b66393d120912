"""Small sets in the layouts of public ones, with their real file formats: mp4, jpg, palette png, npy, csv."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from flashmotion_core.video.mp4 import write_mp4
from train.world import synthetic
from train.world.difficulty import PRESETS
from train.world.synthetic import Clip

SIZE, FRAMES = (96, 64), 7
PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
COLORS = np.array([(0, 0, 0), (128, 32, 32), (128, 80, 80)], np.uint8)


@cache
def two_things(index: int) -> Clip:
    """A clip of the synthetic world with two objects that do not overlap."""
    world = replace(PRESETS["simple"], sprites=(2, 2), overlap=0.0)
    return synthetic.clip(31, index, world, SIZE, FRAMES, "eval_a")


def make_magic(folder: Path, names: tuple[str, ...] = ("0001", "0002")) -> Path:
    """MagicData's layout, with masks, outlines of boxes in other colours, and a list."""
    (folder / "videos").mkdir(parents=True)
    rows = ["path,text,num_frames"]
    for index, name in enumerate(names):
        clip = two_things(index)
        write_mp4(folder / f"videos/{name}.mp4", clip.frames_THWC, 24, crf=4)
        rows.append(f'{name}.mp4,"two things, moving",{FRAMES}')
        for kind in ("masks", "boxs"):
            (folder / kind / name).mkdir(parents=True)
        for t, owner_HW in enumerate(clip.owner_THW):
            Image.fromarray(COLORS[owner_HW]).save(folder / f"masks/{name}/annotated_frame_{t:05d}.png")
            boxes_HWC = np.zeros((*owner_HW.shape, 3), np.uint8)
            for n in (1, 2):
                rows_N, columns_N = np.nonzero(owner_HW == n)
                x0, y0, x1, y1 = columns_N.min(), rows_N.min(), columns_N.max() + 1, rows_N.max() + 1
                inner_HWC = boxes_HWC[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1].copy()
                boxes_HWC[y0:y1, x0:x1] = COLORS[n] * 2 - 1
                boxes_HWC[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1] = inner_HWC
            Image.fromarray(boxes_HWC).save(folder / f"boxs/{name}/annotated_frame_{t:05d}.png")
    (folder / "FlashBench.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def make_davis(folder: Path, names: tuple[str, ...] = ("bear", "bus")) -> Path:
    """DAVIS 2017: pictures, palette annotations, a list; and a black and white one of 2016."""
    for year in ("2016", "2017"):
        (folder / f"ImageSets/{year}").mkdir(parents=True)
    (folder / "ImageSets/2017/val.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    lines = [f"/JPEGImages/480p/mono/{t:05d}.jpg /Annotations/480p/mono/{t:05d}.png" for t in range(FRAMES)]
    (folder / "ImageSets/2016/train.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for index, name in enumerate((*names, "mono")):
        clip = two_things(index)
        for kind in ("JPEGImages", "Annotations"):
            (folder / kind / "480p" / name).mkdir(parents=True)
        for t, owner_HW in enumerate(clip.owner_THW):
            Image.fromarray(clip.frames_THWC[t]).save(folder / f"JPEGImages/480p/{name}/{t:05d}.jpg", quality=95)
            file = folder / f"Annotations/480p/{name}/{t:05d}.png"
            if name == "mono":
                Image.fromarray(((owner_HW == 1) * 255).astype(np.uint8)).save(file)
            else:
                picture = Image.fromarray(owner_HW, mode="P")
                picture.putpalette(PALETTE)
                picture.save(file)
    return folder


def make_move_bench(folder: Path, names: tuple[str, ...] = ("pexels_1", "pexels_2")) -> Path:
    """MoveBench: a track in one object (single) and in both (multi), first-frame masks as labels, videos at 16 frames a second."""
    root = folder / "en"
    for kind in (
        "video",
        "first_frame",
        "track/single",
        "track/multi",
        "first_frame_mask/single",
        "first_frame_mask/multi",
    ):
        (root / kind).mkdir(parents=True)
    for mode in ("single", "multi"):
        lines = [f"{name}.mp4,Things move, and the camera does not." for name in names]
        (root / f"{mode}_track.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for index, name in enumerate(names):
            clip = two_things(index)
            write_mp4(root / f"video/{name}.mp4", clip.frames_THWC, 16, crf=4)
            Image.fromarray(clip.frames_THWC[0]).save(root / f"first_frame/{name}.jpg")
            count = 1 if mode == "single" else 2
            centres_TN2 = clip.boxes_TN4[:, :count, :2] + clip.boxes_TN4[:, :count, 2:] / 2
            np.save(root / f"track/{mode}/{name}_tracks.npy", centres_TN2[None].astype(np.float32))
            np.save(root / f"track/{mode}/{name}_visibility.npy", np.ones((1, FRAMES, count), np.bool_))
            labels_HW = np.where(clip.owner_THW[0] <= count, clip.owner_THW[0], 0).astype(np.uint8)
            shown_HW = labels_HW * 255 if mode == "single" else labels_HW
            Image.fromarray(shown_HW.astype(np.uint8)).save(root / f"first_frame_mask/{mode}/{name}.png")
    return folder
