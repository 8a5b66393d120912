"""Time the control map against the plain OpenCV loop: 121 frames of 704 x 1280 with 6 moving objects.

    python bench/control_map.py [--repeat 5]        (needs opencv-python-headless)

It checks that both draw the same pixels. "cold" is the first call, in which the system allocates fresh memory; the other
times are the best of the repeats. Peak memory is what a renderer adds to its own process. The system counts only pages that
were written, so black rows of the video are not included.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flashmotion_core.trajectory import (
    Keyframe,
    Sampled,
    TrackedObject,
    Trajectory,
    object_color,
    pixel_boxes,
    render,
    render_chunks,
    sample,
)

SIZE, FRAMES, OBJECTS, THICKNESS = (1280, 704), 121, 6, 7


def scene() -> Sampled:
    """Six boxes of a quarter of the frame's width and a third of its height on smooth paths, leaving the frame at times."""
    objects = tuple(
        TrackedObject(
            f"o{n}",
            tuple(
                Keyframe(30 * k, 0.5 + 0.5 * np.cos(n + k), 0.5 + 0.5 * np.sin(2 * n + k), 0.25, 0.35, "in-out")
                for k in range(5)
            ),
            path="smooth",
        )
        for n in range(OBJECTS)
    )
    return sample(Trajectory(SIZE, FRAMES, objects))


def ellipses(sampled: Sampled) -> np.ndarray:
    """Frame-0 masks [N, H, W]: the ellipse in each box."""
    row, column = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    return np.array(
        [((column - x) / w - 0.5) ** 2 + ((row - y) / h - 0.5) ** 2 < 0.25 for x, y, w, h in sampled.boxes_TN4[0]]
    )


def opencv_loop(sampled: Sampled, _: np.ndarray | None = None) -> np.ndarray:
    """The straightforward version: a zeroed video, and cv2.rectangle for each box of each frame."""
    import cv2

    rects_TN4, drawn_TN = pixel_boxes(sampled)
    pictures = np.zeros((FRAMES, SIZE[1], SIZE[0], 3), dtype=np.uint8)
    for t in range(FRAMES):
        for k in range(OBJECTS):
            if drawn_TN[t, k]:
                left, top, right, bottom = rects_TN4[t, k].tolist()
                if t == 0:
                    pictures[t, top:bottom, left:right] = object_color(k)
                else:
                    cv2.rectangle(pictures[t], (left, top), (right, bottom), object_color(k), THICKNESS)
    return pictures


def whole(sampled: Sampled, _: np.ndarray) -> None:
    """The default: outlines, in one array."""
    render(sampled, thickness=THICKNESS)


def chunked(sampled: Sampled, _: np.ndarray) -> None:
    """Outlines, 16 frames at a time."""
    for _ in render_chunks(sampled, thickness=THICKNESS):
        pass


def filled(sampled: Sampled, _: np.ndarray) -> None:
    """Filled rectangles in all frames."""
    render(sampled, mode="mask")


def moved_masks(sampled: Sampled, masks_NHW: np.ndarray) -> None:
    """Moved masks in all frames."""
    render(sampled, masks_NHW, mode="mask")


RENDERERS: dict[str, Callable[[Sampled, np.ndarray], object]] = {
    "render, mode box": whole,
    "render_chunks, mode box": chunked,
    "render, mode mask, rectangles": filled,
    "render, mode mask, moved masks": moved_masks,
    "OpenCV loop, mode box": opencv_loop,
}


COMPARE = "compare"


def measure(name: str, repeat: int) -> None:
    """Print one renderer's times and peak memory (runs in its own process)."""
    sampled = scene()
    masks_NHW = ellipses(sampled)
    run = RENDERERS[name]
    before = peak_mib()
    times = []
    for _ in range(repeat + 1):
        start = time.perf_counter()
        run(sampled, masks_NHW)
        times.append(time.perf_counter() - start)
    print(f"{min(times[1:]):.6f} {times[0]:.6f} {peak_mib() - before:.0f}")


def peak_mib() -> float:
    """The process's largest memory so far, in MiB; NaN where the system does not report it."""
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


def main() -> int:
    """Compare pixels, then measure every renderer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", choices=[*RENDERERS, COMPARE], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only == COMPARE:
        sampled = scene()
        print(np.array_equal(render(sampled, thickness=THICKNESS), opencv_loop(sampled)))
        return 0
    if options.only:
        measure(options.only, options.repeat)
        return 0

    def child(name: str) -> list[str]:
        """Run each in its own process; this one stays small, because children inherit its peak memory."""
        command = [sys.executable, __file__, "--only", name, "--repeat", str(options.repeat)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    same = child(COMPARE) == ["True"]
    video = FRAMES * SIZE[0] * SIZE[1] * 3 / 2**20
    print(f"{FRAMES} frames, {SIZE[0]} x {SIZE[1]}, {OBJECTS} objects; the video has {video:.0f} MiB")
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}")
    print(f"pixels equal to the OpenCV loop: {'yes' if same else 'NO'}\n")
    print(f"{'':32}{'best':>10}{'cold':>10}{'peak memory':>14}")
    best = {}
    for name in RENDERERS:
        seconds, cold, memory = child(name)
        best[name] = float(seconds)
        print(f"{name:32}{float(seconds):9.3f}s{float(cold):9.3f}s{memory:>10} MiB")
    ratio = best["render, mode box"] / best["OpenCV loop, mode box"]
    print(f"\nrender takes {ratio:.2f} times the time of the OpenCV loop")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
