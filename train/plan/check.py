"""The phase check: the machine, what the run will take, and everything that is bound to fail, said before hours have passed."""

from __future__ import annotations

import difflib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from flashmotion_core.adapters import read_generator_info
from flashmotion_core.loading import read_folder_config
from flashmotion_core.wan.config import WanConfig

from ..config.method_settings import Optim, PhaseSettings
from ..config.phases import training_phases
from ..config.settings import Synthetic, Videos
from ..data.gather import count as videos_count
from ..data.video_files import find_videos
from ..engine import optim
from ..engine.build import Builder
from ..engine.job import accumulation
from ..errors import TrainError
from ..prepare.weights_folder import check_folder
from ..run_folder.artifacts import PREPARED
from ..run_folder.run import Run
from .figures import PhasePlan
from .given_adapters import check_adapter, given_path
from .gpus import find_gpu, this_gpu
from .plan import data_bytes, plan, static_plans
from .table import byte_text, print_needs, print_phase, print_sum, short_rows


def check(run: Run) -> None:
    """Print the machine and a short plan; refuse what cannot work.

    Raises:
        TrainError: a file that is not there, settings that do not fit together or need a package, a disk that is too small, a run folder
            that cannot be written.
        ValueError: a given file that is not a generator or an adapter.
    """
    run.console.table(environment(run))
    check_files(run)
    check_settings(run)
    slow, fast = generator_sizes(run)
    for adapter in run.config.models.adapters:
        check_adapter(adapter, slow)
    device = run.world.device.type
    plans = list(static_plans(run.config, slow, fast, ranks=run.world.size, device=device))
    run.console.table(short_rows(plans))
    check_disk(run, plans, slow)


def show_plan(run: Run, gpu: str | None) -> None:
    """Print what every training phase will take; nothing is loaded.

    Args:
        run: whose configuration it is.
        gpu: the card to plan for; None for this machine's, or an H200.

    Raises:
        TrainError: an unknown card, or a generator that is not there.
        ValueError: a given file that is not a generator or an adapter.
    """
    card = this_gpu() if gpu is None else find_gpu(gpu)
    check_files(run)
    slow, fast = generator_sizes(run)
    for adapter in run.config.models.adapters:
        check_adapter(adapter, slow)
    ranks = run.world.size
    run.console.say(f"plan for {ranks} x {card.name} with {card.gigabytes:.0f} GB")
    plans = []
    for found in plan(run.config, slow, fast, ranks=ranks, device="cuda"):
        plans.append(found)
        print_phase(run.console, found)
        print_needs(run.console, run.config, found, card, ranks)
    if plans:
        print_sum(run.console, run.config, plans, card, data_bytes(run.config, clip_count(run), slow.text_dim))


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
    memory = _memory()
    rows += [["CPU", f"{os.cpu_count()} cores" + (f", {byte_text(memory)}" if memory else "")]]
    rows += [["processes", str(run.world.size)]]
    return rows


def _memory() -> int | None:
    """Bytes of main memory; None where the system does not say (Windows)."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def check_files(run: Run) -> None:
    """Raises TrainError for a given file or folder that is not there."""
    models = run.config.models
    for name in ("generator", "fast_generator", "vae", "text_encoder"):
        given = getattr(models, name)
        if given is not None:
            _check_exists(f"models.{name}", Path(given))
    for adapter in models.adapters:
        path = given_path(adapter)
        if path is not None:
            _check_exists(f"models.adapters, {adapter.kind}", path)
    data = run.config.data
    for name in ("train", "evaluation"):
        source = getattr(data, name)
        if isinstance(source, Videos):
            for place in source.places:
                _check_exists(f"data.{name}.folder", place)
    for name in ("detector", "tracker", "captioner"):
        folder = getattr(data.prepare, name) if data.prepares else None
        if folder is not None:
            check_folder(name, folder)


def _check_exists(key: str, path: Path) -> None:
    if path.exists():
        return
    folder = path.parent
    while not folder.is_dir():
        path, folder = folder, folder.parent
    close = difflib.get_close_matches(path.name, [entry.name for entry in folder.iterdir()], n=1, cutoff=0.6)
    hint = f"did you mean {folder / close[0]}?" if close else "check the path."
    raise TrainError(f"{key}: there is no {path}; {hint}")


def check_settings(run: Run) -> None:
    """Raises TrainError for settings that do not go together on this machine, or that need a package that is not there."""
    config, device = run.config, run.world.device
    Builder(config, run.world)  # float8 and sharding
    kahan = config.precision == "bf16_kahan"
    for phase, settings in training_phases(config):
        name = phase.stage
        try:
            accumulation(settings.global_batch, settings.micro_batch, run.world.size)
        except TrainError as error:
            raise TrainError(f"{name}.{error}") from None
        for key, one in _optimizers(settings):
            probe = {"probe": nn.Parameter(torch.zeros(1, dtype=torch.bfloat16 if kahan else torch.float32))}
            try:
                optim.make_optimizer(one.kernel(config.precision), probe, lr=one.lr, betas=one.betas, device=device)
            except TrainError as error:
                raise TrainError(f"{name}.{key}: {error}") from None


def _optimizers(settings: PhaseSettings) -> Iterator[tuple[str, Optim]]:
    for key in ("optim", "fake_optim"):
        found = getattr(settings, key, None)
        if found is not None:
            yield key, found
    gan = getattr(settings, "gan", None)
    if gan is not None:
        yield "gan.optim", gan.optim


def generator_sizes(run: Run) -> tuple[WanConfig, WanConfig]:
    """Sizes of the SlowGenerator and the FastGenerator: of the files' headers, or of what will be trained.

    Raises:
        TrainError: two generators of different sizes.
        ValueError: a file or folder that is not a generator.
    """
    models = run.config.models
    slow = models.sizes.config() if models.generator is None else _sizes_of(Path(models.generator))
    fast = slow if models.fast_generator is None else _sizes_of(Path(models.fast_generator))
    if (slow.dim, slow.num_layers, slow.text_dim) != (fast.dim, fast.num_layers, fast.text_dim):
        raise TrainError(
            f"models.fast_generator has width {fast.dim}, {fast.num_layers} blocks and text of width {fast.text_dim}, but models.generator "
            f"has {slow.dim}, {slow.num_layers} and {slow.text_dim}; an adapter needs the same in both, so choose generators of one size."
        )
    return slow, fast


def _sizes_of(path: Path) -> WanConfig:
    if not path.is_dir():
        return read_generator_info(path).config
    folder = path / "transformer" if (path / "transformer").is_dir() else path
    return WanConfig.from_diffusers(read_folder_config(folder, "generator", ("WanTransformer3DModel",)), folder)


def clip_count(run: Run) -> int:
    """Clips that will be encoded; before the phase prepare, as many as there are videos."""
    data, count = run.config.data, 0
    for split, source in (("train", data.train), ("eval", data.evaluation)):
        prepared = run.folder / PREPARED / split
        if isinstance(source, Synthetic):
            count += source.count
        elif data.prepares and prepared.is_dir():
            count += len(find_videos(prepared))
        elif isinstance(source, Videos):
            count += videos_count(source.places)
    return count


def check_disk(run: Run, plans: list[PhasePlan], sizes: WanConfig) -> None:
    """Raises TrainError if the run folder cannot be written, or its disk cannot hold the rest of the run."""
    folder = run.folder.absolute()
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise TrainError(
            f"the run folder {run.folder} cannot be written ({error.strerror}); choose another one with --run."
        ) from error
    needed = data_bytes(run.config, clip_count(run), sizes.text_dim) + sum(found.disk for found in plans)
    free, there = shutil.disk_usage(folder).free, _held(run.folder)
    if needed > free + there:
        raise TrainError(
            f"the run needs up to {byte_text(needed)} on the disk of {folder}, but only {byte_text(free)} are free; choose another folder with "
            "--run, or keep fewer checkpoints (checkpoints.keep=1)."
        )


def _held(folder: Path) -> int:
    """Bytes of a run that has begun."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
