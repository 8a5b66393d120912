"""When training must stop and which setting to change, decided from the metrics of a log interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..config.schema import HealthSettings
from ..errors import TrainingStopped

GAP = "gan/gap"
STUDENT_MOTION = "motion/student"
TEACHER_MOTION = "motion/teacher"


class Health:
    """Judges the metrics of each log interval. The state fits JSON, so that patience survives a resume.

    It looks at these metrics, if given: every name that holds ``loss`` or ``norm``; ``gan/gap`` (mean logit of real minus generated
    clips); ``motion/student`` and ``motion/teacher`` (mean absolute difference of neighbouring frames); and, for its sentences only,
    learning rates as ``lr/<update>`` or ``<update>/lr``.

    Args:
        settings: the limits.
        phase: key of the phase in the configuration, such as ``stage2``; sentences name settings of that phase.
        optim_keys: for each update, the key of its optimizer within the phase, such as ``fake_optim``; ``optim`` if not given.
        rates: for each update, the learning rate that its setting has now.
    """

    def __init__(
        self,
        settings: HealthSettings,
        phase: str,
        optim_keys: Mapping[str, str] | None = None,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        self.settings = settings
        self.warnings: list[str] = []
        """What the last check found worth a look, but not a reason to stop."""
        self._phase = phase
        self._optim_keys = dict(optim_keys or {})
        self._rates = dict(rates or {})
        self._strikes = {"gap": 0, "motion": 0}
        self._skipped: dict[str, int] = {}
        self._debts: dict[str, float] = {}
        self._warned: set[str] = set()

    def check(self, step: int, values: Mapping[str, float]) -> list[str]:
        """Judge one log interval and return the warnings that the previous check did not have. Metrics not given are not judged.

        Raises:
            TrainingStopped: further training is useless; the sentence names the setting to change.
        """
        settings = self.settings
        self._stop_on_non_finite(step, values)
        found: dict[str, str] = {}

        gap = values.get(GAP)
        if gap is not None:
            if self._struck("gap", settings.max_gap is not None and gap > settings.max_gap):
                raise TrainingStopped(
                    f"step {step}: the discriminator tells real from generated clips so easily that it no longer provides a useful gradient "
                    f"({GAP} is {gap:.2f}, above {settings.max_gap:g} for {settings.patience} checks); raise {self._phase}.gan.r1_weight or "
                    f"lower {self._phase}.gan.optim.lr, and train the phase again with --redo."
                )
            if settings.warn_gap is not None and gap > settings.warn_gap:
                found["gap"] = f"the discriminator is winning, as {GAP} is {gap:.2f} (above {settings.warn_gap:g})."

        student, teacher = values.get(STUDENT_MOTION), values.get(TEACHER_MOTION)
        if student is not None and teacher:  # if the teacher stands still, the student may too
            share = student / teacher
            if self._struck("motion", settings.motion_floor is not None and share < settings.motion_floor):
                raise TrainingStopped(
                    f"step {step}: the student's video has frozen (it moves {100 * share:.0f} % as much as the teacher's, below "
                    f"{100 * (settings.motion_floor or 0):.0f} % for {settings.patience} checks); lower "
                    f"{self._phase}.guidance_scale or raise {self._phase}.ratio (fake updates per student update), and train the "
                    "phase again with --redo."
                )
            if settings.warn_motion is not None and share < settings.warn_motion:
                found["motion"] = f"the student's video moves only {100 * share:.0f} % as much as the teacher's."

        new = [text for rule, text in found.items() if rule not in self._warned]
        # A rule without its metric was not judged, so it stays as it was.
        judged = ({"gap"} if gap is not None else set()) | ({"motion"} if student is not None and teacher else set())
        self.warnings, self._warned = list(found.values()), set(found) | (self._warned - judged)
        return new

    def skip(self, update: str, norm: float, step: int, steps: int) -> str:
        """Count an update that was skipped because its gradient is not finite; returns what to say.

        Ten updates that were made make up for one that was not.

        Args:
            update: its name.
            norm: of the gradient.
            step: the current one, counted from 1.
            steps: of the whole phase; a short one bears fewer.

        Raises:
            TrainingStopped: there were too many.
        """
        self._skipped[update] = self._skipped.get(update, 0) + 1
        self._debts[update] = self._debts.get(update, 0.0) + 1
        bearable = max(1, min(self.settings.max_skipped, steps // 10))
        count = self._skipped[update]
        if self._debts[update] < bearable:
            return f"step {step}: gradient_norm/{update} is {norm}; the update is skipped ({count} so far)."
        key = f"{self._phase}.{self._optim_keys.get(update, 'optim')}.lr"
        rate = f"{self._rates[update] / 2:g}" if update in self._rates else "VALUE"
        raise TrainingStopped(
            f"step {step}: gradient_norm/{update} is {norm}, and {count - 1} updates were skipped before; continue from the last "
            f"checkpoint with a lower learning rate (--continue-with {key}={rate}), or train the phase again with precision=fp32 and --redo."
        )

    def made(self, update: str) -> None:
        """Note an update that was made."""
        if update in self._debts:
            self._debts[update] = max(0.0, self._debts[update] - 0.1)

    def state_dict(self) -> dict[str, Any]:
        skips = {"skipped": dict(self._skipped), "debts": dict(self._debts)} if self._skipped else {}
        return {"strikes": dict(self._strikes), "warned": sorted(self._warned), **skips}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        assert set(state["strikes"]) == set(self._strikes), state
        self._strikes, self._warned = dict(state["strikes"]), set(state["warned"])
        self._skipped, self._debts = dict(state.get("skipped", {})), dict(state.get("debts", {}))

    def _struck(self, rule: str, bad: bool) -> bool:
        """Whether this was one bad check too many; a good check resets the count."""
        self._strikes[rule] = self._strikes[rule] + 1 if bad else 0
        return self._strikes[rule] >= self.settings.patience

    def _stop_on_non_finite(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            if ("loss" in name or "norm" in name) and not math.isfinite(value):
                rates = _learning_rates(values)
                updates = [part for part in name.split("/") if part in rates or part in self._optim_keys] or list(rates)
                knobs = [self._rate_knob(update, rates) for update in updates] or [f"{self._phase}.optim.lr"]
                raise TrainingStopped(
                    f"step {step}: {name} is {value}; lower {' or '.join(knobs)} or set precision: fp32, and continue from the last "
                    "checkpoint."
                )

    def _rate_knob(self, update: str, rates: Mapping[str, float]) -> str:
        now = f" (now {rates[update]:g})" if update in rates else ""
        return f"{self._phase}.{self._optim_keys.get(update, 'optim')}.lr{now}"


def _learning_rates(values: Mapping[str, float]) -> dict[str, float]:
    """Learning rate of each update, from ``lr/<update>`` or ``<update>/lr``."""
    found = {}
    for name, value in values.items():
        first, _, second = name.partition("/")
        if first == "lr" and second:
            found[second] = value
        elif second == "lr":
            found[first] = value
    return found
