"""What a control map costs in box IoU when a small encoder makes it: the tiny models on clips that nothing was trained or chosen on.

    python bench/small_map_encoder.py [--clips 100] [--kinds resnet controlnet]        (needs the extra [train])

The embedded codec's encoder is the full one: 48 numbers of 4 x 16 x 16 pixels. The small ones see these pixels at a half, a quarter or an eighth
of the resolution. They are distilled from it, in closed form as it is linear: fitted on control maps, or on clips, as the field's small codecs
are, which never saw a control map. Start picture and decoder stay the embedded codec's, and a clip's noise is the same in every row, so rows
are compared clip by clip; brackets hold 95 % of the bootstrap's means.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flashmotion_core.adapters import MapStyle, build_adapter, read_adapter
from flashmotion_core.codec.taehv_file import load_taehv
from flashmotion_core.codec.vae import TinyVae
from flashmotion_core.generation.adapter_control import Control
from flashmotion_core.generation.loading import load_generator
from flashmotion_core.generation.pipeline import sample_latent
from flashmotion_core.generation.text_encoder import no_text
from flashmotion_core.video.frames import Frames
from flashmotion_core.wan.config import SPATIAL_STRIDE, TEMPORAL_STRIDE
from train.data.control import control_maps
from train.data.sources import SourceClip
from train.data.synthetic_source import SyntheticSource, synthetic_clip
from train.evaluation.measures import track_scores
from train.evaluation.summary import interval

TINY = Path(__file__).resolve().parents[1] / "assets" / "tiny"
KINDS = ("resnet", "controlnet")
DIFFICULTY, SIZE, FRAMES = "simple", (128, 128), 17
FITTED_ON, HELD_OUT = ("train", 77), ("eval_a", 5005)
RIDGE = 1e-4
"""Added to the diagonal of the least squares, as a share of its mean."""

Encoder = Callable[[Frames], Tensor]
"""Frames ``[T, H, W, 3]`` -> normalised latent ``[1, 48, F, H / 16, W / 16]``."""


def clips_of(split: str, seed: int, count: int) -> list[SourceClip]:
    """Clips of the synthetic world, of the tiny models' size."""
    source = SyntheticSource(seed, count, DIFFICULTY, SIZE, FRAMES, split)
    return [source.clip(index) for index in range(count)]


def map_of(clip: SourceClip, style: MapStyle) -> Frames:
    """A clip's control map as the embedded adapters were trained on it."""
    return control_maps(clip, style, "boxes")[0]


def cells(frames: Frames, coarse: int) -> Tensor:
    """What lies under each of a latent's cells, with pixels of `coarse` x `coarse`: ``[F, H / 16, W / 16, K + 1]``, the last of them 1."""
    pixels = torch.from_numpy(frames).movedim(-1, 1).float() / 255
    pixels = torch.cat([pixels[:1].expand(TEMPORAL_STRIDE - 1, -1, -1, -1), pixels])
    patches = functional.pixel_unshuffle(functional.avg_pool2d(pixels, coarse), SPATIAL_STRIDE // coarse)
    rows = patches.unflatten(0, (-1, TEMPORAL_STRIDE)).flatten(1, 2).movedim(1, -1)
    return functional.pad(rows, (0, 1), value=1.0)


def distilled(full: Encoder, videos: Sequence[Frames], coarse: int) -> Encoder:
    """The linear code of coarse pixels that comes closest to the full encoder on these videos."""
    inputs = torch.cat([cells(video, coarse).flatten(0, 2) for video in videos]).double()
    wanted = torch.cat([full(video)[0].movedim(0, -1).flatten(0, 2) for video in videos]).double()
    squares = inputs.T @ inputs
    squares += RIDGE * squares.diagonal().mean() * torch.eye(len(squares))
    weights = torch.linalg.solve(squares, inputs.T @ wanted).float()
    return lambda frames: (cells(frames, coarse) @ weights).movedim(-1, 0)[None]


class Follower:
    """The embedded FastGenerator with an adapter, measured on one clip after another."""

    def __init__(self, vae: TinyVae, kind: str) -> None:
        self.vae = vae
        self.generator = load_generator(
            TINY / "diffusion_models/flashmotion_tiny_generator.safetensors", "cpu", torch.float32, "core"
        )
        file = read_adapter(TINY / f"model_patches/flashmotion_tiny_{kind}.safetensors")
        config = self.generator.info.config
        self.adapter, self.text = build_adapter(file, config, device="cpu", dtype=torch.float32), no_text(config)

    def box_iou(self, clip: SourceClip, number: int, control_BCFHW: Tensor) -> float:
        """How closely the clip's objects follow their boxes, 0 to 1; the noise depends on the number alone."""
        latent = sample_latent(
            self.generator,
            self.text,
            control_BCFHW.shape[1:],
            [Control(self.adapter, control_BCFHW)],
            clean_BCFHW=self.vae.encode(clip.frames_THWC[:1]),
            seed=number,
        )
        found = track_scores(np.stack(list(self.vae.decode(latent))), synthetic_clip(clip.origin))["box_iou"]
        assert found is not None
        return found


def shown(values: Sequence[float]) -> str:
    """Mean and interval."""
    low, high = interval([{"box_iou": value} for value in values], "box_iou", 0)
    return f"{np.mean(values):.3f} ({low:.3f} to {high:.3f})"


def main() -> int:
    """Distil, measure, and print a table for each adapter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=100, help="held-out clips")
    parser.add_argument("--pool", type=int, default=80, help="clips to distil on")
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS, help="of adapter")
    options = parser.parse_args()
    style = read_adapter(TINY / "model_patches/flashmotion_tiny_resnet.safetensors").map_style
    vae = TinyVae(load_taehv(TINY / "vae/flashmotion_tiny_vae.safetensors").float())
    pool, held_out = clips_of(*FITTED_ON, options.pool), clips_of(*HELD_OUT, options.clips)
    maps = [map_of(clip, style) for clip in pool]
    encoders: dict[str, Encoder] = {
        "full": vae.encode,
        "half, fitted on control maps": distilled(vae.encode, maps, 2),
        "quarter, fitted on control maps": distilled(vae.encode, maps, 4),
        "quarter, fitted on clips": distilled(vae.encode, [clip.frames_THWC for clip in pool], 4),
        "eighth, fitted on control maps": distilled(vae.encode, maps, 8),
    }
    latents = {name: [encode(map_of(clip, style)) for clip in held_out] for name, encode in encoders.items()}
    exact = torch.cat(latents["full"])
    for kind in options.kinds:
        follower = Follower(vae, kind)
        scores: dict[str, list[float]] = {name: [] for name in encoders}
        for number, clip in enumerate(held_out):
            for name, found in scores.items():
                found.append(follower.box_iou(clip, number, latents[name][number]))
            print(f"\r{kind}: {number + 1} of {len(held_out)} clips", end="", file=sys.stderr, flush=True)
        print(f"\n| {kind}: control map by | error of its latent | box IoU | full minus this |\n|---|---|---|---|")
        for name, found in scores.items():
            error = float((torch.cat(latents[name]) - exact).square().mean().sqrt() / exact.std())
            apart = [a - b for a, b in zip(scores["full"], found, strict=True)]
            print(f"| {name} | {100 * error:.0f} % | {shown(found)} | {shown(apart)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
