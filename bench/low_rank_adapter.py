"""What a small adapter file (export.lora_rank) costs: the embedded ControlNet whole and in products of some ranks.

    python bench/low_rank_adapter.py [--clips 24] [--ranks 64 16 4]        (needs the extra [train])

Every row follows the boxes of the same clips with the same noise, on the FastGenerator. Sizes of the 5B are counted from its shapes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from bench.small_map_encoder import HELD_OUT, TINY, Follower, clips_of, map_of, shown
from flashmotion_core.adapters import AdapterFile, ControlNetAdapter, build_adapter, read_adapter, rebuilt, shrunk
from flashmotion_core.adapters.controlnet import generator_key
from flashmotion_core.adapters.low_rank import pays
from flashmotion_core.codec.taehv_file import load_taehv
from flashmotion_core.codec.vae import TinyVae
from flashmotion_core.files.weights import read_tensors
from flashmotion_core.wan.config import TI2V_5B

GENERATOR = TINY / "diffusion_models/flashmotion_tiny_generator.safetensors"
ADAPTER = TINY / "model_patches/flashmotion_tiny_controlnet.safetensors"


def count(file: AdapterFile) -> int:
    """Numbers in a file."""
    return sum(value.numel() for value in file.state_dict.values())


def count_5b(rank: int | None) -> int:
    """Numbers of the 5B's ControlNet, whole or in products of a rank."""
    with torch.device("meta"):
        adapter = ControlNetAdapter(TI2V_5B)
    total = 0
    for key, value in adapter.state_dict().items():
        thin = rank is not None and generator_key(key, adapter.inject_after) is not None and pays(value.shape, rank)
        total += (rank or 0) * sum(value.shape) + 1 if thin else value.numel()
    return total


def rows(whole: AdapterFile, ranks: Sequence[int], follower: Follower) -> dict[str, tuple[AdapterFile, AdapterFile]]:
    """By name: a file, and what is built from it."""
    weights, sizes = read_tensors(GENERATOR)[0], follower.generator.info.config
    found = {"whole": (whole, whole)}
    for rank in ranks:
        small = shrunk(whole, weights, rank)
        made = rebuilt(small, sizes, follower.generator.fingerprint, weights.__getitem__, torch.float32)
        found[f"rank {rank}"] = small, made
    return found


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=24, help="held-out clips")
    parser.add_argument("--ranks", type=int, nargs="+", default=[64, 16, 4])
    options = parser.parse_args()
    vae = TinyVae(load_taehv(TINY / "vae/flashmotion_tiny_vae.safetensors").float())
    follower, whole = Follower(vae, "controlnet"), read_adapter(ADAPTER)
    clips = clips_of(*HELD_OUT, options.clips)
    maps = [vae.encode(map_of(clip, whole.map_style)) for clip in clips]
    print("| ControlNet | of the file | change lost (mean, most) | box IoU | whole minus this | for the 5B, in bf16 |")
    print("|---|---|---|---|---|---|")
    best: list[float] = []
    for name, (file, made) in rows(whole, options.ranks, follower).items():
        follower.adapter = build_adapter(made, follower.generator.info.config, device="cpu", dtype=torch.float32)
        scores = [follower.box_iou(clip, number, maps[number]) for number, clip in enumerate(clips)]
        best = best or scores
        note = file.low_rank
        lost = "" if note is None else f"{note.mean_error:.2f}, {note.worst_error:.2f}"
        apart = shown([a - b for a, b in zip(best, scores, strict=True)])
        gb = 2 * count_5b(None if note is None else note.rank) / 1e9
        share = count(file) / count(whole)
        print(f"| {name} | {share:.0%} | {lost} | {shown(scores)} | {apart} | {gb:.1f} GB |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
