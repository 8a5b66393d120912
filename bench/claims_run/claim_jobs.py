"""What is to be done, in order of importance, and what each part waits for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from train.codec.codec_phase import train_codec_phase, train_decoder_phase
from train.methods.hybrid import Hybrid
from train.run_folder.artifacts import FAST, SLOW

from . import claim_training as training
from .claim_arms import DIFFUSION, FULL, GAN, MORE, Arm, arms
from .claim_clips import write_part
from .claim_place import ClaimPlace
from .claim_rows import BOUNDS, ClaimRow, bound, probe, row
from .claim_sizes import KINDS, SEEDS, Sizes

PARTS = 12
"""Files of training clips, each drawn by one worker."""
SLOW_MANY, SLOW_FEW, SLOW_UNGUIDED = "slow_many", "slow_few", "slow_unguided"
ON_FAST = "slow_on_fast"
DECISIVE = (FULL, GAN, DIFFUSION, MORE)


@dataclass(frozen=True)
class ClaimJob:
    """One part of the experiment.

    Attributes:
        name: of its marks.
        needs: what must be done before.
        work: does it; what is there already of a training is continued.
    """

    name: str
    needs: tuple[str, ...]
    work: Callable[[ClaimPlace], None]


def jobs(sizes: Sizes, seeds: tuple[int, ...] = SEEDS) -> list[ClaimJob]:
    """All parts: what everything stands on, the gates, and the arms, of which the most decisive come first."""
    parts = min(PARTS, sizes.clips)
    encoded = tuple(f"clips_{number}" for number in range(parts))
    found = [
        ClaimJob("codec", (), _codec),
        *(ClaimJob(name, ("codec",), partial(_part, number=number, of=parts)) for number, name in enumerate(encoded)),
        ClaimJob("held_out", ("codec",), _held_out),
        ClaimJob("decoder", ("codec",), lambda place: train_decoder_phase(place.run)),
        ClaimJob("base", encoded, training.base),
        ClaimJob("stage2", ("base",), training.stage2),
        *(ClaimJob(f"stage1_{kind}", ("base", "held_out"), partial(training.stage1, kind=kind)) for kind in KINDS),
        *(ClaimJob(f"row_{name}", ("held_out", "decoder"), partial(bound, name=name)) for name in BOUNDS),
    ]
    found += [job for kind in KINDS for job in _references(kind)]
    judges = [(KINDS[0], seed) for seed in seeds] + [(KINDS[1], seed) for seed in seeds]
    order = _order(sizes, seeds)
    # Short, and so before the arms: what is trained is measured at once.
    found += [_measured(arm, kind, seed) for arm, kind, seed in order]
    found += [_judge(kind, seed) for kind, seed in judges[: len(seeds) + 1]]
    found += [_arm(arm, kind, seed) for arm, kind, seed in order]
    found += [_judge(kind, seed) for kind, seed in judges[len(seeds) + 1 :]]
    return found


def _order(sizes: Sizes, seeds: tuple[int, ...]) -> list[tuple[Arm, str, int]]:
    named, (resnet, controlnet) = arms(sizes), KINDS
    others = [name for name in named if name not in DECISIVE]
    first, later = seeds[:1], seeds[1:]
    wanted = [(name, resnet, seed) for seed in seeds for name in DECISIVE]
    wanted += [(name, resnet, seed) for seed in first for name in others]
    wanted += [(name, controlnet, seed) for seed in first for name in DECISIVE]
    wanted += [(name, resnet, seed) for seed in later for name in others]
    wanted += [(name, controlnet, seed) for seed in later for name in DECISIVE]
    return [(named[name], kind, seed) for name, kind, seed in wanted]


def _codec(place: ClaimPlace) -> None:
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // 2))  # everything waits for it
    try:
        train_codec_phase(place.run)
    finally:
        torch.set_num_threads(1)


def _part(place: ClaimPlace, number: int, of: int) -> None:
    source = place.source("train")
    write_part(source, range(number, len(source), of), place.config, place.codec, place.part("train", number))


def _held_out(place: ClaimPlace) -> None:
    source = place.source("eval")
    write_part(source, range(len(source)), place.config, place.codec, place.part("eval", 0))


def _references(kind: str) -> list[ClaimJob]:
    """The SlowAdapter without any further training."""
    slow = (f"stage1_{kind}", "decoder", "held_out")
    many = ClaimRow(SLOW_MANY, kind, SLOW, -1)
    rows = [
        (many, slow),
        (ClaimRow(SLOW_FEW, kind, SLOW), slow),
        (ClaimRow(ON_FAST, kind, FAST), (*slow, "stage2")),
        (ClaimRow(SLOW_UNGUIDED, kind, SLOW, -1, guided=False), slow),
    ]
    return [ClaimJob(f"row_{one.name}_{kind}", needs, partial(_reference, one=one)) for one, needs in rows]


def _reference(place: ClaimPlace, one: ClaimRow) -> None:
    if one.steps < 0:
        one = ClaimRow(one.name, one.kind, one.generator, place.sizes.slow_steps, one.guided)
    row(place, one, place.artifacts.adapter(SLOW, one.kind), f"row_{one.name}_{one.kind}")


def _judge(kind: str, seed: int) -> ClaimJob:
    def work(place: ClaimPlace) -> None:
        method = training.judge(place, kind, seed)
        assert isinstance(method, Hybrid)
        probe(place, method, kind, seed)

    return ClaimJob(f"judge_{kind}_{seed}", (f"stage1_{kind}", "stage2", "held_out"), work)


def _arm(arm: Arm, kind: str, seed: int) -> ClaimJob:
    def work(place: ClaimPlace) -> None:
        training.arm_adapter(place, arm, kind, seed)

    judged = (f"judge_{kind}_{seed}",) if arm.shares_judge else ()
    return ClaimJob(_name("arm", arm, kind, seed), (f"stage1_{kind}", "stage2", *judged), work)


def _measured(arm: Arm, kind: str, seed: int) -> ClaimJob:
    name = _name("row", arm, kind, seed)

    def work(place: ClaimPlace) -> None:
        row(place, ClaimRow(arm.name, kind, FAST, seed=seed), training.arm_adapter(place, arm, kind, seed), name)

    return ClaimJob(name, (_name("arm", arm, kind, seed), "decoder", "held_out"), work)


def _name(what: str, arm: Arm, kind: str, seed: int) -> str:
    return f"{what}_{kind}_{arm.key}_{seed}"


def only(found: Sequence[ClaimJob], pattern: str) -> list[ClaimJob]:
    """The parts whose names match, and all that these wait for, in order."""
    by_name = {job.name: job for job in found}
    wanted: set[str] = set()
    left = [job.name for job in found if re.search(pattern, job.name)]
    while left:
        name = left.pop()
        if name not in wanted:
            wanted.add(name)
            left += by_name[name].needs
    return [job for job in found if job.name in wanted]
