"""Time the synthetic world and its tracker, and measure the tracker's own error, on one core.

    python bench/synthetic.py [--clips 20] [--tracked 6]        (needs scikit-image and opencv-python-headless)

Box and mask IoU are means over all frames after the first on which a sprite is visible; "lost" is the share of those on which
the tracker did not find it. A lost sprite counts as 0.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flashmotion_core.metrics import box_iou, mask_iou
from train.world import synthetic
from train.world.difficulty import PRESETS
from train.world.sprite_tracker import track

CASES = ((128, 17), (256, 33))
SEED = 1000


def main() -> int:
    """Print one row for every size and difficulty."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20, help="clips to render for the speed")
    parser.add_argument("--tracked", type=int, default=6, help="clips to track")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}")
    print(f"{'':22}{'clips/s':>9}{'track s/clip':>14}{'box IoU':>9}{'worst 5 %':>11}{'mask IoU':>10}{'lost':>8}")
    for side, frames in CASES:
        for level in PRESETS:
            synthetic.clip(SEED, 0, level, (side, side), frames)  # fills the caches of shapes and pictures
            start = time.perf_counter()
            for index in range(options.clips):
                synthetic.clip(SEED, index, level, (side, side), frames)
            rate = options.clips / (time.perf_counter() - start)

            boxes, masks, seconds = [], [], 0.0
            for index in range(options.tracked):
                clip = synthetic.clip(SEED, index, level, (side, side), frames)
                start = time.perf_counter()
                tracks = track(clip.frames_THWC, clip.sprites, clip.poses_TN4[0])
                seconds += time.perf_counter() - start
                visible = clip.visible_TN[1:]
                boxes.append(box_iou(tracks.boxes_TN4, clip.boxes_TN4)[1:][visible])
                masks.append(mask_iou(tracks.masks_TNHW, clip.masks_TNHW)[1:][visible])
            box, mask = np.concatenate(boxes), np.concatenate(masks)
            print(
                f"{f'{side} x {side} x {frames}, {level}':22}{rate:9.1f}{seconds / options.tracked:14.2f}{box.mean():9.3f}"
                f"{np.quantile(box, 0.05):11.3f}{mask.mean():10.3f}{(box == 0).mean():8.3f}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
