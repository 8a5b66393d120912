"""The rows of an evaluation: what was trained, what it is compared with, and the bounds between which all must be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flashmotion_core.sampling.schedule import turbo_sigmas

from ..config.schema import Config
from ..run_folder.artifacts import FAST, SLOW
from .result_texts import EVERY

Boxes = Literal["own", "others", "counterfactual"]
REAL, STATIC, PASTE = "real", "static", "paste"
ELSEWHERE_REAL, ELSEWHERE_STATIC = "counterfactual_real", "counterfactual_static"
"""The real clip and its frame 0, measured against the counterfactual boxes: what a memorised or a frozen clip gets."""

TIMED_CLIPS = 3
"""Clips sampled once more, one by one, to time a row."""


@dataclass(frozen=True)
class Row:
    """A generator with an adapter, or a bound, measured on all clips.

    Attributes:
        name: of the row.
        kind: of the adapter; None for a bound.
        adapter: whose weights it has, slow or fast.
        generator: which one makes the clips, slow or fast; None for a bound.
        sigmas: noise levels.
        boxes: which boxes it follows: the clip's own, another clip's, or the `counterfactual` ones. It is measured against the clip's own,
            but a counterfactual row against its.
        compute_every: the adapter is computed only every n-th step; rows that differ in it differ in name.
    """

    name: str
    kind: str | None = None
    adapter: str = ""
    generator: str | None = None
    sigmas: tuple[float, ...] = ()
    boxes: Boxes = "own"
    compute_every: int = 1

    @property
    def key(self) -> str:
        """The name of its files."""
        return self.name if self.kind is None else f"{self.name}_{self.kind}"

    @property
    def elsewhere(self) -> bool:
        """Whether it is measured against the counterfactual boxes."""
        return self.boxes == "counterfactual"

    @property
    def is_timed(self) -> bool:
        """Whether sampling is all that its clips take: the counterfactual maps are encoded on the way."""
        return self.generator is not None and not self.elsewhere


def rows_to_measure(config: Config, clips: int) -> list[Row]:
    """The bounds, and for each adapter what was trained and what it is compared with.

    Args:
        config: of the run.
        clips: how many are held out; another clip's boxes need at least two.
    """
    schedule = config.steps.schedule()
    few, many = schedule.sigmas, turbo_sigmas(config.evaluate.slow_steps, schedule.shift)
    rows = [Row(REAL), Row("oracle"), Row(STATIC), Row(PASTE)]
    rows += [Row(name, boxes="counterfactual") for name in (ELSEWHERE_REAL, ELSEWHERE_STATIC)]
    for adapter in config.models.adapters:
        kind = adapter.kind
        rows += [
            Row("slow_adapter", kind, SLOW, SLOW, many),
            Row("slow_adapter_few", kind, SLOW, SLOW, few),
            Row("slow_adapter_on_fast", kind, SLOW, FAST, few),
            Row("flashmotion", kind, FAST, FAST, few),
        ]
        if kind == "controlnet":
            rows += [
                Row(f"flashmotion{EVERY}{every}", kind, FAST, FAST, few, compute_every=every)
                for every in config.evaluate.compute_every
            ]
        if clips > 1:
            rows.append(Row("random_trajectory", kind, FAST, FAST, few, boxes="others"))
        rows.append(Row("counterfactual", kind, FAST, FAST, few, boxes="counterfactual"))
    return rows
