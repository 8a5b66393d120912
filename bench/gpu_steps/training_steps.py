"""Real training steps of one stage on random weights, against what ``--plan`` says. Started by ``bench/on_gpu.py``.

python training_steps.py STAGE [--rehearse] --out STEM --work FOLDER

The networks, the method and the trainer are those of ``train/run_all.py``; weights, clips and text are random numbers. An iteration has
``GLOBAL_BATCH`` clips instead of the configuration's 4 or 16, so that 20 of them fit into the time; ``as configured`` multiplies by the rest.
Warm-ups are shortened too, so that every kind of iteration occurs. The plan is made of the same shortened configuration.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

CONFIG = "one_80g"
STEPS, REHEARSED, UNTIMED = 20, 8, 2
"""Iterations, those of a rehearsal, and how many of the first are left out of the times."""
GLOBAL_BATCH = 2
PROMPT_TOKENS = 100
TINY = (
    *("device=cpu", "precision=fp32", "data.size=[64, 64]", "data.frames=9"),
    *("stage2.lora.rank=4", "stage3.gan.width=32", "stage3.gan.heads=2"),
)


class RandomClips:
    """Encoded clips of random numbers, in place of ``EncodedClips``."""

    def __init__(self, size: tuple[int, int], frames: int, text_dim: int) -> None:
        from flashmotion_core.wan.conditioning import latent_shape

        self.shape_CFHW, self.text_dim = latent_shape(*size, frames), text_dim
        self.groups = [range(len(self))]

    def __len__(self) -> int:
        return 64

    def batch(self, indices: Sequence[int], device: Any = "cpu") -> Any:
        """As ``EncodedClips.batch``."""
        import torch

        from flashmotion_core.generation.text_encoder import TEXT_TOKENS
        from train.data.encoded import Batch

        count = len(indices)
        random = torch.Generator().manual_seed(indices[0])
        latent, box, mask = (torch.randn(count, *self.shape_CFHW, generator=random) for _ in range(3))
        inside = (torch.rand(count, 1, *self.shape_CFHW[1:], generator=random) > 0.7).float()
        context = torch.zeros(count, TEXT_TOKENS, self.text_dim)
        context[:, :PROMPT_TOKENS] = torch.randn(count, PROMPT_TOKENS, self.text_dim, generator=random)
        return Batch(latent, box, mask, inside, context, [f"clip {index}" for index in indices]).to(device)


def configuration(stage: str, rehearse: bool) -> Any:
    """The configuration, shortened."""
    from train.config.load import load

    warm_up = {"stage2": ["stage2.fake_warmup=1"], "stage3": ["stage3.gan_warmup=2"]}.get(stage, [])
    return load(
        CONFIG,
        [
            f"{stage}.steps={REHEARSED if rehearse else STEPS}",
            f"{stage}.global_batch={GLOBAL_BATCH}",
            "logging.every=1",
            "health.max_gap=null",
            "health.motion_floor=null",
            *warm_up,
            *(TINY if rehearse else ()),
        ],
    )


def make_method(stage: str, config: Any, world: Any, shapes: Any) -> tuple[Any, Any]:
    """The method of a stage on random weights, and its settings."""
    from bench.full_size import models
    from train.engine.build import Builder, Network
    from train.stages import wiring

    builder, sizes = Builder(config, world), shapes.generator
    slow = Network(sizes, models.made("generator", shapes, world.device, builder.frozen_type).state_dict())
    settings = getattr(config, stage)
    if stage == "stage2":
        return wiring.distil(builder, slow, settings, config.steps.schedule()), settings
    file = builder.fresh_adapter(config.models.adapters[0], sizes, slow.weights)
    if stage == "stage1":
        return wiring.flow(builder, slow, file, settings), settings
    # With a shared backbone the FastGenerator's own weights are not used.
    assert settings.share_backbone
    schedule, lora = config.steps.schedule(), config.stage2.lora
    return wiring.fast_adapter(builder, slow, slow, file, settings, schedule, world, lora=lora), settings


def planned(stage: str, config: Any, sizes: Any, device: str) -> Any:
    """What ``--plan`` says of the shortened configuration."""
    from train.plan.plan import plan

    return next(found for found in plan(config, sizes, sizes, ranks=1, device=device) if found.name.startswith(stage))


def run_training(stage: str, config: Any, shapes: Any, folder: Path) -> tuple[list[tuple[str, ...]], dict[str, Any]]:
    """Train; returns the updates of each iteration, and the log. Ends early, with what there is, if asked to."""
    import torch

    from train import parallel
    from train.engine.job import Job
    from train.engine.trainer import Trainer
    from train.monitor.console import Console
    from train.monitor.health import Health
    from train.monitor.run_log import read_log

    world = parallel.start(config.device)
    if world.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(world.device)
    method, settings = make_method(stage, config, world, shapes)
    job = Job(
        stage,
        folder,
        settings,
        "random",
        config.seed,
        config.precision,
        log_every=1,
        checkpoint_every=10**9,
        optimizer=config.optimizer,
    )
    clips: Any = RandomClips(config.data.size, config.data.frames, shapes.generator.text_dim)
    trainer = Trainer(job, method, clips, world, Console(), Health(config.health, stage))
    try:
        trainer.run()
    except KeyboardInterrupt:
        print(f"asked to end after {trainer.iteration} of {settings.steps} iterations.")
    finally:
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return [tuple(method.schedule(step)) for step in range(trainer.iteration)], read_log(folder / "log.csv")


def compare(
    stage: str, updates: list[tuple[str, ...]], log: dict[str, Any], plan: Any, gpu: Any, config: Any
) -> dict[str, Any]:
    """Measured beside planned. Peaks are compared on a GPU alone: elsewhere the log counts the whole process."""
    from train.config.load import load

    seconds = log["time/step"][1]
    kinds: dict[str, list[float]] = {}
    for step, (names, taken) in enumerate(zip(updates, seconds, strict=True)):
        if step >= UNTIMED:
            kinds.setdefault(" and ".join(names), []).append(taken)
    timed = seconds[UNTIMED:]
    mean = sum(timed) / len(timed) if timed else None
    configured = getattr(load(CONFIG), stage).global_batch
    flops = plan.flops / plan.steps
    return {
        "stage": stage,
        "config": CONFIG,
        "device": config.device,
        "size": [*config.data.size, config.data.frames],
        "steps": len(seconds),
        "global_batch": GLOBAL_BATCH,
        "configured_global_batch": configured,
        "seconds_by_update": {name: statistics.median(taken) for name, taken in kinds.items()},
        "seconds_per_step": mean,
        "planned_seconds_per_step": gpu.seconds(flops, config.precision),
        "planned_for": gpu.name,
        "as_configured_s": mean and mean * configured / GLOBAL_BATCH,
        "flops_per_step": flops,
        "flops_per_second": mean and flops / mean,
        "peak_bytes": round(max(log["memory/peak_GB"][1]) * 1e9) if config.device == "cuda" else None,
        "planned_peak_bytes": plan.peak,
        "losses": {name: values[-1] for name, (_, values) in log.items() if name.startswith("loss/")},
    }


def markdown(found: dict[str, Any]) -> str:
    """A table of measured and planned."""

    def text(value: float | None, form: str = "{:.3g}") -> str:
        return "-" if value is None else form.format(value)

    peak, plan = found["peak_bytes"], found["planned_peak_bytes"]
    lines = [
        f"{found['config']} at {' x '.join(map(str, found['size']))}, {found['steps']} iterations of {found['global_batch']} clips; the plan is "
        f"for {found['planned_for']}.",
        "",
        "| what | measured | `--plan` | measured / planned |",
        "| --- | --- | --- | --- |",
    ]
    pairs = (
        ("seconds per iteration", found["seconds_per_step"], found["planned_seconds_per_step"]),
        ("peak memory, GB", peak and peak / 1e9, plan / 1e9),
    )
    for what, measured, planned_value in pairs:
        ratio = measured and measured / planned_value if found["device"] == "cuda" else None
        lines.append(f"| {what} | {text(measured)} | {text(planned_value)} | {text(ratio, '{:.2f}')} |")
    lines.append(
        f"| seconds with {found['configured_global_batch']} clips, by proportion | {text(found['as_configured_s'])} | - | - |"
    )
    lines += [
        f"| median iteration with {name} | {text(taken)} | - | - |"
        for name, taken in found["seconds_by_update"].items()
    ]
    lines.append(
        f"| TFLOP/s by the plan's FLOPs | {text(found['flops_per_second'] and found['flops_per_second'] / 1e12)} | - | - |"
    )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0, or 1 if no iteration was made."""
    parser = argparse.ArgumentParser()
    parser.add_argument("stage", choices=("stage1", "stage2", "stage3"))
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args(arguments)
    from bench.full_size import models
    from bench.gpu_steps.step_record import write_result
    from train.plan.gpus import this_gpu

    shapes = models.TINY if options.rehearse else models.REAL
    config = configuration(options.stage, options.rehearse)
    plan = planned(options.stage, config, shapes.generator, config.device)
    folder = options.work / f"training_{options.stage}" / "run"
    shutil.rmtree(folder, ignore_errors=True)
    updates, log = run_training(options.stage, config, shapes, folder)
    if not updates:
        print("no iteration was made in the time.")
        return 1
    found = compare(options.stage, updates, log, plan, this_gpu(), config)
    write_result(options.out, found, markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
