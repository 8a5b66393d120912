"""A generator and an adapter that make the clips of a row, one by one, with what each cost."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files.texts import read_text
from ..trajectory import render
from ..video.frames import Frames
from .bench_files import content_digest
from .bench_rows import real
from .clip_set import BenchClip

if TYPE_CHECKING:
    import torch

STAGES = ("text", "encode", "denoise", "decode", "write")


@dataclass(frozen=True, eq=False)
class RowModels:
    """Files of a row's models, and how they sample.

    Attributes:
        generator, vae: files or folders.
        adapter: None for the generator alone.
        text_encoder: None for a generator trained without text.
        schedule: as `cli.generate.choose_schedule` takes it; None for the models' own.
        steps: None for the schedule's.
        seed: of the noise, with the clip's name: the same for every row.
        device, dtype: where and in what they run.
    """

    generator: Path
    vae: Path
    adapter: Path | None = None
    text_encoder: Path | None = None
    schedule: str | None = None
    steps: int | None = None
    seed: int = 0
    device: str = "cpu"
    dtype: str = "float32"

    @cached_property
    def mark(self) -> str:
        """Of everything but the clip that the frames depend on."""
        files = (self.generator, self.vae, self.adapter, self.text_encoder)
        digests = [content_digest(file) if file is not None else "" for file in files]
        return repr((digests, self.schedule, self.steps, self.seed, self.device, self.dtype))


@dataclass(frozen=True)
class Made:
    """A clip, seconds by stage, and the peak of the memory in GB: the GPU's, or the process's without one; None where nobody knows."""

    frames_THWC: Frames
    seconds: dict[str, float]
    peak_gb: float | None


class ClipMaker:
    """The loaded models. Texts are encoded first, all of them, and their encoder is freed before the generator is loaded.

    Args:
        models: files.
        prompts: of all clips that may be made.

    Raises:
        ValueError: a file is missing, damaged, or does not fit the others.
    """

    def __init__(self, models: RowModels, prompts: set[str]) -> None:
        import torch

        from ..acceleration.attention import choose_attention
        from ..acceleration.switches import use_attention
        from ..adapters import read_adapter
        from ..cli.generate_inputs import choose_schedule
        from ..codec.vae import load_vae
        from ..generation.loading import load_adapter, load_generator
        from ..generation.text_encoder import no_text
        from ..sampling.schedule import Schedule

        self.models = models
        self.dtype: torch.dtype = getattr(torch, models.dtype)
        self.texts = {} if models.text_encoder is None else dict(self._encoded(models.text_encoder, prompts))
        self.vae = load_vae(models.vae, models.device, self.dtype)
        self.generator = load_generator(models.generator, models.device, self.dtype, "core")
        if self.generator.info.text and models.text_encoder is None:
            raise ValueError(
                f"there is no text encoder, but {models.generator.name} was trained with text; give its umT5 file or folder."
            )
        self.file = None if models.adapter is None else read_adapter(models.adapter, self.dtype)
        config = self.generator.info.config
        self.adapter = None if self.file is None else load_adapter(self.file, self.generator, models.device, self.dtype)
        backend = choose_attention("auto", models.device, self.dtype, config.head_dim)
        use_attention(self.generator.transformer, backend.attention)
        if self.adapter is not None:
            use_attention(self.adapter, backend.attention)
        kept = self.generator.info.schedule or (None if self.file is None else self.file.schedule) or Schedule()
        self.schedule = choose_schedule(models.schedule, models.steps, kept)
        self.no_text = no_text(config)

    def make(self, clip: BenchClip, picture_HWC: Frames, prompt: str) -> Made:
        """Make a clip that starts with a picture of its size. Raises ValueError where the clip's size or length is not the generator's."""
        import torch

        from ..generation.adapter_control import Control
        from ..generation.pipeline import sample_latent
        from ..wan.conditioning import latent_shape

        seconds = dict.fromkeys(STAGES, 0.0)
        context, seconds["text"] = self.texts.get(prompt, (self.no_text, 0.0))
        cuda = self.models.device != "cpu"
        if cuda:
            torch.cuda.reset_peak_memory_stats(self.models.device)
        with self._timed(seconds, "encode"):
            clean = self.vae.encode(picture_HWC[None])
            controls = []
            if self.adapter is not None and self.file is not None:
                control_map = render(clip.asked, **asdict(self.file.map_style))
                controls = [Control(self.adapter, self.vae.encode(control_map))]
        shape = latent_shape(*clip.trajectory.size, clip.trajectory.frames)
        with self._timed(seconds, "denoise"):
            latent = sample_latent(
                self.generator,
                context,
                shape,
                controls,
                clean_BCFHW=clean,
                schedule=self.schedule,
                seed=seed_of(self.models.seed, clip),
            )
        with self._timed(seconds, "decode"):
            frames_THWC = np.stack(list(self.vae.decode(latent)))
        peak = torch.cuda.max_memory_allocated(self.models.device) if cuda else _most_memory()
        return Made(frames_THWC, seconds, None if peak is None else peak / 1e9)

    @contextmanager
    def _timed(self, seconds: dict[str, float], stage: str) -> Iterator[None]:
        import torch

        started = time.perf_counter()
        yield
        if self.models.device != "cpu":
            torch.cuda.synchronize(self.models.device)
        seconds[stage] += time.perf_counter() - started

    def _encoded(self, encoder: Path, prompts: set[str]) -> Iterator[tuple[str, tuple[Any, float]]]:
        from torch.nn.functional import pad

        from ..generation.text_encoder import TEXT_TOKENS, TextEncoder

        encode = TextEncoder(encoder, self.models.device, self.dtype)
        for prompt in sorted(prompts):
            started = time.perf_counter()
            tokens_MT = encode(prompt)
            context = pad(tokens_MT, (0, 0, 0, TEXT_TOKENS - len(tokens_MT)))[None].cpu()
            yield prompt, (context, time.perf_counter() - started)


def prompt_of(clip: BenchClip, folder: Path) -> str:
    """The set's NAME.txt, "" without one. Raises ValueError for a text that cannot be read."""
    file = folder / f"{clip.name}.txt"
    return read_text(file).strip() if file.is_file() else ""


def start_of(clip: BenchClip, folder: Path) -> Frames:
    """Frame 0: of the real clip, else the set's NAME.png. Raises ValueError where there is neither, or of another size."""
    from ..video.pictures import read_image

    if clip.real is not None:
        found: Frames = real(clip)[0]
        return found
    file = folder / f"{clip.name}.png"
    if not file.is_file():
        raise ValueError(f"it has neither a real clip nor {file.name} to start from")
    picture_HWC: Frames = read_image(file)
    if picture_HWC.shape[:2] != clip.trajectory.size[::-1]:
        raise ValueError(
            f"{file.name} is {picture_HWC.shape[1]} x {picture_HWC.shape[0]} pixels, not "
            f"its document's {clip.trajectory.size[0]} x {clip.trajectory.size[1]}"
        )
    return picture_HWC


def seed_of(seed: int, clip: BenchClip) -> int:
    """Of a clip's noise."""
    return int(hashlib.sha256(f"{seed} {clip.name}".encode()).hexdigest()[:8], 16)


def _most_memory() -> int | None:
    """Bytes that this process held at most; None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
