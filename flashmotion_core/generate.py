"""``python -m flashmotion_core.generate``: boxes in, video out, without ComfyUI.

Nothing heavy is imported before the options are read, so that ``--help`` and a typing error answer at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import torch

    from .adapters import AdapterFile
    from .sampling import Schedule
    from .trajectory import Trajectory
    from .video import Frames

EXIT_WRONG_INPUT = 2
EXIT_INTERRUPTED = 130
DESCRIPTION = "Generate a video whose objects follow the boxes of a trajectory document, in a few denoising steps."


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence instead of argparse's usage text."""
        raise ValueError(f"{message}; see --help")


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        ValueError: an unknown, missing or malformed option.
    """
    parser = _Parser(prog="python -m flashmotion_core.generate", description=DESCRIPTION, allow_abbrev=False)
    models = parser.add_argument_group("models")
    models.add_argument("--generator", type=Path, required=True, metavar="FILE|DIR", help="safetensors file, or diffusers folder")
    models.add_argument(
        "--vae", type=Path, metavar="FILE|DIR", help="TAEHV safetensors file, or AutoencoderKLWan folder (default: the generator's folder)"
    )
    models.add_argument(
        "--text-encoder",
        type=Path,
        metavar="DIR",
        help="folder with a umT5 encoder and its tokenizer (default: the generator's folder; not used by a generator trained without text)",
    )
    models.add_argument("--adapter", type=Path, required=True, metavar="FILE", help="trajectory adapter, safetensors")
    content = parser.add_argument_group("what to make")
    content.add_argument(
        "--trajectory", type=Path, required=True, metavar="FILE", help="trajectory document (JSON); gives size, length and frames per second"
    )
    content.add_argument("--prompt", default="", metavar="TEXT", help="what the video shows, at most 512 tokens")
    content.add_argument("--image", type=Path, metavar="FILE", help="start image, becomes frame 0; cut to the video's shape about its centre")
    content.add_argument(
        "--masks", type=Path, nargs="+", metavar="PNG", help="one mask of frame 0 per object, white on black (default: the filled boxes)"
    )
    content.add_argument("--out", type=Path, required=True, metavar="FILE", help="the mp4 file to write")
    sampling = parser.add_argument_group("sampling")
    sampling.add_argument(
        "--schedule", metavar="NAME|LIST", help='turbo, plain, or falling noise levels such as "1,.9,.7" (default: the one kept in the files)'
    )
    sampling.add_argument("--steps", type=int, metavar="N", help="denoising steps of a named schedule (default: as the files say, else 4)")
    sampling.add_argument("--seed", type=int, default=0, metavar="N", help="of the noise, from 0 to 2^64 - 2 (default: %(default)s)")
    sampling.add_argument("--strength", type=float, default=1.0, metavar="X", help="factor of the adapter, 0 is off (default: %(default)s)")
    sampling.add_argument("--start", type=float, default=0.0, metavar="X", help="fraction of the schedule where control begins, 0..1 (default: 0)")
    sampling.add_argument("--end", type=float, default=1.0, metavar="X", help="fraction of the schedule where control ends, 0..1 (default: 1)")
    machine = parser.add_argument_group("machine")
    machine.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: cuda where there is one")
    machine.add_argument(
        "--dtype", choices=("auto", "float32", "bfloat16", "float16"), default="auto", help="of the models (default: float32 on cpu, else bfloat16)"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; every error that a user can cause is one sentence on stderr.

    Returns:
        the exit code: 0, 2 for a wrong input, 130 after Ctrl+C.
    """
    try:
        run(read_options(arguments))
    except KeyboardInterrupt:
        print("\nstopped by Ctrl+C; no file was written.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except ModuleNotFoundError as error:
        print(f'error: {error.name} is not installed; install the extra with pip install -e ".[train]".', file=sys.stderr)
    except OSError as error:
        print(f"error: {error.filename or 'a file'} cannot be used ({error.strerror or error}).", file=sys.stderr)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":
            raise
        print("error: the GPU's memory is full; use a smaller size, fewer frames, or --device cpu.", file=sys.stderr)
    else:
        return 0
    return EXIT_WRONG_INPUT


def run(options: argparse.Namespace) -> None:
    """Read and check all small inputs, then encode, denoise and decode; models that are done with make room for the next.

    Raises:
        ValueError: any input that does not work; one sentence.
    """
    from .adapters import read_adapter
    from .video import check_target
    from .wan.conditioning import latent_shape

    # The cheap checks come first: minutes of loading should not end in a typing error.
    check_target(options.out)
    if not 0 <= options.seed < 2**64 - 1:
        raise ValueError(f"the seed is {options.seed}, but must be from 0 to 2^64 - 2.")
    trajectory = _read_trajectory(options.trajectory)
    width, height = trajectory.size
    shape = latent_shape(width, height, trajectory.frames)
    image = None if options.image is None else _fit_picture(options.image, width, height, mask=False)
    adapter_file = read_adapter(options.adapter)
    control_map = _control_map(trajectory, options.masks, adapter_file)
    _generate(options, trajectory, shape, image, control_map, adapter_file)


def _generate(
    options: argparse.Namespace,
    trajectory: Trajectory,
    shape: tuple[int, int, int, int],
    image: Frames | None,
    control_map: Frames,
    adapter_file: AdapterFile,
) -> None:
    """The heavy part: text, latents, steps, video."""
    from tqdm import tqdm

    from .adapters import build_adapter
    from .pipeline import Control, encode_text, load_generator, load_vae, no_text, sample_latent
    from .video import write_mp4

    device, dtype = _device_and_dtype(options.device, options.dtype)
    text_folder = _text_folder(options)
    bar: Any
    with tqdm(total=3 + (image is not None), unit="part") as bar:

        def done(next_part: str) -> None:
            bar.update()
            bar.set_description(next_part)

        bar.set_description("text")
        context = None if text_folder is None else encode_text(text_folder, options.prompt, device, dtype)
        done("control map")
        vae = load_vae(options.vae or options.generator, device, dtype)
        control_latent = vae.encode(control_map)
        clean = None
        if image is not None:
            done("start image")
            clean = vae.encode(image[None])
        done("generator and adapter")
        generator = load_generator(options.generator, device, dtype)
        adapter = build_adapter(adapter_file, generator.info.config, device=device, dtype=dtype)
        bar.update()
    if adapter_file.base_fingerprint not in (None, generator.fingerprint):
        print(f"note: {adapter_file.name} was trained on another generator ({adapter_file.base_fingerprint}) than this one ({generator.fingerprint}).")
    schedule = choose_schedule(options.schedule, options.steps, generator.info.schedule or adapter_file.schedule)
    control = Control(adapter, control_latent, options.strength, options.start, options.end)
    with tqdm(total=len(schedule.sigmas), desc="denoise", unit="step") as bar:
        latent = sample_latent(
            generator,
            no_text(generator.info.config) if context is None else context,
            shape,
            [control],
            clean_BCFHW=clean,
            schedule=schedule,
            seed=options.seed,
            callback=lambda index, x0: bar.update(),
        )
    del generator, adapter, control
    with tqdm(vae.decode(latent), total=trajectory.frames, desc="decode", unit="frame") as bar:
        write_mp4(options.out, bar, trajectory.fps)
    print(f"{options.out}: {trajectory.frames} frames, {trajectory.size[0]} x {trajectory.size[1]}, {trajectory.fps:g} frames per second.")


def choose_schedule(name_or_list: str | None, steps: int | None, kept: Schedule) -> Schedule:
    """The schedule to sample with: typed sigmas, a preset of so many steps, or the one kept with the weights.

    Raises:
        ValueError: an unknown name, or steps that contradict a list of sigmas.
    """
    from .sampling import PRESETS, TRAINED_STEPS, parse_sigmas

    if name_or_list is None and (steps is None or steps == len(kept.sigmas)):
        return kept
    name = kept.name if name_or_list is None else name_or_list.strip()
    if name in PRESETS:
        return replace(kept, name=name, sigmas=PRESETS[name](TRAINED_STEPS if steps is None else steps))
    if name_or_list is None:
        raise ValueError(f"--steps is {steps}, but the schedule kept in the files has {len(kept.sigmas)} sigmas of its own; name one with --schedule.")
    if name.isalpha():
        raise ValueError(f"the schedule is {name!r}, but must be {', '.join(PRESETS)} or a list of sigmas.")
    sigmas = parse_sigmas(name)
    if steps not in (None, len(sigmas)):
        raise ValueError(f"--steps is {steps}, but --schedule lists {len(sigmas)} sigmas; leave --steps out.")
    return replace(kept, name="custom", sigmas=sigmas)


def _device_and_dtype(device: str, dtype: str) -> tuple[str, torch.dtype]:
    import torch

    has_cuda = torch.cuda.is_available()
    if device == "cuda" and not has_cuda:
        raise ValueError("--device is cuda, but torch finds no CUDA device; use --device cpu.")
    chosen = device if device != "auto" else "cuda" if has_cuda else "cpu"
    name = dtype if dtype != "auto" else "float32" if chosen == "cpu" else "bfloat16"
    found: torch.dtype = getattr(torch, name)
    return chosen, found


def _text_folder(options: argparse.Namespace) -> Path | None:
    """Where the text encoder is; None for a generator trained without text."""
    from .adapters import read_generator_info

    folder: Path | None = options.text_encoder
    if options.generator.is_dir():
        return folder or options.generator
    if options.vae is None:
        raise ValueError("--vae is missing, and --generator is a single file; give a TAEHV file or a VAE folder.")
    if not read_generator_info(options.generator).text:
        if options.prompt or folder:
            print("note: this generator was trained without text; the prompt is not used.")
        return None
    if folder is None:
        raise ValueError("--text-encoder is missing, and this generator was trained with text; give a folder with umT5 and its tokenizer.")
    return folder


def _read_trajectory(path: Path) -> Trajectory:
    from .trajectory import parse

    if not path.is_file():
        raise ValueError(f"there is no file {path}; check the name and folder.")
    try:
        return parse(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is no UTF-8 text; give a trajectory document (JSON).") from error
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def _fit_picture(path: Path, width: int, height: int, *, mask: bool) -> Any:
    """A picture or mask at the video's size, with a note when something is cut off."""
    from .video import cover, cover_notice, read_image, read_mask

    picture = read_mask(path) if mask else read_image(path)
    notice = cover_notice(picture, width, height)
    if notice:
        print(f"note: {path.name}: {notice}")
    return cover(picture, width, height)


def _control_map(trajectory: Trajectory, mask_paths: Sequence[Path] | None, adapter_file: AdapterFile) -> Frames:
    """The RGB map ``[T, H, W, 3]`` in the style that the adapter was trained on."""
    import numpy as np

    from .trajectory import sample
    from .trajectory.control_map import render

    masks = None
    if mask_paths is not None:
        if len(mask_paths) != len(trajectory.objects):
            raise ValueError(f"--masks names {len(mask_paths)} files, but the trajectory has {len(trajectory.objects)} objects; give one mask each.")
        masks = np.stack([_fit_picture(path, *trajectory.size, mask=True) for path in mask_paths])
    style = adapter_file.map_style
    return render(sample(trajectory), masks_NHW=masks, mode=style.mode, opacity=style.opacity, thickness=style.thickness)


if __name__ == "__main__":
    sys.exit(main())
