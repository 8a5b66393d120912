"""What is to be done for each experiment, and what each part waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from bench.claims_run.claim_arms import DIFFUSION, FULL, GAN, MORE, Arm, arms
from bench.claims_run.claim_rows import ClaimRow, bound, row
from bench.claims_run.claim_training import trained, trained_arm
from train.files import digest
from train.methods.hybrid import Hybrid
from train.run_folder.artifacts import FAST, SLOW
from train.run_folder.generator_file import GeneratorFile, generator_file
from train.run_folder.whole_state import whole_state
from train.stages import wiring

from .stage3_pairs import FINAL, KINDS, read_pairs, student_samples, write_pairs
from .stage3_place import Stage3Place
from .stage3_sees import ask_judge, ask_net, ask_taps, judged, write_scores
from .stage3_sizes import AT_START, KIND, SEED, Stage3Sizes

SEES, CURVES, LENGTH = "sees", "curves", "length"
EXPERIMENTS = (SEES, CURVES, LENGTH)
ARMS = (DIFFUSION, MORE, GAN, FULL)
WITH, ALONE = "with the SlowAdapter", "without an adapter"
MANY, FEW = "SlowGenerator, many steps", "SlowGenerator, four steps"


@dataclass(frozen=True)
class Stage3Job:
    """One part of the experiments; `work` does it or, where it was cut off, continues it."""

    name: str
    needs: tuple[str, ...]
    work: Callable[[Stage3Place], None]


def arm_row(arm: str, lr: float, updates: int) -> str:
    """The name of an arm's row after so many updates."""
    return f"{arm}, {lr:g}, {updates}"


def fast_row(updates: int, adapter: str) -> str:
    """The name of the row of a FastGenerator whose training had so many updates."""
    return f"FastGenerator, {updates}, {adapter}"


def slow_row(steps: str, adapter: str) -> str:
    """The name of a row of the SlowGenerator."""
    return f"{steps}, {adapter}"


START = fast_row(AT_START, WITH)
"""Where all arms begin, and all lengths."""


def stage3_jobs(sizes: Stage3Sizes, experiments: Sequence[str] = EXPERIMENTS) -> list[Stage3Job]:
    """The parts of some experiments, the most decisive first."""
    found = [Stage3Job("clips", (), Stage3Place.encode)]
    found += [Stage3Job(f"row_{name}", ("clips",), partial(bound, name=name)) for name in ("real", "codec")]
    found.append(_fast_job(AT_START, WITH))
    if SEES in experiments or CURVES in experiments:
        found.append(Stage3Job("pairs", ("clips",), write_pairs))
        found += _chain("judge", sizes.ahead, "pairs", lambda count: partial(ask_judge, ahead=count))
    if SEES in experiments:
        found += [Stage3Job(f"net_{kind}".replace(" ", "_"), ("pairs",), partial(ask_net, kind=kind)) for kind in KINDS]
        found.append(Stage3Job("taps", ("pairs",), ask_taps))
    # By turns, so that a run that ends early says something of each experiment.
    arms_by_rate = [_arm_jobs(sizes, lr) for lr in sizes.rates] if CURVES in experiments else []
    lengths = _length_jobs(sizes) if LENGTH in experiments else []
    first, *others = arms_by_rate or [[]]
    most = len(first) * 2 // 3
    return found + first[:most] + lengths + first[most:] + [job for jobs in others for job in jobs]


def _chain(
    name: str, counts: Sequence[int], first: str, work: Callable[[int], Callable[[Stage3Place], None]]
) -> list[Stage3Job]:
    """Parts that each continue the one before."""
    names = [first, *(f"{name}_{count}" for count in counts)]
    return [Stage3Job(names[n + 1], (names[n],), work(count)) for n, count in enumerate(counts)]


def _arm_jobs(sizes: Stage3Sizes, lr: float) -> list[Stage3Job]:
    """All arms to the first number of updates, then to the next."""
    named, chains = arms(sizes.arm_sizes), []
    for arm in (named[name] for name in ARMS):
        first = f"judge_{sizes.ahead[-1]}" if arm.shares_judge else "clips"
        chains.append(_chain(f"arm_{arm.key}_{lr:g}", sizes.updates, first, partial(_arm_work, arm, lr)))
    return [job for turn in zip(*chains, strict=True) for job in turn]


def _arm_work(arm: Arm, lr: float, updates: int) -> Callable[[Stage3Place], None]:
    return partial(_arm, arm=arm, lr=lr, updates=updates)


def _arm(place: Stage3Place, arm: Arm, lr: float, updates: int) -> None:
    """Train an arm on until so many updates, measure it, and ask its discriminator about its own final samples."""
    there = place.at(lr=lr, updates=updates)
    run = there.arm_run(f"{KIND}_{arm.key}_{lr:g}", SEED)
    adapter, method = trained_arm(there, run, arm, KIND, run.folder / f"{updates}.safetensors", digest(arm.key, lr))
    name = arm_row(arm.name, lr, updates)
    row(place, ClaimRow(name, KIND, FAST), adapter, row_key(name))
    if isinstance(method, Hybrid) and method.adversary is not None:
        batch, _ = read_pairs(place, "ask")
        samples = student_samples(place, place.fast, adapter, "ask")[FINAL]
        write_scores(place, f"fooled_{row_key(name)}", {FINAL: judged(method, batch, samples)})


def _length_jobs(sizes: Stage3Sizes) -> list[Stage3Job]:
    found = [_fast_job(AT_START, ALONE)]
    found += [
        Stage3Job(row_key(slow_row(steps, adapter)), ("clips",), partial(_slow_row, steps=steps, adapter=adapter))
        for steps in (MANY, FEW)
        for adapter in (WITH, ALONE)
    ]
    return found + _chain("fast", sizes.students, "clips", lambda updates: partial(_longer, updates=updates))


def _fast_job(updates: int, adapter: str) -> Stage3Job:
    return Stage3Job(
        row_key(fast_row(updates, adapter)), ("clips",), partial(_fast_row, updates=updates, adapter=adapter)
    )


def _longer(place: Stage3Place, updates: int) -> None:
    """Continue the embedded FastGenerator's distillation, and measure it."""
    settings = place.config.stage2
    more = updates - AT_START
    settings = settings.model_copy(update={"steps": settings.fake_warmup + settings.ratio * more})
    schedule = place.artifacts.schedule
    method = wiring.distil(place.artifacts.builder, place.slow, settings, schedule, start=place.fast)
    trainer = trained(place, place.run, "stage2", method, settings, fingerprint=digest("stage 2 goes on"))
    with trainer.result():
        weights = whole_state(method.student.generator)
        place.artifacts.save_generator(place.generator(updates), place.slow.sizes, weights, schedule)
    for adapter in (WITH, ALONE):
        _fast_row(place, updates, adapter)


def _fast_row(place: Stage3Place, updates: int, adapter: str) -> None:
    generator: GeneratorFile = place.fast if updates == AT_START else generator_file(place.generator(updates))
    name, steering = fast_row(updates, adapter), place.artifacts.adapter(SLOW, KIND) if adapter == WITH else None
    row(place, ClaimRow(name, KIND, FAST), steering, row_key(name), generator)


def _slow_row(place: Stage3Place, steps: str, adapter: str) -> None:
    name, steering = slow_row(steps, adapter), place.artifacts.adapter(SLOW, KIND) if adapter == WITH else None
    row(place, ClaimRow(name, KIND, SLOW, place.counts.slow_steps if steps == MANY else 0), steering, row_key(name))


def row_key(name: str) -> str:
    """The name of a row's file."""
    return f"row_{name}".replace(",", "").replace(" ", "_").lower()
