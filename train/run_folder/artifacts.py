"""What the phases of a run share: sources, codec, generators, adapters and clips, and the files that they pass on.

Generators and adapters pass from phase to phase as safetensors in `models/`, in the type that they were trained in. `export` turns them into
what users load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from flashmotion_core.adapters import AdapterFile, read_adapter
from flashmotion_core.adapters.adapter_file import write_adapter
from flashmotion_core.codec.vae import Vae, load_vae
from flashmotion_core.files.weights import read_tensors, save_whole
from flashmotion_core.generation.text_encoder import TextEncoder
from flashmotion_core.metadata.entries import generator_metadata
from flashmotion_core.sampling.schedule import Schedule
from flashmotion_core.wan.config import WanConfig

from ..config.data_settings import Synthetic, Videos
from ..config.phases import phases_of
from ..config.settings import Adapter
from ..data.encoded import EncodedClips
from ..data.gather import is_plain
from ..data.sources import Source
from ..data.synthetic_source import SyntheticSource
from ..data.video_folder import VideoFolder
from ..engine.build import Builder
from ..errors import TrainError
from ..files import read_fields
from ..parallel import ONE, World
from .generator_file import GeneratorFile, generator_file
from .run import Run

SLOW, FAST = "slow", "fast"
PREPARED = "prepared"
"""The folder of what the phase prepare makes, in the run's folder."""
BASE = "base"
"""Names the adapter that the SlowGenerator was trained with."""


class Artifacts:
    """Where everything of a run comes from and goes. Files are read when they are first used."""

    def __init__(self, run: Run) -> None:
        self.run, self.config = run, run.config
        self.builder = Builder(run.config, run.world)

    # Paths

    @property
    def codec_path(self) -> Path:
        """The codec that encodes clips: given, or made by the phase codec."""
        given = self.config.models.vae
        return Path(given) if given else self.run.folder / "models/vae" / f"{self.config.name}_vae.safetensors"

    @property
    def decoder_path(self) -> Path:
        """The same encoder with the decoder that the phase decoder made."""
        return self.codec_path.with_name(f"{self.config.name}_vae_decoder.safetensors")

    @property
    def has_decoder_phase(self) -> bool:
        """Whether the decoder keeps learning after the encoder."""
        return any(phase.stage == "decoder" for phase in phases_of(self.config))

    @property
    def vae_path(self) -> Path:
        """The file to decode with: that of the phase decoder once it exists, else the codec. Both encode alike."""
        return self.decoder_path if self.has_decoder_phase and self.decoder_path.exists() else self.codec_path

    def generator_path(self, which: str) -> Path:
        """The slow or fast generator: given, or made by the phases base and stage 2."""
        given = self.config.models.generator if which == SLOW else self.config.models.fast_generator
        return Path(given) if given else self.run.model("diffusion_models", f"{which}_generator")

    @property
    def lora_path(self) -> Path:
        """The FastGenerator as a LoRA, if stage 2 trains one."""
        return self.run.model("loras", "fast_lora")

    def adapter_path(self, which: str, kind: str) -> Path:
        """The slow, fast or base adapter of a kind; a slow one may be given."""
        given = self.adapter_settings(kind).slow if which == SLOW else None
        return Path(given) if given else self.run.model("model_patches", f"{which}_{kind}")

    def clips_folder(self, split: str) -> Path:
        """The folder of encoded clips, ``train`` or ``eval``."""
        return self.run.folder / "data" / split

    # What is in them

    @cached_property
    def slow(self) -> GeneratorFile:
        """The SlowGenerator."""
        return generator_file(self.generator_path(SLOW))

    @cached_property
    def fast(self) -> GeneratorFile:
        """The FastGenerator."""
        return generator_file(self.generator_path(FAST))

    @property
    def fast_start(self) -> GeneratorFile | None:
        """What stage 2's student starts from, if not the SlowGenerator."""
        given = self.config.models.fast_start
        return None if given is None else generator_file(Path(given))

    def adapter(self, which: str, kind: str) -> AdapterFile:
        """An adapter that an earlier phase made."""
        return read_adapter(self.adapter_path(which, kind))

    def adapter_settings(self, kind: str) -> Adapter:
        """The configuration of an adapter.

        Raises:
            TrainError: the run has no adapter of that kind.
        """
        for adapter in self.config.models.adapters:
            if adapter.kind == kind:
                return adapter
        known = ", ".join(adapter.kind for adapter in self.config.models.adapters)
        raise TrainError(
            f"the adapter is {kind!r}, but models.adapters has only {known}; choose one of these, or add it there."
        )

    @cached_property
    def vae(self) -> Vae:
        """The codec of `vae_path` on the run's device: float32 if the run is fp32, else bfloat16."""
        dtype = torch.float32 if self.config.precision == "fp32" else torch.bfloat16
        return load_vae(self.vae_path, self.run.world.device, dtype)

    @cached_property
    def schedule(self) -> Schedule:
        """The student's own noise levels."""
        return self.config.steps.schedule()

    def source(self, split: str, world: World = ONE) -> Source:
        """Where clips come from, ``train`` or ``eval``; with a `world`, all its ranks look at the videos together and must call this."""
        data = self.config.data
        settings = data.train if split == "train" else data.evaluation
        if isinstance(settings, Synthetic):
            stream = "train" if split == "train" else "eval_a"
            count = min(settings.count, self.settled_count(split) or settings.count)
            return SyntheticSource(settings.seed, count, settings.difficulty, data.size, data.frames, stream)
        problems = self.run.phase_folder("data") / f"problems_{split}.txt"
        problems.parent.mkdir(parents=True, exist_ok=True)
        skip_bad = isinstance(settings, Videos) and settings.skip_bad
        return VideoFolder(
            self.trained_folder(split),
            data.size,
            data.frames,
            data.fps,
            skip_bad=skip_bad,
            problems=problems,
            buckets=data.buckets if split == "train" else (),
            max_crop=data.max_crop,
            repeat_frames=data.repeat_frames,
            looks=self.looks_file(split),
            world=world,
            workers=data.workers,
        )

    def videos_folder(self, split: str, places: Sequence[Path]) -> Path:
        """Where the videos of a split are: the one folder that is given, or the one that `gather` makes of several sources."""
        return places[0] if is_plain(places) else self.run.folder / "sources" / split

    def looks_file(self, split: str) -> Path:
        """What was found out about the videos of a split."""
        return self.run.phase_folder("data") / f"looks_{split}.jsonl"

    def trained_folder(self, split: str) -> Path:
        """Where the videos with trajectories of a split are: what the phase prepare made, or `videos_folder`."""
        data = self.config.data
        settings = data.train if split == "train" else data.evaluation
        if isinstance(settings, Videos) and data.prepare is None:
            return self.videos_folder(split, settings.places)
        return self.prepared_folder / split

    @property
    def prepared_folder(self) -> Path:
        """What the phase prepare makes."""
        return self.run.folder / PREPARED

    def settled_count(self, split: str) -> int | None:
        """How many clips of a split fit into the time budget; None without one."""
        file = self.run.phase_folder("data") / f"settled_{split}.json"
        remedy = "delete it to encode all clips of the configuration"
        return int(read_fields(file, remedy, count=int)["count"]) if file.is_file() else None

    def clips(self, split: str = "train", text_dim: int | None = None) -> EncodedClips:
        """The encoded clips; ``text_dim`` is that of the generator that will see them."""
        return EncodedClips(self.clips_folder(split), text_dim=text_dim)

    @cached_property
    def no_prompt(self) -> Tensor | None:
        """What stands for "no prompt": the encoded negative prompt ``[1, M, T]``, or None (zeros) without text."""
        file = self.run.folder / "data" / "no_prompt.safetensors"
        return read_tensors(file)[0]["text"].float() if file.is_file() else None

    @cached_property
    def text_encoder(self) -> TextEncoder | None:
        """umT5, or None if the generator takes no text."""
        folder = self.config.models.text_encoder
        return None if folder is None else TextEncoder(folder, self.run.world.device, torch.bfloat16)

    # Writing

    def save_generator(
        self, path: Path, sizes: WanConfig, weights: Mapping[str, Tensor], schedule: Schedule | None
    ) -> None:
        """Write a generator with the metadata that the nodes read; rank 0 only."""
        if not self.run.world.is_main:
            return
        text = self.config.models.generator is not None and self.slow.text
        metadata = generator_metadata(sizes, schedule, text=text)
        save_whole(path, {key: value.contiguous() for key, value in weights.items()}, metadata)

    def save_adapter(self, path: Path, file: AdapterFile, weights: Mapping[str, Tensor], base: GeneratorFile) -> None:
        """Write an adapter with its metadata; rank 0 only."""
        if self.run.world.is_main:
            data = self.config.data
            whole = replace(
                file,
                state_dict=dict(weights),
                schedule=self.schedule,
                map_style=data.style(),
                base_fingerprint=base.fingerprint,
            )
            write_adapter(path, whole)
