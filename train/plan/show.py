"""`--plan`: what a run will take on the machine that its configuration is for, or on another one. It needs no weights and no clips."""

from __future__ import annotations

from pathlib import Path

from flashmotion_core.wan.config import TI2V_5B, WanConfig

from ..config.data_settings import Videos
from ..run_folder.run import Run
from .around import around
from .check import generator_sizes
from .disk import clip_count
from .given_adapters import check_adapter, given_path
from .gpus import find_gpu, this_gpu
from .plan import plan
from .ranks import check_ranks
from .table import print_needs, print_phase, print_sum

ASSUMED_CLIPS = 1000
"""Clips that a plan counts where their folder is not there yet."""


def show_plan(run: Run, gpu: str | None = None, gpus: int | None = None, nodes: int | None = None) -> None:
    """Print what every phase will take; nothing is loaded.

    Args:
        run: whose configuration it is.
        gpu: the card to plan for; None for the configuration's, or else this machine's, or an H200.
        gpus: how many a machine has; None for the configuration's.
        nodes: how many machines; None for the configuration's.

    Raises:
        TrainError: an unknown card, or settings that do not fit the number of GPUs.
        ValueError: a given file that is there and is not a generator or an adapter.
    """
    machine, console = run.config.machine, run.console
    name = gpu or machine.gpu
    card = this_gpu() if name is None else find_gpu(name)
    each, count = gpus or machine.gpus, nodes or machine.nodes
    ranks = each * count if run.world.size == 1 else run.world.size
    check_ranks(run.config, ranks)
    slow, fast = _sizes(run)
    several = f"{count} machines with {each} x " if count > 1 else f"{ranks} x "
    console.say(f"plan for {several}{card.name} with {card.gigabytes:.0f} GB")
    clips = _clips(run)
    plans = []
    for found in plan(run.config, slow, fast, ranks=ranks, device="cuda"):
        plans.append(found)
        print_phase(console, found)
        print_needs(console, run.config, found, card, ranks)
    if plans:
        print_sum(console, run.config, plans, card, around(run.config, plans, clips, slow.text_dim, ranks), clips)


def _sizes(run: Run) -> tuple[WanConfig, WanConfig]:
    """Sizes of both generators; those of Wan2.2-TI2V-5B for a file that is not there yet."""
    models = run.config.models
    for key, path in (("generator", models.generator), ("fast_generator", models.fast_generator)):
        if path is not None and not Path(path).exists():
            run.console.say(f"models.{key}: there is no {path} yet; planned with the sizes of Wan2.2-TI2V-5B.")
    slow, fast = generator_sizes(run, TI2V_5B)
    for adapter in models.adapters:
        given = given_path(adapter)
        if given is not None and given.exists():
            check_adapter(adapter, slow)
    return slow, fast


def _clips(run: Run) -> int:
    """Clips that will be encoded; an assumed number where a folder is not there yet."""
    sources = {"train": run.config.data.train, "evaluation": run.config.data.evaluation}
    missing = [
        (name, place)
        for name, source in sources.items()
        if isinstance(source, Videos)
        for place in source.places
        if not place.exists()
    ]
    for name, place in missing:
        run.console.say(f"data.{name}: there is no {place} yet; planned with {ASSUMED_CLIPS:,} clips in all.")
    return ASSUMED_CLIPS if missing else clip_count(run)
