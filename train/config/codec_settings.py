"""The settings of the phases codec and decoder."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .settings import Count, Positive, Settings, Share


class CodecSettings(Settings):
    """A codec that is trained from nothing."""

    difficulty: Literal["simple", "easy", "normal", "hard"] = "normal"
    """Of the world."""
    photographs: Annotated[int, Field(ge=0)] = 0
    """One clip in so many is made of photographs instead, so that a start picture may be one; 0 for none."""
    size: tuple[int, int] = (128, 128)
    """Width and height of the clips; sprites are as large as a share of it."""
    clip_frames: Annotated[int, Field(ge=1)] = 17
    clips: Count = 400
    """Clips held in memory; every step replaces one."""
    crop: Annotated[int, Field(ge=16, multiple_of=16)] = 64
    """Side of what is trained on, in pixels."""
    frames: Annotated[int, Field(ge=1)] = 9
    """Frames of what is trained on, 4k + 1."""
    batch: Annotated[int, Field(ge=2)] = 8
    """Crops in a step; half of them show a sprite."""
    steps: Count = 10000
    """In all; a time budget may allow fewer."""
    start_steps: Annotated[int, Field(ge=0)] = 800
    """Of these, with the linear encoder; a third of a time budget at most."""
    encoder_part: Share = 1.0
    """Part of the steps after which the encoder stays as it is; in the rest, the phase `decoder`, the decoder learns alone. 0 keeps the
    linear encoder."""
    whitening: Share = 1.0
    """How far the linear code's channels are brought to one deviation: 1 all the way, 0 leaves them as their pixels vary."""
    lr: Positive = 4e-3
    """Of Muon: the largest singular value of a step."""
    noise: Annotated[float, Field(ge=0)] = 0.1
    """Largest standard deviation of what is added to normalised latents before they are decoded; every clip has its own, from 0 on."""
    precision: Literal["fp32", "bf16"] = "bf16"
    checkpoint_every: Count = 500
    share: Share = 0.2
    """Part of a run's time budget."""
