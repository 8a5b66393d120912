"""``python -m flashmotion_core.generate``: boxes in, video out, without ComfyUI.

Nothing heavy is imported before the options are read, so that ``--help`` and typos are answered at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .endings import finish
from .generate_options import read_options
from .trajectory_file import read_trajectory

if TYPE_CHECKING:
    import torch

    from ..adapters import AdapterFile, GeneratorInfo
    from ..guide.guide_clip import GuideClip
    from ..guide.guide_levels import Levels
    from ..sampling.schedule import Schedule
    from ..trajectory import Trajectory
    from ..video.frames import Frames

FRAMES_AHEAD = 16
"""Frames decoded while the file's encoder is busy with earlier ones."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; every error that a user can cause is one sentence on stderr.

    Returns:
        the exit code: 0, 2 for wrong input, 130 after Ctrl+C, 128 plus its number after another signal.
    """
    smaller = "use a smaller size, fewer frames"
    return finish(
        lambda: run(read_options(arguments)),
        {
            "GPU": f"{smaller}, or --device cpu",
            "computer": f"{smaller}, or a --dtype of 16 bits, and close other programs",
        },
    )


def run(options: argparse.Namespace) -> None:
    """Read and check all small inputs, then encode, denoise and decode; each model's memory is freed for the next.

    Raises:
        ValueError: an input does not work; the message is one sentence.
    """
    from ..adapters import read_adapter
    from ..generation.pipeline import check_control
    from ..guide.guide_clip import GuideClip
    from ..trajectory import render, sample
    from ..video.mp4 import check_fps, check_target
    from ..wan.conditioning import latent_shape

    # Cheap checks come first: a typo should not surface after minutes of loading.
    check_target(options.out)
    for path in (options.generator, options.vae, options.decoder, options.text_encoder):
        if path is not None and not path.exists():
            raise ValueError(f"there is no file or folder {path}; check the name.")
    _check_switches(options)
    if not 0 <= options.seed < 2**64 - 1:
        raise ValueError(f"the seed is {options.seed}, but must be from 0 to 2^64 - 2.")
    check_control(options.strength, options.start, options.end, options.compute_every)
    hold = _levels(options) if options.guide else None
    trajectory, notes = read_trajectory(options)
    for note in notes:
        print(f"note: {note}")
    if not trajectory.objects:
        raise ValueError(f"{options.trajectory.name} has no objects, so there is nothing to follow; add one.")
    check_fps(trajectory.fps)
    width, height = trajectory.size
    shape = latent_shape(width, height, trajectory.frames)
    image = None if options.image is None else _fit_picture(options.image, width, height, mask=False)
    masks = _masks(trajectory, options.masks)
    guide = None
    if hold is not None and hold.any:
        assert image is not None
        guide = GuideClip(image, sample(trajectory), masks), hold
    adapter_file, control_map = None, None
    if options.adapter is not None:
        adapter_file = read_adapter(options.adapter, _device_and_dtype(options.device, options.dtype)[1])
        for note in adapter_file.notes:
            print(f"note: {adapter_file.name}: {note}.")
        control_map = render(sample(trajectory), masks_NHW=masks, **asdict(adapter_file.map_style))
    _generate(options, trajectory, shape, image, guide, control_map, adapter_file)


def _levels(options: argparse.Namespace) -> Levels:
    """Until when the guide holds."""
    from ..guide.guide_levels import FOLLOW, FROM_FOLLOW, levels

    follow, *given = options.follow, options.hold_object, options.hold_background
    return levels(FOLLOW if follow is None else follow, *(FROM_FOLLOW if value is None else value for value in given))


def _check_switches(options: argparse.Namespace) -> None:
    """Check that the speed switches fit the given models."""
    from ..codec.vae import only_decodes
    from ..codec.wan_vae_file import is_wan_vae_file

    if options.decoder is not None and options.decoder.is_dir():
        raise ValueError(
            f"--decoder is the folder {options.decoder}, but must be a safetensors file of a TAEHV or LightVAE; give a file."
        )
    if options.vae is not None and not options.vae.is_dir() and only_decodes(options.vae):
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


def _generate(
    options: argparse.Namespace,
    trajectory: Trajectory,
    shape: tuple[int, int, int, int],
    image: Frames | None,
    guide_clip: tuple[GuideClip, Levels] | None,
    control_map: Frames | None,
    adapter_file: AdapterFile | None,
) -> None:
    """The heavy part: text, latents, steps, video."""
    from tqdm import tqdm

    from ..acceleration.attention import choose_attention
    from ..acceleration.switches import check_fp8, faster_decoder, faster_generator, use_attention
    from ..adapters import read_generator_info
    from ..generation.loading import load_adapter
    from ..generation.pipeline import Control, encode_text, load_generator, load_vae, no_text, sample_latent
    from ..sampling.schedule import Schedule
    from ..video.mp4 import ahead, write_mp4
    from ..wan.config import TI2V_5B
    from ..wan.fingerprint import same_generator, short_name

    device, dtype = _device_and_dtype(options.device, options.dtype)
    info = None if options.generator.is_dir() else read_generator_info(options.generator)
    text_folder = _text_folder(options, info)
    if options.host == "core":
        # Asked again when the heads are known for sure; what is missing should be said before minutes of loading.
        with _of_option("--attention"):
            choose_attention(options.attention, device, dtype, (info.config if info else TI2V_5B).head_dim)
    with _of_option(f"--fp8 {options.fp8}"):
        check_fp8(options.fp8, device, dtype)
    kept = (info and info.schedule) or (None if adapter_file is None else adapter_file.schedule)
    if kept is None and options.schedule is None:
        print(f"note: {options.generator.name} names no schedule, so turbo is used; give --schedule for another.")
    schedule = choose_schedule(options.schedule, options.steps, kept or Schedule())
    bar: Any
    parts = 2 + sum(part is not None for part in (image, guide_clip, control_map))
    with tqdm(total=parts, unit="part") as bar:

        def done(next_part: str) -> None:
            bar.update()
            bar.set_description(next_part)

        bar.set_description("text")
        context = None if text_folder is None else encode_text(text_folder, options.prompt, device, dtype)
        done("control map" if control_map is not None else "guide")
        vae = load_vae(options.vae or options.generator, device, dtype, plain=options.plain)
        decoder = vae if options.decoder is None else load_vae(options.decoder, device, dtype)
        with _of_option("--channels-last" if options.channels_last else "--compile-vae"):
            faster_decoder(decoder, channels_last=options.channels_last, compiled=options.compile_vae)
        control_latent = None if control_map is None else vae.encode(control_map)
        guide = None
        if guide_clip is not None:
            if control_map is not None:
                done("guide")
            guide = guide_clip[0].guide(vae.encode(guide_clip[0].all())), guide_clip[1]
        clean = None
        if image is not None:
            done("start image")
            clean = vae.encode(image[None])
        done("generator and adapter" if adapter_file else "generator")
        del vae  # frees its memory for the generator, unless it also decodes
        generator = load_generator(options.generator, device, dtype, options.host)
        adapter = None
        if adapter_file is not None:
            adapter = load_adapter(adapter_file, generator, device, dtype)
        if options.host == "core":
            with _of_option("--attention"):
                backend = choose_attention(options.attention, device, dtype, generator.info.config.head_dim)
            use_attention(generator.transformer, backend.attention)
            if adapter is not None:
                use_attention(adapter, backend.attention)
        faster_generator(generator.transformer, adapter, compiled=options.compile, fp8=options.fp8)
        bar.update()
    trained_on = None if adapter_file is None else adapter_file.base_fingerprint
    if (
        adapter_file is not None
        and trained_on is not None
        and same_generator(trained_on, generator.fingerprint) is False
    ):
        print(
            f"note: {adapter_file.name} was trained on generator {short_name(trained_on)}, but this one is {short_name(generator.fingerprint)}."
        )
    controls = []
    if adapter is not None and control_latent is not None:
        numbers = (options.strength, options.start, options.end, options.compute_every)
        controls = [Control(adapter, control_latent, *numbers)]
    with tqdm(total=len(schedule.sigmas), desc="denoise", unit="step") as bar:
        latent = sample_latent(
            generator,
            no_text(generator.info.config) if context is None else context,
            shape,
            controls,
            guide=guide,
            clean_BCFHW=clean,
            schedule=schedule,
            seed=options.seed,
            callback=lambda index, x0: bar.update(),
        )
    del generator, adapter, controls, guide
    frames = ahead(decoder.decode(latent), depth=0 if options.plain else FRAMES_AHEAD)
    with tqdm(frames, total=trajectory.frames, desc="decode", unit="frame") as bar:
        write_mp4(options.out, bar, trajectory.fps)
    print(
        f"{options.out}: {trajectory.frames} frames, {trajectory.size[0]} x {trajectory.size[1]}, {trajectory.fps:g} frames per second."
    )


@contextmanager
def _of_option(name: str) -> Iterator[None]:
    """Say which option asked for what the core refuses: the core's own sentences name capabilities."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


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


def _device_and_dtype(device: str, dtype: str) -> tuple[str, torch.dtype]:
    import torch

    has_cuda = torch.cuda.is_available()
    if device == "cuda" and not has_cuda:
        raise ValueError("--device is cuda, but torch finds no CUDA device; use --device cpu.")
    chosen = device if device != "auto" else "cuda" if has_cuda else "cpu"
    name = dtype if dtype != "auto" else "float32" if chosen == "cpu" else "bfloat16"
    found: torch.dtype = getattr(torch, name)
    return chosen, found


def _text_folder(options: argparse.Namespace, info: GeneratorInfo | None) -> Path | None:
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


def _fit_picture(path: Path, width: int, height: int, *, mask: bool) -> Any:
    """A picture or mask at the video's size; prints a note when something is cropped."""
    from ..video.frames import cover, cover_notice
    from ..video.pictures import read_image, read_mask

    picture = read_mask(path) if mask else read_image(path)
    notice = cover_notice(picture, width, height)
    if notice:
        print(f"note: {path.name}: {notice}")
    return cover(picture, width, height)


def _masks(trajectory: Trajectory, paths: Sequence[Path] | None) -> Any:
    """Each object's mask in frame 0 at the video's size, ``[N, H, W]``; None where none are given."""
    import numpy as np

    if paths is None:
        return None
    if len(paths) != len(trajectory.objects):
        raise ValueError(
            f"--masks names {len(paths)} files, but the trajectory has {len(trajectory.objects)} objects; give one mask each."
        )
    return np.stack([_fit_picture(path, *trajectory.size, mask=True) for path in paths])
