"""``python -m flashmotion_core.generate``: boxes in, video out, without ComfyUI.

Nothing heavy is imported before the options are read, so that ``--help`` and typos are answered at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .endings import finish
from .generate_inputs import (
    check_switches,
    choose_schedule,
    device_and_dtype,
    fit_picture,
    levels_of,
    masks_of,
    text_folder,
)
from .generate_options import read_options
from .trajectory_file import read_trajectory

if TYPE_CHECKING:
    from ..adapters import AdapterFile
    from ..guide.guide_clip import GuideClip
    from ..guide.guide_levels import Levels
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
    from ..generation.adapter_control import check_control
    from ..guide.guide_clip import GuideClip
    from ..trajectory import render, sample
    from ..video.mp4 import check_fps, check_target
    from ..wan.conditioning import latent_shape

    # Cheap checks come first: a typo should not surface after minutes of loading.
    check_target(options.out)
    for path in (options.generator, options.vae, options.decoder, options.text_encoder):
        if path is not None and not path.exists():
            raise ValueError(f"there is no file or folder {path}; check the name.")
    check_switches(options)
    if not 0 <= options.seed < 2**64 - 1:
        raise ValueError(f"the seed is {options.seed}, but must be from 0 to 2^64 - 2.")
    check_control(options.strength, options.start, options.end, options.compute_every)
    hold = levels_of(options) if options.guide else None
    trajectory, notes = read_trajectory(options)
    for note in notes:
        print(f"note: {note}")
    if not trajectory.objects:
        raise ValueError(f"{options.trajectory.name} has no objects, so there is nothing to follow; add one.")
    check_fps(trajectory.fps)
    width, height = trajectory.size
    shape = latent_shape(width, height, trajectory.frames)
    image = None if options.image is None else fit_picture(options.image, width, height, mask=False)
    masks = masks_of(trajectory, options.masks)
    guide = None
    if hold is not None and hold.any:
        assert image is not None
        guide = GuideClip(image, sample(trajectory), masks), hold
    adapter_file, control_map = None, None
    if options.adapter is not None:
        adapter_file = read_adapter(options.adapter, device_and_dtype(options.device, options.dtype)[1])
        for note in adapter_file.notes:
            print(f"note: {adapter_file.name}: {note}.")
        control_map = render(sample(trajectory), masks_NHW=masks, **asdict(adapter_file.map_style))
    _generate(options, trajectory, shape, image, guide, control_map, adapter_file)


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
    from ..codec.vae import load_vae
    from ..generation.adapter_control import Control
    from ..generation.loading import load_adapter, load_generator
    from ..generation.pipeline import sample_latent
    from ..generation.text_encoder import encode_text, no_text
    from ..sampling.schedule import Schedule
    from ..video.mp4 import ahead, write_mp4
    from ..wan.config import TI2V_5B
    from ..wan.fingerprint import same_generator, short_name

    device, dtype = device_and_dtype(options.device, options.dtype)
    info = None if options.generator.is_dir() else read_generator_info(options.generator)
    folder = text_folder(options, info)
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
        context = None if folder is None else encode_text(folder, options.prompt, device, dtype)
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
        first = device if options.fp8 == "none" else "cpu"
        generator = load_generator(options.generator, first, dtype, options.host)
        adapter = None
        if adapter_file is not None:
            adapter = load_adapter(adapter_file, generator, first, dtype)
        if options.host == "core":
            with _of_option("--attention"):
                backend = choose_attention(options.attention, device, dtype, generator.info.config.head_dim)
            use_attention(generator.transformer, backend.attention)
            if adapter is not None:
                use_attention(adapter, backend.attention)
        faster_generator(generator.transformer, adapter, compiled=options.compile, fp8=options.fp8, device=device)
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
