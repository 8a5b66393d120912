"""Where a phase continues: its newest checkpoint that can be read, of this configuration or of what it was before it was changed on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..errors import TrainError
from ..monitor.console import Console
from ..parallel import World, broadcast_object, first_problem
from . import checkpoint
from .job import Job

State = dict[str, Any]
NOT_WHAT_IT_SHOULD_BE = (KeyError, TypeError, AttributeError, ValueError, AssertionError)


def resume(
    job: Job, state: Callable[[], State], take: Callable[[State, State], None], world: World, console: Console
) -> None:
    """Restore a phase, if it has checkpoints. Every rank must call it.

    Args:
        job: the phase.
        state: gives the tensors to load into.
        take: continues from the notes of a checkpoint and these tensors.
        world: the processes.
        console: says which checkpoints were damaged, and what was changed on the way.

    Raises:
        TrainError: the newest one is of another configuration, or none can be read.
    """
    folder, first = job.folder / "checkpoints", None
    for step in broadcast_object(world, checkpoint.steps(folder))[::-1]:
        problem = first_problem(world, _restored(job, folder, step, state, take, world))
        if problem is None:
            if first is not None:
                console.say(f"{job.name}: {first.partition(';')[0]}; continuing from the one of step {step}.")
            _tell_changes(job, folder, step, world, console)
            return
        first = first or problem
    if first is not None:
        raise TrainError(first)


def _restored(
    job: Job, folder: Path, step: int, state: Callable[[], State], take: Callable[[State, State], None], world: World
) -> str | None:
    """Restore a checkpoint; returns what is wrong with one that cannot be read."""
    try:
        fingerprint = checkpoint.notes(folder, step).get("fingerprint")
    except TrainError as error:
        return str(error)
    if fingerprint != job.fingerprint and fingerprint not in job.earlier:
        raise TrainError(
            f"{folder} holds a checkpoint of another configuration (step {step}); continue with the run folder's config.yaml, say with "
            f"--continue-with what is to change, use another --run, or delete {folder.parent} to train this phase again."
        )
    tensors = state()
    try:
        take(checkpoint.load(folder, step, tensors, world), tensors)
    except TrainError as error:
        return str(error)
    except NOT_WHAT_IT_SHOULD_BE as error:
        return f"the checkpoint {folder / f'step_{step:06d}'} is damaged ({error!r}); delete that folder to resume from an earlier one."
    return None


def _tell_changes(job: Job, folder: Path, step: int, world: World, console: Console) -> None:
    """Say and note in the phase's folder that it continues with changed settings, if it does."""
    if checkpoint.notes(folder, step)["fingerprint"] == job.fingerprint or not world.is_main:
        return
    console.say(f"{job.name}: continuing from step {step} with {', '.join(job.changed)}.")
    entry = {"step": step, "changed": list(job.changed), "when": datetime.now(timezone.utc).isoformat("T", "seconds")}
    with (job.folder / "continued.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
