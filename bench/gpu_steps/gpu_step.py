"""A step of a GPU run, and the machine that it runs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT_S = 510
"""Seconds after which a step is asked to end."""
GRACE_S = 25
"""Seconds in which it may then save what it has; together they stay under 9 minutes."""


@dataclass(frozen=True)
class Surroundings:
    """What a run has.

    Attributes:
        python: the interpreter of the steps, which finds the installed packages and those of ``--wheels``.
        card: name, memory and versions, from ``card.describe``.
        missing: modules that a step may need and that this Python does not find.
        rehearse: whether everything runs on a CPU with tiny shapes.
        comfyui: the folder of a ComfyUI; None without one.
        work: a folder for logs and unfinished work.
    """

    python: str
    card: dict[str, Any]
    missing: frozenset[str]
    rehearse: bool
    comfyui: Path | None
    work: Path

    @property
    def memory_gb(self) -> float:
        """The card's memory; a rehearsal has as much as a step wants."""
        return float("inf") if self.rehearse else self.card["memory_bytes"] / 1e9


@dataclass(frozen=True)
class GpuStep:
    """One piece of a run, which ends within its limit and leaves its own results.

    Attributes:
        name: a group or ``group_detail``; also the name of its results.
        title: what it does, in a few words.
        command: returns the arguments of Python for (surroundings, stem of the results); that program writes ``stem.json`` and ``stem.md``.
        needs: modules without which the step is left out.
        wishes: modules without which it leaves something out.
        wants_comfyui: whether it is left out without a ComfyUI.
        memory_gb: memory without which it is left out.
        without: what it leaves out if a wish is missing.
        must: a group of rows of its result, which must all have a time; empty if rows may say why they have none.
    """

    name: str
    title: str
    command: Callable[[Surroundings, Path], Sequence[str | Path]]
    needs: tuple[str, ...] = ()
    wishes: tuple[str, ...] = ()
    wants_comfyui: bool = False
    memory_gb: float = 0
    without: str = ""
    must: str = ""

    def lacks(self, there: Surroundings) -> str:
        """Why the step is left out; empty if it can run."""
        missing = [name for name in self.needs if name in there.missing]
        if missing:
            return f"needs {', '.join(missing)}"
        if self.wants_comfyui and there.comfyui is None:
            return "needs --comfyui FOLDER"
        if there.memory_gb < self.memory_gb:
            return f"needs a card with {self.memory_gb:g} GB, and this one has {there.memory_gb:.0f}"
        return ""

    def reduced(self, there: Surroundings) -> str:
        """What a step that can run leaves out; empty if nothing."""
        missing = [name for name in self.wishes if name in there.missing]
        return f"without {', '.join(missing)}: {self.without}" if missing else ""


def choose(steps: Sequence[GpuStep], words: Sequence[str]) -> list[GpuStep]:
    """The steps that are named by their number (from 1), name, or group, in their own order; all without a name.

    Raises:
        ValueError: no step has that name.
    """
    if not words:
        return list(steps)
    chosen = set()
    for word in words:
        found = {step.name for number, step in enumerate(steps, 1) if word in (str(number), step.name)}
        found = found or {step.name for step in steps if step.name.startswith(f"{word}_")}
        if not found:
            raise ValueError(
                f"the step is {word!r}, but must be a number from 1 to {len(steps)} or one of: {', '.join(step.name for step in steps)}."
            )
        chosen |= found
    return [step for step in steps if step.name in chosen]
