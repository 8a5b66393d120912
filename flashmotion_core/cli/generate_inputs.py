"""What the options of ``generate`` name, read and checked against each other."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from ..adapters import GeneratorInfo
    from ..guide.guide_levels import Levels
    from ..sampling.schedule import Schedule
    from ..trajectory import Trajectory


def levels_of(options: argparse.Namespace) -> Levels:
    """Until when the guide holds."""
    from ..guide.guide_levels import FOLLOW, FROM_FOLLOW, levels

    follow, *given = options.follow, options.hold_object, options.hold_background
    return levels(FOLLOW if follow is None else follow, *(FROM_FOLLOW if value is None else value for value in given))


def check_switches(options: argparse.Namespace) -> None:
    """Check that the speed switches fit the given models."""
    from ..codec.vae import only_decodes
    from ..codec.wan_vae_file import is_wan_vae_file
    from ..files.weights import read_header
    from ..wan.config import describe

    if options.decoder is not None and options.decoder.is_dir():
        raise ValueError(
            f"--decoder is the folder {options.decoder}, but must be a safetensors file of a TAEHV or LightVAE; give a file."
        )
    if options.vae is not None and not options.vae.is_dir() and only_decodes(options.vae):
        shapes = read_header(options.vae)[0]
        if not any("decoder." in key for key in shapes):
            raise ValueError(
                f"--vae is {options.vae.name}, which is {describe(shapes)}; give the VAE of Wan 2.2 as --vae."
            )
        raise ValueError(
            f"--vae is {options.vae.name}, which holds no encoder; give the full VAE as --vae and this file as --decoder."
        )
    if options.attention not in ("auto", "sdpa") and options.host != "core":
        raise ValueError(
            f"--attention {options.attention} is for the core's transformer, but --host is {options.host}; add --host core."
        )
    small = options.decoder
    if small is None and options.vae is not None and not options.vae.is_dir():
        small = options.vae
    if small is not None and is_wan_vae_file(small):
        small = None
    for name, on in (("--channels-last", options.channels_last), ("--compile-vae", options.compile_vae)):
        if on and small is not None:
            raise ValueError(f"{name} is for the full VAE's decoder, but {small.name} decodes; leave it out.")


def choose_schedule(typed: str | None, steps: int | None, kept: Schedule) -> Schedule:
    """The schedule to sample with: a preset, typed sigmas, or (None) the one stored with the weights, in ``steps`` steps.

    Raises:
        ValueError: ``typed`` is neither a preset nor a list of sigmas, or ``steps`` contradicts the list.
    """
    from ..sampling.schedule import AS_TRAINED, FROM_MODEL, MAX_STEPS, PRESETS, Schedule, resolve_sigmas

    if steps is not None and not 1 <= steps <= MAX_STEPS:
        raise ValueError(f"the number of steps is {steps}, but must be at least 1 and at most {MAX_STEPS}.")
    if typed is None:
        return replace(kept, sigmas=resolve_sigmas(FROM_MODEL, AS_TRAINED if steps is None else steps, "", kept))
    preset = typed if typed in PRESETS else "custom"
    sigmas = resolve_sigmas(preset, AS_TRAINED if steps is None else steps, typed, kept)
    if steps not in (None, len(sigmas)):
        raise ValueError(f"--steps is {steps}, but --schedule lists {len(sigmas)} sigmas; leave --steps out.")
    return Schedule(preset, sigmas, kept.shift)


def device_and_dtype(device: str, dtype: str) -> tuple[str, torch.dtype]:
    import torch

    has_cuda = torch.cuda.is_available()
    if device == "cuda" and not has_cuda:
        raise ValueError("--device is cuda, but torch finds no CUDA device; use --device cpu.")
    chosen = device if device != "auto" else "cuda" if has_cuda else "cpu"
    name = dtype if dtype != "auto" else "float32" if chosen == "cpu" else "bfloat16"
    found: torch.dtype = getattr(torch, name)
    return chosen, found


def text_folder(options: argparse.Namespace, info: GeneratorInfo | None) -> Path | None:
    """The text encoder's folder; None for a generator trained without text. ``info`` is None for a diffusers folder."""
    folder: Path | None = options.text_encoder
    if info is None:
        return folder or options.generator
    if options.vae is None:
        raise ValueError(
            "--vae is missing, and --generator is a single file; give wan2.2_vae.safetensors, a LightVAE or TAEHV file, or a VAE folder."
        )
    if not info.text:
        if options.prompt or folder:
            print("note: this generator was trained without text; the prompt is not used.")
        return None
    if folder is None:
        raise ValueError(
            "--text-encoder is missing, and this generator was trained with text; give its umT5 file or folder."
        )
    return folder


def fit_picture(path: Path, width: int, height: int, *, mask: bool) -> Any:
    """A picture or mask at the video's size; prints a note when something is cropped."""
    from ..video.frames import cover, cover_notice
    from ..video.pictures import read_image, read_mask

    picture = read_mask(path) if mask else read_image(path)
    notice = cover_notice(picture, width, height)
    if notice:
        print(f"note: {path.name}: {notice}")
    return cover(picture, width, height)


def masks_of(trajectory: Trajectory, paths: Sequence[Path] | None) -> Any:
    """Each object's mask in frame 0 at the video's size, ``[N, H, W]``; None where none are given."""
    import numpy as np

    if paths is None:
        return None
    if len(paths) != len(trajectory.objects):
        raise ValueError(
            f"--masks names {len(paths)} files, but the trajectory has {len(trajectory.objects)} objects; give one mask each."
        )
    return np.stack([fit_picture(path, *trajectory.size, mask=True) for path in paths])
