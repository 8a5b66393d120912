"""A run: its folder, what is done in it, and how each phase is done exactly once.

runs/NAME/
  config.yaml            the resolved configuration
  data/train, data/eval  encoded clips
  phases/PHASE/          done.json, checkpoints, log.csv, tensorboard, validation, curves.png
  models/...             what training made, in ComfyUI's folders
  report/index.html
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from flashmotion_core.files.whole_file import write_whole

from ..config.load import dump
from ..config.schema import Config
from ..data.rank_results import held_by_all, on_all_ranks
from ..errors import TrainError
from ..files import disk_problem, read_fields, writing
from ..folder_lock import holder
from ..monitor.console import Console, forget_peak_memory
from ..parallel import World, barrier, broadcast_object, together

POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Phase:
    """One step of a run.

    Attributes:
        name: the name of its folder, such as ``stage1_resnet``.
        title: what it does, in words.
        fingerprint: a hash of everything that its result depends on.
        outputs: the files or folders that it makes.
        needs: the phases that must be done before it.
        work: does the phase; called on every rank.
        alone: whether rank 0 does it alone.
        basis: of a phase that may continue with changed settings of its own, a hash of everything else that its result depends on.
        renews: whether it is done again by itself, and does only what changed, where its fingerprint is another one.
        lacks: one sentence if something of its result is gone or damaged, which doing it again repairs; None if all is well.
    """

    name: str
    title: str
    fingerprint: str
    outputs: Sequence[Path]
    needs: Sequence[Phase]
    work: Callable[[], None]
    alone: bool = False
    basis: str | None = None
    renews: bool = False
    lacks: Callable[[], str | None] = lambda: None


class Run:
    """A run's folder, configuration, processes and console."""

    def __init__(
        self, config: Config, folder: Path, world: World, console: Console, budget_minutes: float | None = None
    ) -> None:
        self.config, self.folder, self.world, self.console = config, folder, world, console
        self.budget_minutes = budget_minutes
        self.changed: tuple[str, ...] = ()
        """Settings that were changed on the way, as ``key=value``; see ``changes``."""
        self.earlier: Mapping[str, frozenset[str]] = {}
        """By phase, its fingerprints before these changes, where nothing else that it depends on has changed."""

    def open(self) -> None:
        """Make the folder and write the resolved configuration into it.

        Raises:
            TrainError: the folder cannot be written.
        """
        with together(self.world), writing("config.yaml", self.folder, "choose another folder with --run"):
            if self.world.is_main:
                self.folder.mkdir(parents=True, exist_ok=True)
                write_whole(self.folder / "config.yaml", dump(self.config))

    def minutes(self, share: float) -> float | None:
        """A phase's share of the time budget; None without a budget."""
        return None if self.budget_minutes is None else self.budget_minutes * share

    def phase_folder(self, name: str) -> Path:
        """Where a phase keeps its log and what it needs to resume."""
        return self.folder / "phases" / name

    def model(self, kind: str, name: str) -> Path:
        """A file that training makes; ``kind`` is the ComfyUI folder that it belongs to."""
        return self.folder / "models" / kind / f"{self.config.name}_{name}.safetensors"

    def state(self, phase: Phase) -> str:
        """``done``, ``begun``, ``open``, or ``other`` if it was done with other settings."""
        file = self._done_file(phase)
        try:
            done = read_fields(file, "", fingerprint=str, seconds=(int, float))
        except TrainError:
            return "begun" if self.phase_folder(phase.name).is_dir() else "open"
        if done["fingerprint"] != phase.fingerprint:
            continued = done["fingerprint"] in self.earlier.get(phase.name, ())
            return "begun" if continued else "other"
        return "done" if all(path.exists() for path in phase.outputs) else "begun"

    def do(self, phase: Phase) -> None:
        """Do a phase unless it is done. If it fails, what it made before stays usable.

        Raises:
            TrainError: it was done with other settings, a phase before it is not done, or its work raises one.
        """
        if phase.name == "decoder":
            self._wait(phase)
        state, lack = self._found(phase)
        if state == "done" and lack is None:
            self.console.say(f"{phase.name}: done before ({self._took(phase)}).")
            return
        if lack is not None:
            self.console.say(f"{phase.name}: {lack}")
        if state == "other" and not phase.renews:
            raise TrainError(
                f"{phase.name} was done with other settings or clips in {self.folder}; add --redo {phase.name} to do it again (the earlier result is "
                "kept), or choose another folder with --run."
            )
        for earlier in phase.needs:
            if self.state(earlier) != "done":
                raise TrainError(
                    f"{phase.name} needs {earlier.name}, which is not done in {self.folder}; do {earlier.name} first, or leave out --only and --from."
                )
        self.console.rule(f"{phase.name}: {phase.title}")
        forget_peak_memory(self.world.device)  # each phase shows its own
        barrier(self.world)
        started = time.monotonic()
        with held_by_all(self.world, self.phase_folder(phase.name), f"{phase.name} in {self.folder}"):
            self._work(phase)
        with (
            together(self.world),
            writing("done.json", self.phase_folder(phase.name), "free some space, and run the command again"),
        ):
            if self.world.is_main:
                missing = [path for path in phase.outputs if not path.exists()]
                assert not missing, f"{phase.name} did not make {missing}"
                done = {"fingerprint": phase.fingerprint, "seconds": round(time.monotonic() - started, 1)}
                write_whole(self._done_file(phase), json.dumps(done))
                self.console.say(f"{phase.name}: {self._took(phase)}.")
        while self.state(phase) != "done":
            time.sleep(POLL_SECONDS)
        barrier(self.world)

    def _wait(self, phase: Phase) -> None:
        """Wait while another process does a phase: the decoder may learn in a second terminal."""
        other = holder(self.phase_folder(phase.name)) if self.world.is_main else None
        if other is not None:
            self.console.say(f"{phase.name}: waiting for {other}, which does it.")
            while holder(self.phase_folder(phase.name)) is not None:
                time.sleep(POLL_SECONDS)
        barrier(self.world)

    def _work(self, phase: Phase) -> None:
        try:
            if phase.alone:  # hours, for which a collective would not wait
                on_all_ranks(self.world, self.phase_folder(phase.name), partial(self._alone, phase))
            else:
                phase.work()
        except (OSError, SafetensorError, RuntimeError) as error:
            problem = disk_problem(error)
            if problem is None:
                raise
            raise TrainError(
                f"{phase.name} cannot read or write {getattr(error, 'filename', None) or self.folder} ({problem}); free some space or check its "
                "permissions, and run the command again: it continues where it stopped."
            ) from error
        barrier(self.world)

    def _alone(self, phase: Phase) -> dict[str, Any]:
        if self.world.is_main:
            phase.work()
        return {}

    def _found(self, phase: Phase) -> tuple[str, str | None]:
        """A phase's state and, where it is done, what its result lacks; only rank 0 looks."""
        found: tuple[str, str | None] = ("", None)
        with together(self.world):
            if self.world.is_main:
                state = self.state(phase)
                found = (state, phase.lacks() if state == "done" else None)
        return broadcast_object(self.world, found)

    def redo(self, phase: Phase) -> None:
        """Move a phase's folder and outputs aside, so that it is done again.

        Raises:
            TrainError: another process is doing it.
        """
        other = broadcast_object(self.world, holder(self.phase_folder(phase.name)) if self.world.is_main else None)
        if other is not None:
            raise TrainError(f"--redo is {phase.name}, which is being done by {other}; wait for it, or stop it.")
        with together(self.world), writing("the earlier result", self.folder, "check its disk and permissions"):
            if self.world.is_main and self.state(phase) != "open":
                self._move_aside(phase)

    def _move_aside(self, phase: Phase) -> None:
        folder = self.phase_folder(phase.name)
        number = 1
        while (aside := folder.with_name(f"{folder.name}.previous-{number}")).exists():
            number += 1
        folder.mkdir(parents=True, exist_ok=True)
        folder.rename(aside)
        for path in phase.outputs:
            if path.exists():
                shutil.move(path, aside / path.name)
        self.console.say(f"{phase.name}: the earlier result is now in {aside}.")

    def seconds(self, phase: Phase) -> float:
        """How many seconds the last attempt at a phase that is done took."""
        remedy = f"add --redo {phase.name} to do it again"
        return float(read_fields(self._done_file(phase), remedy, seconds=(int, float))["seconds"])

    def _done_file(self, phase: Phase) -> Path:
        return self.phase_folder(phase.name) / "done.json"

    def _took(self, phase: Phase) -> str:
        from ..monitor.console import duration

        return f"took {duration(self.seconds(phase))}"
