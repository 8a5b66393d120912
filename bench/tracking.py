"""Compare the sprite tracker with the slow one that draws every pose: time and results, on real and on degraded clips, on one core.

    python bench/tracking.py [--clips 6] [--difficulty easy] [--kinds real blurred]     (needs opencv-python-headless)

Box IoU is against the true places of the sprites, a mean over frames and sprites, then over clips; "apart" is the range over single clips of
new minus slow. On degraded clips the agreement is flat, and the last digits decide which pose is found: single clips differ, means hardly.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.tracking_reference import track as track_slowly
from flashmotion_core.metrics import box_iou
from train.world import synthetic
from train.world.degrade import DEGRADATIONS
from train.world.sprite_tracker import Tracks, track
from train.world.synthetic import Clip

SEED = 1000


def found(tracker: Callable[..., Tracks], frames_THWC: NDArray[np.uint8], clip: Clip) -> tuple[float, float, float]:
    """(seconds of this process, mean box IoU, share not found)."""
    started = time.process_time()
    tracks = tracker(frames_THWC, clip.sprites, clip.poses_TN4[0])
    seconds = time.process_time() - started
    visible_TN = clip.visible_TN.copy()
    visible_TN[0] = False
    iou = box_iou(tracks.boxes_TN4, clip.boxes_TN4)[visible_TN].mean()
    return seconds, float(iou), float(1 - tracks.found_TN[visible_TN].mean())


def main() -> int:
    """Print one row for each degradation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--difficulty", default="easy")
    parser.add_argument("--side", type=int, default=128, help="side of the clips, in pixels")
    parser.add_argument("--kinds", nargs="*", default=["real", *DEGRADATIONS], help="real, or names of degradations")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}")
    print(
        f"{'':12}{'slow s':>8}{'new s':>8}{'times':>7}{'slow IoU':>10}{'new IoU':>9}{'apart':>18}{'slow lost':>11}{'new lost':>10}"
    )
    for kind in options.kinds:
        rows = []
        for index in range(options.clips):
            clip = synthetic.clip(SEED, index, options.difficulty, (options.side, options.side), 17)
            frames = clip.frames_THWC
            if kind != "real":
                frames = DEGRADATIONS[kind](frames, 0.5, np.random.default_rng(index))
            rows.append((*found(track_slowly, frames, clip), *found(track, frames, clip)))
        slow_s, slow, slow_lost, new_s, new, new_lost = np.array(rows).T
        apart = f"{(new - slow).min():+.3f} to {(new - slow).max():+.3f}"
        print(
            f"{kind:12}{slow_s.mean():8.2f}{new_s.mean():8.2f}{slow_s.sum() / new_s.sum():7.1f}{slow.mean():10.4f}{new.mean():9.4f}{apart:>18}"
            f"{slow_lost.mean():11.3f}{new_lost.mean():10.3f}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
