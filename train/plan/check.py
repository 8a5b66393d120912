"""The phase check: the machine, what the run will take, and everything that is bound to fail, said before hours have passed."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Container
from functools import partial
from importlib import metadata
from pathlib import Path

import torch
from torch import nn

from flashmotion_core.wan.config import TI2V_5B, WanConfig

from ..config.data_settings import Synthetic
from ..config.phases import WITHOUT_GENERATORS, phases_of, training_phases
from ..data.gather import count as videos_count
from ..engine import optim
from ..errors import TrainError
from ..evaluation.video_trackers import load_tracker, tracker_of
from ..monitor.dashboards import check_dashboards
from ..prepare.weights_folder import check_folder
from ..run_folder.generator_file import sizes_of
from ..run_folder.run import Run
from .disk import check_disk, clip_count
from .figures import PhasePlan
from .given_adapters import check_adapter
from .given_files import check_exists, given_files
from .plan import data_bytes, static_plans
from .ranks import check_ranks
from .table import byte_text, knobs, short_rows

OPTIONAL = ("diffusers", "transformers", "peft", "optimi", "bitsandbytes", "wandb", "trackio")
"""Packages that only some configurations need; what is missing is said where it is needed."""


def check(run: Run, among: Container[str] | None = None) -> None:
    """Print one table of the machine, what is given and what the run takes, and a short plan; refuse what cannot work.

    Args:
        run: the run.
        among: the names of the phases that will be done; None for all. What only others need is not looked for.

    Raises:
        TrainError: all that is wrong: a file that is not there or is not what it should be, settings that do not fit together or need a
            package, memory or a disk that is too small, a run folder that cannot be written.
    """
    seen = _Findings()
    for what, found in environment(run):
        seen.rows.append([what, found, ""])
    for what, path, kind in given_files(run, among):
        seen.look(what, partial(_found, what, path, kind))
    seen.look("settings", partial(_settings_fit, run, among))
    plans: list[PhasePlan] = []
    stages = {phase.stage for phase in phases_of(run.config) if among is None or phase.name in among}
    trains = not stages <= set(WITHOUT_GENERATORS)
    # What follows needs the files.
    if trains and not seen.problems:
        seen.look("networks", partial(_networks, run, plans, among))
    if plans:
        seen.look("memory", partial(_memory_fits, run, plans))
    if plans or not (trains or seen.problems):
        seen.look("disk", partial(_disk_fits, run, plans, encodes=stages != {"prepare"}))
    run.console.table(seen.rows)
    if plans:
        run.console.table(short_rows(plans))
    if len(seen.problems) == 1:
        raise TrainError(seen.problems[0])
    if seen.problems:
        raise TrainError(
            f"{len(seen.problems)} things are wrong: "
            + " ".join(f"({number}) {text}" for number, text in enumerate(seen.problems, start=1))
        )


class _Findings:
    """The rows of the table, and what is wrong, each a sentence with its remedy."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self.problems: list[str] = []

    def look(self, what: str, work: Callable[[], str]) -> None:
        try:
            self.rows.append([what, work(), "ok"])
        except ValueError as error:  # also those that the core raises
            self.problems.append(str(error))
            self.rows.append([what, "-", f"problem {len(self.problems)}"])


def _found(what: str, path: Path, kind: str) -> str:
    check_exists(what, path)
    if kind == "clips":
        return f"{videos_count((path,))} videos in {path}"
    if kind == "model":
        check_folder(what, str(path))
    return f"{path}, {byte_text(path.stat().st_size)}" if path.is_file() else str(path)


def _settings_fit(run: Run, among: Container[str] | None) -> str:
    check_settings(run, among)
    return f"of {run.config.name}, for {run.world.size} process{'es' if run.world.size > 1 else ''}"


def _networks(run: Run, plans: list[PhasePlan], among: Container[str] | None) -> str:
    slow, fast = generator_sizes(run)
    for adapter in run.config.models.adapters:
        check_adapter(adapter, slow)
    plans += static_plans(run.config, slow, fast, ranks=run.world.size, device=run.world.device.type, among=among)
    return f"{slow.num_layers} blocks of width {slow.dim}"


def _memory_fits(run: Run, plans: list[PhasePlan]) -> str:
    """Only what is certain: weights, optimizer states and averages alone; what a step takes is in `--plan`."""
    largest, device = max(plans, key=lambda plan: plan.peak), run.world.device
    there = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else _memory()
    if there is not None and largest.peak > there:
        settings = knobs(run.config, largest.name, run.world.size)
        first = f"set {', then '.join(settings)}" if settings else "use more GPUs"
        raise TrainError(
            f"{largest.name} keeps {byte_text(largest.peak)} in memory, without what a step needs, but there are {byte_text(there)}; {first}."
        )
    return f"at least {byte_text(largest.peak)} in {largest.name}"


def _disk_fits(run: Run, plans: list[PhasePlan], *, encodes: bool) -> str:
    data = 0
    if encodes:
        slow, _ = generator_sizes(run, TI2V_5B)
        data = data_bytes(run.config, clip_count(run), slow.text_dim)
    needed = check_disk(run.folder, {"data": data, **{f"phases/{plan.name}": plan.disk for plan in plans}})
    return f"up to {byte_text(needed)}" if needed else "the run folder can be written"


def environment(run: Run) -> list[list[str]]:
    """The machine: Python, torch, GPU or CPU, processes."""
    device = run.world.device
    rows = [["Python", platform.python_version()], ["torch", str(torch.__version__)], ["system", platform.platform()]]
    if device.type == "cuda":
        found = torch.cuda.get_device_properties(device)
        rows += [["GPU", f"{found.name}, {byte_text(found.total_memory)}"]]
        kernels = torch.backends.cuda
        backends = {
            "flash": kernels.flash_sdp_enabled() and kernels.is_flash_attention_available(),
            "memory-efficient": kernels.mem_efficient_sdp_enabled(),
            "cuDNN": kernels.cudnn_sdp_enabled(),
        }
        rows += [["attention", ", ".join(name for name, there in backends.items() if there) or "math only, slow"]]
    else:
        rows += [["device", f"{device.type}; no GPU is used"]]
    packages = [f"{name} {_version(name)}" for name in OPTIONAL if _version(name)]
    rows += [["packages", ", ".join(packages) or "none of the optional ones"]]
    memory = _memory()
    rows += [["CPU", f"{os.cpu_count()} cores" + (f", {byte_text(memory)}" if memory else "")]]
    rows += [["processes", str(run.world.size)]]
    return rows


def _version(package: str) -> str | None:
    """The installed version; None if it is not installed."""
    try:
        return metadata.version({"optimi": "torch-optimi"}.get(package, package))
    except metadata.PackageNotFoundError:
        return None


def _memory() -> int | None:
    """Bytes of main memory; None where the system does not say (Windows)."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def check_settings(run: Run, among: Container[str] | None = None) -> None:
    """Raises TrainError for settings of the phases of these names (or all) that do not go together on this machine, or that need a package that
    is not there."""
    config, device = run.config, run.world.device
    check_ranks(config, run.world.size, among)
    check_dashboards(config.logging.dashboards)
    follower = tracker_of(config, device.type)
    if not isinstance(config.data.evaluation, Synthetic) and follower.sam2 is None:
        load_tracker(follower)
    kahan = config.precision == "bf16_kahan"
    if training_phases(config, among):
        probe = {"probe": nn.Parameter(torch.zeros(1, dtype=torch.bfloat16 if kahan else torch.float32))}
        try:
            optim.make_optimizer(config.optimizer, probe, lr=1e-3, betas=(0.9, 0.95), device=device)
        except TrainError as error:
            raise TrainError(f"{'precision' if kahan else 'memory.optimizer'}: {error}") from None


def generator_sizes(run: Run, assumed: WanConfig | None = None) -> tuple[WanConfig, WanConfig]:
    """Sizes of the SlowGenerator and the FastGenerator: of the files' headers, or of what will be trained.

    Args:
        run: whose configuration names the files.
        assumed: the sizes of a file that is not there; None to refuse it.

    Raises:
        TrainError: two generators of different sizes.
        ValueError: a file or folder that is not a generator.
    """
    models = run.config.models

    def there(path: Path) -> WanConfig:
        return assumed if assumed is not None and not path.exists() else sizes_of(path)

    slow = models.sizes.config() if models.generator is None else there(Path(models.generator))
    key = "fast_start" if models.fast_generator is None else "fast_generator"
    given = getattr(models, key)
    fast = slow if given is None else there(Path(given))
    if (slow.dim, slow.num_layers, slow.text_dim) != (fast.dim, fast.num_layers, fast.text_dim):
        raise TrainError(
            f"models.{key} has width {fast.dim}, {fast.num_layers} blocks and text of width {fast.text_dim}, but models.generator "
            f"has {slow.dim}, {slow.num_layers} and {slow.text_dim}; an adapter needs the same in both, so choose generators of one size."
        )
    return slow, fast
