"""The settings of the phases codec and decoder."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .settings import Count, Positive, Settings, Share


class CodecSettings(Settings):
    """A codec that is trained from scratch."""

    difficulty: Literal["simple", "easy", "normal", "hard", "unsettled"] = "normal"
    """How much happens in the clips."""
    photographs: Annotated[int, Field(ge=0)] = 0
    """One clip in this many is made of photographs, so that the start picture may be a photograph; 0 for none."""
    size: tuple[int, int] = (128, 128)
    """Width and height of the clips in pixels; sprites scale with it."""
    clip_frames: Annotated[int, Field(ge=1)] = 17
    """Length of a clip."""
    clips: Count = 400
    """Clips kept in memory; each step replaces one."""
    crop: Annotated[int, Field(ge=16, multiple_of=16)] = 64
    """Side of a training crop in pixels."""
    frames: Annotated[int, Field(ge=1)] = 9
    """Frames of a training crop, 4k + 1."""
    batch: Annotated[int, Field(ge=2)] = 8
    """Crops per step; half of them show a sprite."""
    steps: Count = 10000
    """Steps in total; a time budget may allow fewer."""
    start_steps: Annotated[int, Field(ge=0)] = 800
    """How many of these steps use the linear encoder; they take at most a third of a time budget."""
    encoder_part: Share = 1.0
    """Share of the steps in which the encoder learns. In the rest, the phase `decoder`, only the decoder learns. 0 keeps the linear
    encoder."""
    whitening: Share = 1.0
    """How far the linear code equalises the deviations of its channels: 1 fully, 0 not at all."""
    lr: Positive = 4e-3
    """Learning rate of Muon: the largest singular value of a step."""
    noise: Annotated[float, Field(ge=0)] = 0.1
    """Largest standard deviation of the noise added to normalised latents before decoding; each clip draws its own, from 0 up."""
    checkpoint_every: Count = 500
    """Steps between two checkpoints."""
    share: Share = 0.2
    """Share of a run's time budget."""
