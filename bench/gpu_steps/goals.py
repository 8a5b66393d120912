"""The goals of a run on a GPU, and what its results say about each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .step_record import StepRecord

SIZE = "704x1280x121"
Rows = Sequence[Mapping[str, Any]]
Found = tuple[float, str]
"""A value, and what it was measured with."""


@dataclass(frozen=True)
class Goal:
    """Something that a run should reach at full size.

    Attributes:
        text: the goal in words.
        bound: its number.
        unit: of the number.
        find: the best value among (rows, ratios) of all steps; None if it was not measured.
        at_least: whether the value must be at least the bound; if not, at most.
        card: a word of the card's name that the goal is for; empty for any card.
    """

    text: str
    bound: float
    unit: str
    find: Callable[[Rows, Rows], Found | None]
    at_least: bool = False
    card: str = ""

    def verdict(self, records: Iterable[StepRecord], card: str) -> str:
        """``met``, ``missed by`` how much, or ``not measured``, with the value."""
        results = [record.result for record in records if isinstance(record.result, dict)]
        real = [result for result in results if result.get("shapes") == "real"]
        rows = [row for result in real for row in result["rows"] if row["size"] == SIZE]
        ratios = [ratio for result in real for ratio in result["ratios"] if ratio["size"] == SIZE]
        found = self.find(rows, ratios)
        if found is None:
            return "not measured"
        value, how = found
        text = f"{value:.3g} {self.unit} ({how})"
        if self.card not in card:
            return f"not measured on an {self.card}; {card}: {text}"
        short = self.bound - value if self.at_least else value - self.bound
        return f"met: {text}" if short <= 0 else f"missed by {short:.2g} {self.unit}: {text}"


def _least(rows: Iterable[tuple[float | None, Mapping[str, Any]]]) -> Found | None:
    measured = [(value, ", ".join(row["settings"].values())) for value, row in rows if value is not None]
    return min(measured, default=None)


def _picked(rows: Rows, group: str, **settings: str) -> Rows:
    return [row for row in rows if row["group"] == group and settings.items() <= row["settings"].items()]


def _seconds(group: str, **settings: str) -> Callable[[Rows, Rows], Found | None]:
    return lambda rows, _: _least((row["seconds"], row) for row in _picked(rows, group, **settings))


def _peak(dtype: str) -> Callable[[Rows, Rows], Found | None]:
    def find(rows: Rows, _: Rows) -> Found | None:
        jobs = _picked(rows, "job", dtype=dtype, adapter="resnet", vae="full")
        return _least((row["peak_bytes"] and row["peak_bytes"] / 1e9, row) for row in jobs)

    return find


def _control_net(rows: Rows, _: Rows) -> Found | None:
    nets = [
        row for row in _picked(rows, "denoise", dtype="bf16") if row["settings"]["adapter"].startswith("controlnet")
    ]
    return _least((None if row.get("overhead") is None else 100 * row["overhead"], row) for row in nets)


def _times(peer: str) -> Callable[[Rows, Rows], Found | None]:
    def find(_: Rows, ratios: Rows) -> Found | None:
        measured = [
            (ratio["time"], ratio["what"])
            for ratio in ratios
            if ratio["what"].startswith(f"{peer}, picture to mp4 / ours")
        ]
        return max(measured, default=None)

    return find


RESNET = {"dtype": "bf16", "adapter": "resnet"}
GOALS = (
    Goal("four steps with ResNet: at most 3.5 s", 3.5, "s", _seconds("denoise", **RESNET), card="H200"),
    Goal("picture to mp4, full VAE: at most 9 s", 9, "s", _seconds("job", **RESNET, vae="full"), card="H200"),
    Goal("picture to mp4, small VAE: at most 5 s", 5, "s", _seconds("job", **RESNET, vae="small"), card="H200"),
    Goal("ComfyUI's stock graph takes at least 1.5 times as long", 1.5, "times", _times("ComfyUI"), at_least=True),
    Goal("diffusers takes at least 2 times as long", 2, "times", _times("diffusers"), at_least=True),
    Goal("a ControlNet adds at most 35 % to four steps", 35, "%", _control_net),
    Goal("picture to mp4 in bf16: at most 24 GB", 24, "GB", _peak("bf16")),
    Goal("picture to mp4 in fp8: at most 16 GB", 16, "GB", _peak("fp8")),
)
"""At 1280 x 704 and 121 frames."""
