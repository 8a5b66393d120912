"""Plans of all training phases of a run: the phases' own code on the meta device, with nothing allocated."""

from __future__ import annotations

from collections.abc import Container, Iterator

from flashmotion_core.wan.conditioning import latent_shape
from flashmotion_core.wan.config import WanConfig

from ..config.schema import Config
from ..data.clip_file import LATENTS
from .figures import TEXT_TOKENS, PhasePlan


def plan(config: Config, slow: WanConfig, fast: WanConfig, *, ranks: int, device: str) -> Iterator[PhasePlan]:
    """Plans of all training phases of a run, one after the other.

    Args:
        config: of the run.
        slow: sizes of the SlowGenerator.
        fast: of the FastGenerator.
        ranks: processes, one GPU each.
        device: ``cuda`` or ``cpu``.

    Raises:
        TrainError: a global batch that the ranks cannot share.
    """
    from .measure import Measurement
    from .meta_builder import MetaBuilder, planned_phases

    builder = MetaBuilder(config, device, ranks)
    for phase in planned_phases(config, slow, fast, builder):
        yield Measurement(config, phase, builder, ranks).plan()


def static_plans(
    config: Config, slow: WanConfig, fast: WanConfig, *, ranks: int, device: str, among: Container[str] | None = None
) -> Iterator[PhasePlan]:
    """The same without what needs a run of the phase's code (``working`` and FLOPs), of the phases of these names; takes a second."""
    from .measure import Measurement
    from .meta_builder import MetaBuilder, planned_phases

    builder = MetaBuilder(config, device, ranks)
    for phase in planned_phases(config, slow, fast, builder, among):
        yield Measurement(config, phase, builder, ranks).static()


def data_bytes(config: Config, clips: int, text_dim: int) -> int:
    """Disk for so many encoded clips, with the longest prompts."""
    channels, frames, rows, columns = latent_shape(*config.data.size, config.data.frames)
    cells = frames * rows * columns
    text = 2 * TEXT_TOKENS * text_dim if config.models.text_encoder is not None else 0
    return clips * (len(LATENTS) * 2 * channels * cells + cells + text)
