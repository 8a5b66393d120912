"""A plan as people read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..config.load import changed
from ..config.method_settings import HybridSettings
from ..config.schema import Config
from ..errors import TrainError
from ..monitor.console import Console, duration
from .around import Around
from .figures import PhasePlan, RoleBytes
from .gpus import SHARE_OF_PEAK, Gpu
from .ranks import check_ranks

RESERVE_GB = 1.5
"""Assumed for the CUDA context, libraries' workspaces and gaps between tensors."""


def byte_text(count: float) -> str:
    """Bytes in decimal units: ``83 MB``, ``10.1 GB``."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.1f} kB" if count else "-"


def flops_text(count: float) -> str:
    """Operations: ``30.8 PFLOP``."""
    for unit, size in (("EFLOP", 1e18), ("PFLOP", 1e15), ("TFLOP", 1e12)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e9:.1f} GFLOP"


def seconds_text(seconds: float) -> str:
    """Of one step: ``69 s``, ``0.38 s``."""
    return f"{seconds:.2g} s" if seconds < 9.95 else f"{seconds:.0f} s"


def print_phase(console: Console, plan: PhasePlan) -> None:
    """The roles of a phase."""
    console.rule(f"{plan.name}, {plan.steps} steps")
    rows = [["role", "trained", "frozen", "weights", "gradients", "optimizer", "average", "together"]]
    rows += [_role_row(name, role) for name, role in plan.roles.items()]
    if len(plan.roles) > 1:
        rows.append(_role_row("all", plan.sum))
    console.table(rows)


def _role_row(name: str, role: RoleBytes) -> list[str]:
    counts = [f"{count:,}" if count else "-" for count in (role.trained, role.frozen)]
    sizes = (role.weights, role.gradients, role.optimizer, role.average, role.static)
    return [name, *counts, *map(byte_text, sizes)]


def print_needs(console: Console, config: Config, plan: PhasePlan, gpu: Gpu, ranks: int) -> None:
    """What a phase takes of a GPU, and what to change if that is too much."""
    step = gpu.seconds(plan.flops / plan.steps, config.precision)
    rows = [
        ["gradients that go before others come", f"-{byte_text(plan.absent)}" if plan.absent else "-"],
        ["activations and the like, at most", byte_text(plan.working)],
        ["memory, at most", byte_text(plan.peak)],
        ["FLOPs per step", flops_text(plan.flops / plan.steps)],
        ["time per step", seconds_text(step)],
        ["time", duration(step * plan.steps)],
        ["checkpoints and result on the disk", f"{byte_text(plan.disk)} ({byte_text(plan.checkpoint)} each)"],
    ]
    console.table(rows)
    if fits(plan, gpu):
        console.say(f"  fits into {gpu.gigabytes:.0f} GB.")
    else:
        settings = knobs(config, plan.name, ranks)
        first = f"first set {', then '.join(settings)}, then use" if settings else "use"
        console.say(
            f"  does not fit into {gpu.gigabytes:.0f} GB; {first} a smaller data.size, fewer data.frames or more GPUs."
        )


def print_sum(
    console: Console, config: Config, plans: Sequence[PhasePlan], gpu: Gpu, rest: Sequence[Around], clips: int
) -> None:
    """All phases in one table, their sum, and the assumptions."""
    console.rule("total")
    rows = [["phase", "trained", "memory", "", "FLOPs", "time", "disk"]]
    for plan in plans:
        rows.append(
            [
                plan.name,
                f"{plan.sum.trained:,}",
                byte_text(plan.peak),
                "fits" if fits(plan, gpu) else "too much",
                flops_text(plan.flops),
                duration(gpu.seconds(plan.flops, config.precision)),
                byte_text(plan.disk),
            ]
        )
    for part in rest:
        time = duration(gpu.seconds(part.flops, config.precision)) if part.flops else "-"
        loaded = f"from {byte_text(part.weights)}" if part.weights else "-"
        rows.append(
            [part.name, "-", loaded, "", flops_text(part.flops) if part.flops else "-", time, byte_text(part.disk)]
        )
    flops = sum(plan.flops for plan in plans) + sum(part.flops for part in rest)
    together = duration(gpu.seconds(flops, config.precision))
    disk = byte_text(sum(part.disk for part in rest) + sum(plan.disk for plan in plans))
    rows.append(["total", "-", byte_text(max(p.peak for p in plans)), "", flops_text(flops), together, disk])
    console.table(rows)
    longest, largest = max(plans, key=lambda plan: plan.flops), max(plans, key=lambda plan: plan.peak)
    console.say(
        f"  {longest.name} takes longest, {largest.name} needs most memory; memory, FLOPs and time are per GPU."
    )
    kind, peak = ("float32", gpu.fp32) if config.precision == "fp32" else ("bf16", gpu.bf16)
    console.say(
        f"  Times are not measured: they assume {SHARE_OF_PEAK:.0%} of the {gpu.name}'s {peak:,g} TFLOP/s in {kind}; small networks "
        f"reach less. {RESERVE_GB} GB of memory are left to CUDA. Data: {clips:,} clips, by all GPUs; from is what its networks weigh, VAE and umT5 "
        "where they are given."
    )


def fits(plan: PhasePlan, gpu: Gpu) -> bool:
    """Whether a phase fits into the card's memory."""
    return plan.peak / 1e9 + RESERVE_GB <= gpu.gigabytes


def knobs(config: Config, phase: str, ranks: int) -> list[str]:
    """Settings to change, in this order, if a phase takes too much memory; none that is set already or that the others do not allow."""
    stage = phase.split("_")[0]
    settings = getattr(config, stage)
    lora = ["stage2.lora={rank: 128}"] if config.stage2.lora is None else []
    candidates = [[f"{stage}.micro_batch=1"], ["memory.checkpointing=true"], ["memory.offload=true"]]
    candidates += [["memory.fp8=true"]] if stage != "base" else []
    candidates += [["memory.optimizer=adamw8bit"]] if config.precision == "bf16" else []
    candidates += [lora] if stage == "stage2" else []
    candidates += [[*lora, "stage3.share_backbone=true"]] if isinstance(settings, HybridSettings) else []
    wanted = []
    for candidate in candidates:
        try:
            tried = changed(config, candidate)
            check_ranks(tried, ranks)
        except TrainError:
            continue
        if tried != config:
            wanted.append(" with ".join(candidate))
            config = tried
    return wanted


def short_rows(plans: Iterable[PhasePlan]) -> list[list[str]]:
    """Before training starts: what is trained, and the least memory it takes."""
    rows = [["phase", "steps", "trained", "frozen", "stays in memory", "checkpoints"]]
    for plan in plans:
        total = plan.sum
        counts = [f"{plan.steps}", f"{total.trained:,}", f"{total.frozen:,}"]
        rows.append([plan.name, *counts, byte_text(total.static - plan.absent), byte_text(plan.disk)])
    return rows
