"""The clips of the experiment, drawn and encoded in parts, and kept whole on the device while a network learns from them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flashmotion_core.codec.taehv import TAEHV
from flashmotion_core.codec.taehv_file import load_taehv
from flashmotion_core.files.weights import read_tensors, save_whole
from flashmotion_core.trajectory import sample
from flashmotion_core.video.frames import Frames
from flashmotion_core.wan.conditioning import denormalise, normalise
from train.codec.linear_start import decode_whole, encode_whole
from train.config.schema import Config
from train.data.clip_file import LATENTS
from train.data.control import control_maps, inside_map
from train.data.encoded import Batch, EncodedClips
from train.data.sources import Source, SourceClip
from train.data.synthetic_source import synthetic_clip
from train.engine.streams import seed_of
from train.world.synthetic import Clip

from .claim_sizes import TEXT_DIM, TEXT_ROWS

AT_ONCE = 8
"""Clips that pass through the codec together."""
SILENT = {"a", "and", "in", "motion", "hands", "turn", "while", "the", "camera", "goes"}
"""Words that all prompts have."""


class ResidentClips(EncodedClips):
    """Encoded clips as one tensor of each kind on the device; they are not read again for every batch."""

    def __init__(self, files: Sequence[Path], device: torch.device) -> None:
        parts = [read_tensors(file)[0] for file in sorted(files)]
        order = torch.cat([part["number"] for part in parts]).argsort()
        self.kept = {name: torch.cat([part[name] for part in parts])[order].to(device) for name in parts[0]}
        self.groups = [list(range(len(order)))]  # type: ignore[list-item]
        self.text_dim = TEXT_DIM

    def __len__(self) -> int:
        """How many clips."""
        return len(self.kept["number"])

    def batch(self, indices: Sequence[int], device: torch.device | str = "cpu") -> Batch:
        """Some clips as a batch, where they are; `device` does not move them."""
        where = torch.tensor(list(indices), device=self.kept["number"].device)
        clip, boxes, masks, inside, text = (self.kept[name][where].float() for name in (*LATENTS, "inside", "text"))
        return Batch(clip, boxes, masks, inside, text, [str(index) for index in indices])


def text_tokens(prompt: str) -> Tensor:
    """A prompt as ``[TEXT_ROWS, TEXT_DIM]``: a fixed random vector for each word that says something, over and over until the rows are full."""
    words = [word for word in re.findall(r"[a-z]+", prompt.lower()) if word not in SILENT] or ["nothing"]
    chosen = [words[row % len(words)] for row in range(TEXT_ROWS)]
    return torch.stack([_word(word) for word in chosen])


@lru_cache(maxsize=256)
def _word(word: str) -> Tensor:
    return torch.randn(TEXT_DIM, generator=torch.Generator().manual_seed(seed_of(f"word/{word}")))


def write_part(source: Source, numbers: Sequence[int], config: Config, codec: TAEHV, file: Path) -> None:
    """Draw some clips of a source, encode them and their control maps, and write them to one file."""
    parts: dict[str, list[Tensor]] = {}
    for first in range(0, len(numbers), AT_ONCE):
        clips = [source.clip(number) for number in numbers[first : first + AT_ONCE]]
        for name, values in _encoded(clips, config, codec).items():
            parts.setdefault(name, []).append(values)
    tensors = {name: torch.cat(values).contiguous() for name, values in parts.items()}
    save_whole(file, tensors | {"number": torch.tensor(numbers)}, {})


def _encoded(clips: Sequence[SourceClip], config: Config, codec: TAEHV) -> dict[str, Tensor]:
    data = config.data
    maps = [control_maps(clip, data.style(), data.first_frame) for clip in clips]
    videos = {
        LATENTS[0]: [clip.frames_THWC for clip in clips],
        LATENTS[1]: [boxes for boxes, _ in maps],
        LATENTS[2]: [masks for _, masks in maps],
    }
    found = {name: encoded(codec, frames).half().cpu() for name, frames in videos.items()}
    found["inside"] = torch.stack([torch.from_numpy(inside_map(sample(clip.trajectory))) for clip in clips])
    found["text"] = torch.stack([text_tokens(clip.prompt) for clip in clips]).half()
    return found


def codec_of(file: Path, device: torch.device) -> TAEHV:
    """A codec, to be used and not trained."""
    codec = load_taehv(file).float().to(device)
    return codec.eval().requires_grad_(False)


@torch.no_grad()
def encoded(codec: TAEHV, clips: Sequence[Frames]) -> Tensor:
    """Normalised latents ``[B, C, F, H, W]``; all frames at once, which a GPU does far sooner than one by one."""
    pixels = torch.from_numpy(np.stack(clips)).to(next(codec.parameters()).device)
    return normalise(encode_whole(codec, pixels.permute(0, 4, 1, 2, 3).float() / 255))


@torch.no_grad()
def decoded_clips(codec: TAEHV, latents_BCFHW: Tensor) -> Iterator[Frames]:
    """Frames ``[T, H, W, 3]`` of each clip."""
    for latents in latents_BCFHW.split(AT_ONCE):
        pixels = decode_whole(codec, denormalise(latents)).clamp(0, 1)
        yield from (pixels * 255).round().byte().permute(0, 2, 3, 4, 1).cpu().numpy()


def known_clips(source: Source, many: int | None = None) -> list[tuple[SourceClip, Clip]]:
    """The first so many clips of a source, or all: as the models get them, and all that is known of them."""
    found = [source.clip(number) for number in range(len(source) if many is None else many)]
    return [(clip, synthetic_clip(clip.origin)) for clip in found]
