"""Where the parts of the experiment stand, and what a worker keeps between two of them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import torch

from flashmotion_core.codec.taehv import TAEHV
from train import parallel
from train.config.schema import Config
from train.data.encoded import EncodedClips
from train.data.sources import Source, SourceClip
from train.monitor.console import Console
from train.run_folder.artifacts import Artifacts
from train.run_folder.generator_file import GeneratorFile
from train.run_folder.run import Run
from train.world.synthetic import Clip

from .claim_clips import ResidentClips, codec_of, known_clips
from .claim_sizes import Sizes, settings


class ClaimPlace:
    """A folder of the experiment, as a worker sees it. What is read from it stays in memory."""

    def __init__(
        self, folder: Path, sizes: Sizes, device: str, minutes: float | None = None, config: Config | None = None
    ) -> None:
        self.folder, self.sizes, self.minutes = folder, sizes, minutes
        self.config = settings(sizes, device) if config is None else config
        self.world = parallel.start(self.config.device)
        self.run = Run(self.config, folder / "trunk", self.world, Console.silent(), minutes)
        self.artifacts = Artifacts(self.run)

    @property
    def device(self) -> torch.device:
        """Where networks compute."""
        return self.world.device

    def arm_run(self, name: str, seed: int) -> Run:
        """The run of an arm: the same settings with a seed and a folder of its own."""
        config = self.config.model_copy(update={"seed": seed})
        return Run(config, self.folder / "arms" / name, self.world, Console.silent())

    def source(self, split: str) -> Source:
        """The clips as videos."""
        return self.artifacts.source(split)

    @cached_property
    def known(self) -> list[tuple[SourceClip, Clip]]:
        """The clips to measure on, drawn once."""
        return known_clips(self.source("eval"))

    @cached_property
    def clips(self) -> EncodedClips:
        """The clips to learn from."""
        return ResidentClips(list(self.parts("train")), self.device)

    @cached_property
    def held_out(self) -> EncodedClips:
        """The encoded clips to measure on."""
        return ResidentClips(list(self.parts("eval")), self.device)

    def parts(self, split: str) -> list[Path]:
        """The files of encoded clips that are there."""
        return sorted((self.folder / "clips").glob(f"{split}_*.safetensors"))

    def part(self, split: str, number: int) -> Path:
        """One of these files."""
        return self.folder / "clips" / f"{split}_{number:02d}.safetensors"

    @cached_property
    def slow(self) -> GeneratorFile:
        """The SlowGenerator."""
        return self.artifacts.slow

    @cached_property
    def fast(self) -> GeneratorFile:
        """The FastGenerator."""
        return self.artifacts.fast

    @cached_property
    def codec(self) -> TAEHV:
        """The codec that encodes; its decoder has not learnt yet."""
        return codec_of(self.artifacts.codec_path, self.device)

    @cached_property
    def trained_codec(self) -> TAEHV:
        """The same encoder with the decoder that has learnt."""
        return codec_of(self.artifacts.decoder_path, self.device)

    def result(self, name: str) -> Path:
        """The file of a result."""
        return self.folder / "results" / f"{name}.json"
