"""Sets of clips to evaluate on: the run's own held-out clips, or others of the synthetic world, encoded when first needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..config.data_settings import Synthetic
from ..config.schema import HeldOut
from ..data.encoded import EncodedClips
from ..data.sources import Source
from ..data.synthetic_source import SyntheticSource
from ..errors import TrainError
from ..run_folder.artifacts import Artifacts
from ..run_folder.encoding import encode_source, mark_of
from ..run_folder.run import Run

OWN = ""
"""Name of the set that the data phase encoded."""


@dataclass(frozen=True, eq=False)
class ClipSet:
    """Clips to evaluate on.

    Attributes:
        name: for people and folders; `OWN` for the run's own held-out clips.
        seed: of the synthetic world; None for videos.
        folder: of the encoded clips.
        source: of the same clips as frames.
    """

    name: str
    seed: int | None
    folder: Path
    source: Source

    def clips(self, text_dim: int | None = None) -> EncodedClips:
        """The encoded clips."""
        return EncodedClips(self.folder, text_dim=text_dim)


def clip_sets(run: Run, artifacts: Artifacts) -> list[ClipSet]:
    """The sets of `evaluate.sets`, encoded if they are not yet, or the run's own set; called on every rank.

    Raises:
        TrainError: sets are asked for although the run's clips are videos, or a codec or folder cannot be used.
    """
    evaluation = run.config.data.evaluation
    if not run.config.evaluate.sets:
        seed = evaluation.seed if isinstance(evaluation, Synthetic) else None
        own = artifacts.clips_folder("eval")
        EncodedClips(own)  # raises now if there are none
        return [ClipSet(OWN, seed, own, artifacts.source("eval"))]
    found = []
    for held_out in run.config.evaluate.sets:
        name, source = f"{held_out.stream}_{held_out.seed}", _source(run, held_out)
        folder = _encoded(run, artifacts, source, name)
        found.append(ClipSet(name, held_out.seed, folder, source))
    return found


def _source(run: Run, held_out: HeldOut) -> SyntheticSource:
    data = run.config.data
    if not isinstance(data.evaluation, Synthetic):
        raise TrainError(
            "evaluate.sets names seeds of the synthetic world, but data.evaluation.kind is videos; leave evaluate.sets empty."
        )
    difficulty, clips = data.evaluation.difficulty, run.config.evaluate.clips
    return SyntheticSource(held_out.seed, clips, difficulty, data.size, data.frames, held_out.stream)


def _encoded(run: Run, artifacts: Artifacts, source: SyntheticSource, name: str) -> Path:
    """The folder of a set, encoded if it is not yet. Each codec and number of clips has its own folder."""
    mark = mark_of(artifacts, source)
    folder = artifacts.clips_folder(f"held_out/{name}_{mark[:8]}")
    encode_source(run, artifacts, source, folder, mark, f"evaluate/{name}")
    return folder
