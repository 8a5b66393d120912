"""What a clip costs on its way from a video to training, step by step, and what 100,000 of them cost.

    python bench/data_scale.py [--runs 3]        (needs the extra [train] and diffusers)

The video is h264, 1920 x 1080, 24 frames a second; the clip 1280 x 704 x 121 with two objects, as the 5B takes it. Times are of one core
(processor time, the median of the runs). The Wan 2.2 VAE and umT5 are not run: their FLOPs are counted on the meta device with real sizes, and
turned into seconds of a GPU at 40 % of an H100's 989 TFLOPS (bf16, dense). That share is an assumption; a GPU has to show it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flashmotion_core.adapters import MapStyle
from flashmotion_core.trajectory import Keyframe, TrackedObject, Trajectory, dumps
from flashmotion_core.video.frames import Frames
from flashmotion_core.video.mp4 import write_mp4
from flashmotion_core.wan.conditioning import latent_shape
from train.data.clip_file import LATENTS, ClipRecord, read_clip, read_record, write_clip
from train.data.clip_index import ClipIndex, write_index
from train.data.control import control_maps
from train.data.sources import SourceClip
from train.data.video_files import inspect, read_frames
from train.data.video_identity import content, identity

SIZE, FRAMES, TOKENS, TEXT_WIDTH = (1280, 704), 121, 100, 4096
CLIPS = 100_000
H100, SHARE = 989e12, 0.4
UMT5 = 5.68e9
"""Weights of umT5's encoder; two FLOPs for each and token."""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        _table(*_steps(Path(folder), runs))


def _steps(folder: Path, runs: int) -> tuple[dict[str, tuple[float, int]], float, float]:
    """Seconds and bytes of each step on a core; seconds of the VAE and of umT5 on a GPU."""
    video = folder / "clip.mp4"
    write_mp4(video, _film(), 24.0, crf=20)
    video.with_suffix(".json").write_text(dumps(_two_objects()), encoding="utf-8")
    entry = inspect(video, SIZE, FRAMES, 24.0)
    clip = SourceClip(
        "clip", read_frames(video, entry, SIZE), 24.0, "", entry.trajectory, None, {"video": {"path": str(video)}}
    )
    shape = latent_shape(*SIZE, FRAMES)
    tensors = {name: torch.randn(shape).half() for name in LATENTS}
    tensors |= {"inside": torch.zeros(1, *shape[1:], dtype=torch.uint8), "text": torch.randn(TOKENS, TEXT_WIDTH).half()}
    path = folder / "0123456789abcdef.safetensors"
    record = ClipRecord(
        "clip", path.name, 0, FRAMES, *SIZE, 24.0, 2, "a prompt " * 20, (TOKENS, TEXT_WIDTH), clip.origin, 0
    )
    write_clip(path, record, tensors)
    whole, count = read_record(path), 2000
    lines = _seconds(lambda: write_index(folder, "f", ((n, whole) for n in range(count)), count), runs)
    written = path.stat().st_size
    steps = {
        "look: packets, times, hashes, boxes": (_seconds(lambda: _look(video), runs), video.stat().st_size),
        "decode, scale, crop 121 frames": (
            _seconds(lambda: read_frames(video, entry, SIZE), runs),
            clip.frames_THWC.nbytes,
        ),
        "two control maps": (_seconds(lambda: control_maps(clip, MapStyle()), runs), 2 * clip.frames_THWC.nbytes),
        "write with checksum": (_seconds(lambda: write_clip(path, record, tensors), runs), written),
        "check whole, or read in training": (_seconds(lambda: read_clip(path, whole), runs), written),
        "list in the index": (lines / count, (folder / "index.jsonl").stat().st_size // count),
        "open the index (once a phase)": (_seconds(lambda: ClipIndex(folder), runs) / count, 16),
    }
    return steps, 3 * _vae_flops() / (H100 * SHARE), 2 * UMT5 * TOKENS / (H100 * SHARE)


def _look(video: Path) -> None:
    inspect(video, SIZE, FRAMES, 24.0)
    identity(video)
    content(video)


def _seconds(work: Callable[[], object], runs: int) -> float:
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return median(times)


def _film() -> Frames:
    """Noise of a natural spectrum that drifts, so that h264 has work to do."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (68, 128, 3), np.uint8)
    picture = np.kron(coarse, np.ones((18, 18, 1), np.uint8))
    picture = np.clip(picture.astype(int) + random.normal(0, 12, picture.shape), 0, 255).astype(np.uint8)
    return np.stack([picture[t : t + 1080, 2 * t : 2 * t + 1920] for t in range(FRAMES)])


def _two_objects() -> Trajectory:
    objects = tuple(
        TrackedObject(f"o{n}", (Keyframe(0, 0.2, 0.3 * n, 0.2, 0.3), Keyframe(FRAMES - 1, 0.8, 0.3 * n, 0.2, 0.3)))
        for n in (1, 2)
    )
    return Trajectory((1920, 1080), FRAMES, objects, 24.0)


def _vae_flops() -> float:
    """FLOPs of encoding one clip with the Wan 2.2 VAE."""
    from diffusers import AutoencoderKLWan
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        vae = AutoencoderKLWan(
            base_dim=160,
            decoder_base_dim=256,
            z_dim=48,
            dim_mult=[1, 2, 4, 4],
            num_res_blocks=2,
            attn_scales=[],
            temperal_downsample=[False, True, True],
            is_residual=True,
            in_channels=12,
            out_channels=12,
            patch_size=2,
            scale_factor_spatial=16,
            scale_factor_temporal=4,
        )
        clip = torch.zeros(1, 3, FRAMES, SIZE[1], SIZE[0])
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        vae.encode(clip)
    return float(counter.get_total_flops())


def _table(steps: dict[str, tuple[float, int]], vae: float, text: float) -> None:
    print("| step, per clip | seconds | clips/s | bytes | 100,000 clips |\n| --- | --- | --- | --- | --- |")
    for name, (seconds, size) in steps.items():
        print(f"| {name} | {seconds:.4f} | {1 / seconds:,.1f} | {size:,} | {seconds * CLIPS / 3600:,.1f} core hours |")
    for name, seconds in (("VAE, three videos (derived)", vae), (f"umT5, {TOKENS} tokens (derived)", text)):
        print(f"| {name} | {seconds:.4f} | {1 / seconds:,.1f} | | {seconds * CLIPS / 3600:,.1f} H100 hours |")
    names = list(steps)
    cores, size = sum(steps[name][0] for name in names[:4]), steps["write with checksum"][1]
    print(
        f"\n{CLIPS:,} clips: {size * CLIPS / 1e12:.2f} TB, {cores * CLIPS / 3600:,.0f} core hours and {(vae + text) * CLIPS / 3600:,.0f} H100 hours. "
        f"One GPU keeps {cores / (vae + text):.1f} cores busy (data.workers)."
    )


if __name__ == "__main__":
    main()
