"""The command line of ``python -m flashmotion_core.generate``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ..guide.guide_levels import FOLLOW
from .engine_options import ADAPTER_ONLY, check_engines

DESCRIPTION = "Generate a video whose objects follow the boxes of a trajectory document, in a few denoising steps."


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence instead of argparse's usage text."""
        raise ValueError(f"{message}; see --help")


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        ValueError: an unknown, missing or malformed option, or one of an adapter or a guide that is not there.
    """
    parser = _Parser(prog="python -m flashmotion_core.generate", description=DESCRIPTION, allow_abbrev=False)
    models = parser.add_argument_group("models")
    models.add_argument(
        "--generator",
        type=Path,
        required=True,
        metavar="FILE|DIR",
        help="safetensors file, index file of a sharded one, or diffusers folder",
    )
    models.add_argument(
        "--vae",
        type=Path,
        metavar="FILE|DIR",
        help="wan2.2_vae.safetensors, a LightVAE or TAEHV file, or an AutoencoderKLWan folder (default: the generator's folder)",
    )
    models.add_argument(
        "--decoder",
        type=Path,
        metavar="FILE",
        help="TAEHV (taew2_2, taew2_2_super, lighttaew2_2) or LightVAE safetensors file that decodes the video in place of --vae, which then only "
        "encodes; coarser but faster (default: --vae)",
    )
    models.add_argument(
        "--text-encoder",
        type=Path,
        metavar="FILE|DIR",
        help="ComfyUI's umT5 file, or a folder with a umT5 encoder and its tokenizer (default: the generator's folder; unused by a "
        "generator trained without text)",
    )
    models.add_argument(
        "--adapter", type=Path, metavar="FILE", help="trajectory adapter, safetensors; may be left out with --guide"
    )
    content = parser.add_argument_group("what to make")
    content.add_argument(
        "--trajectory",
        type=Path,
        required=True,
        metavar="FILE",
        help="trajectory document (JSON), which gives size, length and frames per second, or tracks of a tool: a CSV table, MOT, "
        "DarkLabel, CVAT XML for video, COCO JSON",
    )
    content.add_argument(
        "--size",
        metavar="WxH",
        help="size of the video in pixels, such as 1280x704 (default: the trajectory's; a table without one needs it)",
    )
    content.add_argument(
        "--frames", type=int, metavar="N", help="length of the video; a longer trajectory is cut, a shorter one holds"
    )
    content.add_argument(
        "--fps", type=float, metavar="X", help="frames per second (default: the trajectory's, 24 for tracks of a tool)"
    )
    tracks = parser.add_argument_group("tracks of a tool (default: as the file shows)")
    tracks.add_argument(
        "--tracks-size", metavar="WxH", help="size of the picture that the tracks were made on (default: --size)"
    )
    tracks.add_argument(
        "--objects", type=_names, metavar="ID,ID", help="the objects to take, by their ids, at most 64 (default: all)"
    )
    tracks.add_argument("--first-frame", type=int, choices=(0, 1), help="the number of the tracks' first frame")
    tracks.add_argument("--units", choices=("pixels", "fractions"), help="the unit of the tracks' coordinates")
    tracks.add_argument(
        "--tolerance",
        type=float,
        metavar="X",
        help="pixels by which keyframes may miss the tracks; jitter then needs few (default: as exact as 512 keyframes allow)",
    )
    content.add_argument("--prompt", default="", metavar="TEXT", help="what the video shows, at most 512 tokens")
    content.add_argument(
        "--image",
        type=Path,
        metavar="FILE",
        help="start image, becomes frame 0; centre-cropped to the video's shape",
    )
    content.add_argument(
        "--masks",
        type=Path,
        nargs="+",
        metavar="PNG",
        help="one mask of frame 0 per object, white on black (default: the document's shapes, else the filled boxes)",
    )
    content.add_argument("--out", type=Path, required=True, metavar="FILE", help="the mp4 file to write")
    guide = parser.add_argument_group("motion guide (with an adapter or without)")
    guide.add_argument(
        "--guide",
        action="store_true",
        help="guide the video by the start image's own objects, cut out and moved along their boxes; needs --image",
    )
    guide.add_argument(
        "--follow",
        type=float,
        metavar="X",
        help=f"how closely objects keep to their boxes, 0 (free) to 1 (to the end; default: {FOLLOW:g})",
    )
    guide.add_argument(
        "--hold-object",
        type=float,
        metavar="X",
        help="fraction of the schedule until which objects are held, 0..1 (default: as --follow sets)",
    )
    guide.add_argument(
        "--hold-background",
        type=float,
        metavar="X",
        help="fraction until which the background stands still, 0..1 (default: as --follow sets)",
    )
    sampling = parser.add_argument_group("sampling")
    sampling.add_argument(
        "--schedule",
        metavar="NAME|LIST",
        help='turbo, plain, fastwan, or falling noise levels such as "1,.9,.7" (default: the one stored in the files)',
    )
    sampling.add_argument(
        "--steps", type=int, metavar="N", help="denoising steps of a named schedule (default: as trained)"
    )
    sampling.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the noise, from 0 to 2^64 - 2 (default: %(default)s)"
    )
    sampling.add_argument(
        "--strength",
        type=float,
        default=ADAPTER_ONLY["strength"],
        metavar="X",
        help="factor on what the adapter adds, 0 is off (default: %(default)s)",
    )
    sampling.add_argument(
        "--start",
        type=float,
        default=ADAPTER_ONLY["start"],
        metavar="X",
        help="fraction of the schedule where control begins, 0..1 (default: 0)",
    )
    sampling.add_argument(
        "--end",
        type=float,
        default=ADAPTER_ONLY["end"],
        metavar="X",
        help="fraction of the schedule where control ends, 0..1 (default: 1)",
    )
    sampling.add_argument(
        "--compute-every",
        type=int,
        default=ADAPTER_ONLY["compute_every"],
        metavar="N",
        help="compute a ControlNet only in every Nth step and reuse what it adds in between: faster, follows less closely, and keeps "
        "168 MB per ControlNet block at 1280 x 704 x 121 in bfloat16 (default: 1, every step; a ResNet is cheap and not affected)",
    )
    machine = parser.add_argument_group("machine")
    machine.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: cuda if available, else cpu"
    )
    machine.add_argument(
        "--dtype",
        choices=("auto", "float32", "bfloat16", "float16"),
        default="auto",
        help="dtype of the models (default: float32 on cpu, else bfloat16)",
    )
    machine.add_argument(
        "--host",
        choices=("diffusers", "core"),
        default="diffusers",
        help="whose transformer runs the generator; core takes less memory (default: %(default)s)",
    )
    machine.add_argument(
        "--compile",
        action="store_true",
        help="compile the generator's blocks first; takes minutes once, then steps are faster",
    )
    machine.add_argument(
        "--attention",
        choices=("auto", "sdpa", "cudnn", "flash3", "sage"),
        default="auto",
        help="attention of --host core: torch's choice (sdpa), cuDNN's, FlashAttention 3 or SageAttention, if installed; auto is "
        "flash3 or else cudnn on Hopper, and sdpa elsewhere; sage rounds to 8 bits, which changes the video (default: %(default)s)",
    )
    machine.add_argument(
        "--fp8",
        choices=("none", "weights", "products"),
        default="none",
        help="store the generator's linear weights in 8 bits to save memory, or multiply in 8 bits too, which needs a GPU that "
        "can and pays with --compile; both change the video (default: %(default)s)",
    )
    machine.add_argument(
        "--compile-vae",
        action="store_true",
        help="compile the full VAE's decoder first; takes minutes once, then decoding is faster; same video within rounding",
    )
    machine.add_argument(
        "--channels-last",
        action="store_true",
        help="use the channels-last memory layout in the full VAE's decoder; same video within rounding",
    )
    machine.add_argument(
        "--plain", action="store_true", help="turn off the shortcuts that keep the video bit-identical"
    )
    options = parser.parse_args(arguments)
    for name, value in vars(options).items():
        if isinstance(value, float) and not math.isfinite(value):
            option = f"--{name.replace('_', '-')}"
            raise ValueError(
                f"{option} is {value}, but must be a finite number; give another one, or leave {option} out."
            )
    check_engines(options)
    return options
