"""Gates and verdicts, from a folder of results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .claim_calls import CONTROLNET, FEW, MANY, NAMES, ON_FAST, RESNET, Call, Claim, Key
from .claim_statistics import FRECHET, Difference, difference, read_rows

REPRODUCED, REFUTED, UNDECIDED, ABSENT, NOT_RUN = "reproduced", "refuted", "undecided", "premise absent", "not run"
UNMEASURED = "not measured"
PASTE_BELOW_DB = 6.0
ACCURACY = 0.75
SAME_LOSS = 0.02
"""How far apart, as a share, the losses of the two adapters after stage 1 may be."""


@dataclass(frozen=True)
class ClaimVerdict:
    """What came out, with the figures."""

    claim: Claim
    verdict: str
    figures: tuple[str, ...]


@dataclass(frozen=True)
class Gate:
    """A premise. `met` is None if it was not measured."""

    name: str
    asks: str
    met: bool | None
    figures: str


class Results:
    """A folder of results, and what follows from them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows = folder, read_rows(folder)
        self.gates = {
            gate.name: gate for gate in (self._world(), self._steps(), self._gap(), self._judge(), self._loss())
        }

    def between(self, a: Key, b: Key, measure: str) -> Difference | None:
        """a minus b; None if one of them was not measured."""
        real = self.rows.get(("real", ""))
        if a not in self.rows or b not in self.rows or real is None:
            return None
        return difference(self.rows[a], self.rows[b], measure, real)

    def _world(self) -> Gate:
        found = self.between(("codec", ""), ("paste", ""), "psnr")
        asks = f"copy and paste of frame 0 at the boxes at least {PASTE_BELOW_DB:g} dB below the codec"
        met = None if found is None else found.value >= PASTE_BELOW_DB
        return Gate("world", asks, met, "" if found is None else f"codec minus paste {found} dB")

    def _steps(self) -> Gate:
        sharp = self.between((FEW, RESNET), (MANY, RESNET), "sharpness")
        far = self.between((FEW, RESNET), (MANY, RESNET), FRECHET)
        asks = "the SlowGenerator with four steps less sharp or farther from real clips than with many"
        if sharp is None or far is None:
            return Gate("steps", asks, None, "")
        return Gate("steps", asks, sharp.high < 0 or far.low > 0, f"sharpness {sharp}, Frechet {far}")

    def _gap(self) -> Gate:
        iou = self.between((ON_FAST, RESNET), (MANY, RESNET), "box_iou")
        far = self.between((ON_FAST, RESNET), (MANY, RESNET), FRECHET)
        asks = "the SlowAdapter on the FastGenerator worse than on the SlowGenerator with many steps, in box IoU or Frechet"
        if iou is None or far is None:
            return Gate("gap", asks, None, "")
        return Gate("gap", asks, iou.high < 0 or far.low > 0, f"box IoU {iou}, Frechet {far}")

    def _judge(self) -> Gate:
        files = sorted(self.folder.glob("judge_resnet_*.json"))
        found = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        asks = f"after its time alone, the discriminator is right about at least {ACCURACY:.0%} of real clips and final samples"
        if not found:
            return Gate("discriminator", asks, None, "")
        by_level = {level: np.mean([one["final"][level] for one in found]) for level in found[0]["final"]}
        first = float(np.mean([one["first"]["trained"] for one in found]))
        shown = ", ".join(f"{value:.2f} at {level}" for level, value in by_level.items() if level != "trained")
        right = float(by_level["trained"])
        seeds = ", ".join(f"{one['final']['trained']:.2f}" for one in found)
        text = f"{right:.3f} at the noise that it is trained with, by seed {seeds} ({shown}); {first:.2f} for estimates of the first step"
        return Gate("discriminator", asks, right >= ACCURACY, text)

    def _loss(self) -> Gate:
        asks = (
            f"both adapters' losses after stage 1 within {SAME_LOSS:.0%} of each other, on clips that neither has seen"
        )
        found = {kind: self._loss_of(kind) for kind in (RESNET, CONTROLNET)}
        first, second = found[RESNET], found[CONTROLNET]
        if first is None or second is None:
            return Gate("same loss", asks, None, "")
        apart = abs(first - second) / min(first, second)
        return Gate(
            "same loss", asks, apart <= SAME_LOSS, f"ResNet {first:.4f}, ControlNet {second:.4f}: {apart:.1%} apart"
        )

    def _loss_of(self, kind: str) -> float | None:
        file = self.folder / f"loss_{kind}.json"
        return float(np.mean(json.loads(file.read_text(encoding="utf-8"))["loss"])) if file.is_file() else None

    def verdict(self, claim: Claim) -> ClaimVerdict:
        """The verdict on a claim."""
        calls = [(call, self.between(call.a, call.b, call.measure)) for call in (*claim.calls, *claim.either)]
        figures = tuple(_figure(call, found) for call, found in calls if found is not None)
        missing = {key: None for call, _ in calls for key in (call.a, call.b) if key not in self.rows}
        figures += (f"{UNMEASURED}: {listed([_named(key) for key in missing])}",) if missing else ()
        gates = [self.gates[name] for name in claim.gates]
        if any(gate.met is False for gate in gates):
            absent = listed([gate.name for gate in gates if gate.met is False])
            return ClaimVerdict(claim, ABSENT, (f"gates not met: {absent}", *figures))
        if any(found is None for _, found in calls) or any(gate.met is None for gate in gates):
            return ClaimVerdict(claim, NOT_RUN, figures)
        states = [_state(call, found) for call, found in calls if found is not None]
        firm, loose = states[: len(claim.calls)], states[len(claim.calls) :]
        wrong = loose and all(_wrong(call, found) for call, found in calls[len(claim.calls) :] if found is not None)
        if False in firm or wrong:
            return ClaimVerdict(claim, REFUTED, figures)
        if all(firm) and (not loose or True in loose):
            return ClaimVerdict(claim, REPRODUCED, figures)
        return ClaimVerdict(claim, UNDECIDED, figures)


def _state(call: Call, found: Difference) -> bool | None:
    low, high = found.low - call.margin, found.high - call.margin
    if call.below:
        low, high = -high, -low
    return True if low > 0 else False if high < 0 else None


def _wrong(call: Call, found: Difference) -> bool:
    return (found.value >= call.margin) if call.below else (found.value <= call.margin)


def _figure(call: Call, found: Difference) -> str:
    return f"{call.measure.replace('_', ' ').replace('iou', 'IoU').replace('frechet', 'Frechet')}, {_named(call.a)} minus {_named(call.b)}: {found}"


def _named(key: Key) -> str:
    name = NAMES.get(key[0], key[0])
    return f"{name}, ControlNet" if key[1] == CONTROLNET else name


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them: a; a and b; a, b and c. Some hold a comma, so from three on a semicolon parts those."""
    comma = "; " if any("," in name for name in names) else ", "
    return comma.join(names[:-1]) + (" and " if names[:-1] else "") + names[-1]
