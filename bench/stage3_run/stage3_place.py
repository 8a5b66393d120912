"""Where the experiments stand: the embedded networks, clips of their world, and the arms' settings."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from bench.claims_run.claim_clips import codec_of, known_clips
from bench.claims_run.claim_place import ClaimPlace
from flashmotion_core.codec.taehv import TAEHV
from train.data.encoded import EncodedClips
from train.data.sources import SourceClip
from train.run_folder.encoding import encode_source, mark_of
from train.world.synthetic import Clip

from .stage3_sizes import Stage3Sizes, stage3_settings


class FirstClips(EncodedClips):
    """The first so many clips of a folder."""

    def __init__(self, folder: Path, many: int, text_dim: int) -> None:
        super().__init__(folder, text_dim=text_dim)
        self.many = many

    def __len__(self) -> int:
        """How many clips."""
        return self.many


class Stage3Place(ClaimPlace):
    """A folder of the experiments, as a worker sees it."""

    def __init__(self, folder: Path, sizes: Stage3Sizes) -> None:
        config = stage3_settings(sizes, sizes.rates[0], sizes.updates[-1], sizes.ahead[-1])
        super().__init__(folder, sizes.arm_sizes, "cpu", config=config)
        self.counts = sizes

    def at(self, *, lr: float | None = None, updates: int | None = None, ahead: int | None = None) -> Stage3Place:
        """The same place for an arm with this learning rate and so many updates, or with a discriminator so far ahead."""
        there, counts = copy(self), self.counts
        there.sizes = replace(self.sizes, updates=updates or self.sizes.updates, ahead=ahead or self.sizes.ahead)
        there.config = stage3_settings(counts, lr or counts.rates[0], there.sizes.updates, there.sizes.ahead)
        return there

    def encode(self) -> None:
        """Encode the clips that are not there yet."""
        for split in ("eval", "train"):
            source = self.source(split)
            mark = mark_of(self.artifacts, source)
            encode_source(self.run, self.artifacts, source, self.artifacts.clips_folder(split), mark, split)

    @cached_property
    def clips(self) -> EncodedClips:
        """The clips to learn from."""
        return self.artifacts.clips("train", text_dim=self.slow.sizes.text_dim)

    @cached_property
    def asked(self) -> EncodedClips:
        """All encoded held-out clips."""
        return self.artifacts.clips("eval", text_dim=self.slow.sizes.text_dim)

    @cached_property
    def held_out(self) -> EncodedClips:
        """The encoded clips to measure rows on."""
        return FirstClips(self.artifacts.clips_folder("eval"), self.counts.measured, self.slow.sizes.text_dim)

    @cached_property
    def known(self) -> list[tuple[SourceClip, Clip]]:
        """The same clips, drawn once."""
        return known_clips(self.source("eval"), self.counts.measured)

    @cached_property
    def trained_codec(self) -> TAEHV:
        """The embedded codec."""
        return codec_of(self.artifacts.codec_path, self.device)

    def generator(self, updates: int) -> Path:
        """The file of a FastGenerator after so many updates."""
        return self.folder / "generators" / f"fast_{updates}.safetensors"
