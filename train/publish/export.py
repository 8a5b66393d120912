"""The export phase: what training made, as the files that users load; and copying them into a ComfyUI models folder.

    export/diffusion_models/NAME_fast_generator.safetensors      (and slow)
    export/loras/NAME_fast_lora.safetensors                      where stage 2 trained a LoRA: the same, to put on the SlowGenerator
    export/model_patches/NAME_fast_KIND.safetensors              (and slow)
    export/model_patches/NAME_fast_controlnet_lora.safetensors   where export.lora_rank asks for it: the same as a small file
    export/vae/NAME_vae.safetensors
    export/README.md                                             the model card

Files that the configuration names (a generator, a VAE, a SlowAdapter) are not copied: they have a place already.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from flashmotion_core.adapters.adapter_file import write_adapter
from flashmotion_core.cli.convert_file import DTYPES
from flashmotion_core.files.weights import read_tensors, save_whole
from flashmotion_core.files.whole_file import write_whole
from flashmotion_core.metadata import PREFIX
from flashmotion_core.wan.fingerprint import fingerprint, same_generator, short_name

from ..config.method_settings import Lora
from ..errors import TrainError
from ..files import writing
from ..run_folder.artifacts import FAST, SLOW, Artifacts
from ..run_folder.run import Run
from .run_card import run_card
from .small_adapter import export_small

INNER = "diffusion_model."
"""What ComfyUI's names of a generator's weights begin with."""
LARGEST_HEADER = 100_000_000
"""Bytes; the format's own limit."""


@dataclass(frozen=True)
class Exported:
    """A generator's file, and its fingerprints in the type it was trained in and in the one it was written in."""

    path: Path
    trained: str
    written: str


def export(run: Run) -> None:
    """Write `export/`; for one rank alone.

    Raises:
        TrainError: a value that the type cannot hold, an adapter of another generator, or a folder that cannot be written.
    """
    models = run.config.models
    artifacts, folder, dtype = Artifacts(run), run.folder / "export", DTYPES[run.config.export.dtype]
    written: list[Path] = []
    with _writing(folder):
        for which, given in ((FAST, models.fast_generator), (SLOW, models.generator)):
            base = _export_generator(artifacts, which, folder, dtype) if given is None else None
            written += [base.path] if base is not None else []
            kinds = [adapter.kind for adapter in models.adapters if which == FAST or adapter.slow is None]
            for kind in kinds:
                written.append(_export_adapter(artifacts, which, kind, folder, dtype, base))
                if which == FAST and kind == "controlnet" and run.config.export.lora_rank is not None:
                    weights = artifacts.fast.weights if base is None else read_tensors(base.path)[0]
                    written.append(export_small(run, written[-1], weights, run.config.export.lora_rank))
        if run.config.stage2.lora is not None and models.fast_generator is None:
            written.append(_export_lora(artifacts, run.config.stage2.lora, folder, dtype))
        if models.vae is None:
            written.append(folder / "vae" / artifacts.codec_path.name)
            _copy(artifacts.vae_path, written[-1])
        write_whole(folder / "README.md", run_card(artifacts, written, folder))
    _show(run, written)


def copy_to_comfyui(run: Run, target: Path) -> None:
    """Copy `export/` into a ComfyUI models folder, and workflow and start picture beside it; a different file of a name is renamed, not lost.

    Raises:
        TrainError: no such folder, or one that cannot be written.
    """
    check_models_folder(target)
    folder = run.folder / "export"
    with _writing(target):
        files = sorted(folder.rglob("*.safetensors"))
        placed = [_place(path, target / path.relative_to(folder), run) for path in files]
        placed += [_place(path, there / path.name, run) for path, there in _beside(run, target.absolute().parent)]
    _show(run, placed)


def _beside(run: Run, comfyui: Path) -> list[tuple[Path, Path]]:
    """The report's workflows and their start picture, each with the folder where that ComfyUI looks for it, if it has one."""
    report, name, user = run.folder / "report", run.config.name, comfyui / "user/default"
    wanted = [(report / f"{name}_start.png", comfyui / "input", comfyui / "input")]
    kinds = [adapter.kind for adapter in run.config.models.adapters]
    wanted += [(report / f"{name}_{kind}.json", user / "workflows", user) for kind in kinds]
    return [(file, folder) for file, folder, mark in wanted if file.is_file() and mark.is_dir()]


def check_models_folder(target: Path) -> None:
    """Raises TrainError if the folder does not exist."""
    if not target.is_dir():
        raise TrainError(
            f"--export-to is {target}, but there is no such folder; give the models folder of a ComfyUI, such as ComfyUI/models."
        )


def _show(run: Run, files: Sequence[Path]) -> None:
    run.console.table([["file", "MB"], *([str(path), f"{path.stat().st_size / 1e6:.1f}"] for path in files)])


def cast(tensors: Mapping[str, Tensor], dtype: torch.dtype, name: str) -> dict[str, Tensor]:
    """The tensors in another floating type.

    Raises:
        TrainError: a value that is not finite, or that the type cannot hold.
    """
    result = {}
    for key, value in tensors.items():
        result[key] = value.to(dtype).contiguous() if value.is_floating_point() else value.contiguous()
        if torch.isfinite(result[key]).all():
            continue
        if not torch.isfinite(value).all():
            raise TrainError(
                f"{key} of {name} holds values that are not finite; repeat the phase that made it with --redo."
            )
        raise TrainError(
            f"{key} of {name} reaches {value.abs().max():.3g}, but {dtype} ends at {torch.finfo(dtype).max:.3g}; set export.dtype to bf16."
        )
    return result


def _export_generator(artifacts: Artifacts, which: str, folder: Path, dtype: torch.dtype) -> Exported:
    source = artifacts.generator_path(which)
    target = folder / "diffusion_models" / source.name
    tensors, metadata = read_tensors(source)
    save_whole(target, cast(tensors, dtype, source.name), metadata)
    # From the file itself: it is what users will load.
    return Exported(target, fingerprint(tensors, metadata), fingerprint(*read_tensors(target)))


def _export_lora(artifacts: Artifacts, settings: Lora, folder: Path, dtype: torch.dtype) -> Path:
    """Stage 2's LoRA under ComfyUI's names, with the schedule that LoadFastGenerator reads: a fifteenth of the generator's size."""
    source = artifacts.lora_path
    halves = cast(read_tensors(source)[0], dtype, source.name)
    tensors = {f"{INNER}{key}": value for key, value in halves.items()}
    layers = {key.rpartition(".lora_")[0] for key in tensors}
    tensors |= {f"{layer}.alpha": torch.tensor(float(settings.scale)) for layer in layers}
    target = folder / "loras" / source.name
    save_whole(target, tensors, {f"{PREFIX}schedule": artifacts.schedule.to_json()})
    return target


def _export_adapter(
    artifacts: Artifacts, which: str, kind: str, folder: Path, dtype: torch.dtype, base: Exported | None
) -> Path:
    """The same schedule, map and configuration; the generator it names is the exported one, or the given one."""
    file = artifacts.adapter(which, kind)
    if base is not None and not same_generator(file.base_fingerprint or "", base.trained):
        raise TrainError(
            f"{file.name} was trained on the generator {short_name(file.base_fingerprint or 'unknown')}, but {base.path.name} is "
            f"{short_name(base.trained)}; repeat the phase that made the adapter with --redo."
        )
    target = folder / "model_patches" / artifacts.adapter_path(which, kind).name
    mark = file.base_fingerprint if base is None else base.written
    write_adapter(target, replace(file, state_dict=cast(file.state_dict, dtype, file.name), base_fingerprint=mark))
    return target


def _place(source: Path, target: Path, run: Run) -> Path:
    """Copy a file into a models folder; another file of that name is kept under a name that is free, and can still be loaded."""
    if target.is_file() and same_weights(source, target):
        return target
    number = 1
    while (aside := target.with_name(f"{target.stem}.previous-{number}{target.suffix}")).exists():
        number += 1
    _copy(source, target, aside)
    if aside.exists():
        run.console.say(f"export: another {target.name} was there; it is now {aside.name}.")
    return target


def same_weights(a: Path, b: Path) -> bool:
    """Whether two safetensors files hold the same; their bytes may differ, for the order of metadata entries is left to chance."""
    if a.stat().st_size != b.stat().st_size:
        return False
    with a.open("rb") as file_a, b.open("rb") as file_b:
        if _header(file_a) != _header(file_b):
            return False
        while block := file_a.read(1 << 20):
            if block != file_b.read(1 << 20):
                return False
    return True


def _header(file: BinaryIO) -> Any:
    """What stands before the weights; if the file is not a safetensors file, whatever it begins with."""
    length = min(int.from_bytes(file.read(8), "little"), LARGEST_HEADER)
    content = file.read(length)
    try:
        return json.loads(content)
    except ValueError:
        return content


def _copy(source: Path, target: Path, aside: Path | None = None) -> None:
    """Copy beside the target and move it there when it is whole; what was there is moved aside, where that is wanted."""

    def copy(part: Path) -> None:
        shutil.copyfile(source, part)
        if aside is not None and target.exists():
            target.rename(aside)

    write_whole(target, copy)


def _writing(folder: Path) -> AbstractContextManager[None]:
    return writing("exported files", folder, "make room there or check its rights, and run again")
