"""A real ComfyUI inside the test process, and the pack loaded into it as ComfyUI does: under a name of its own."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ..conftest import ROOT
from .helpers import Rig, write_models

sys.path.append(str(ROOT))  # at the end: the repository's `nodes` must not hide ComfyUI's

from bench.inside_comfyui import load_pack, start_comfyui


@pytest.fixture(scope="session")
def comfyui() -> Path:
    """Folder of the ComfyUI under test, importable, on the CPU. FLASHMOTION_ON_GPU=1 is for a look at a card: its rounding fails some tests."""
    folder = os.environ.get("FLASHMOTION_COMFYUI")
    if not folder:
        pytest.skip("needs ComfyUI: run python run_tests.py, or set FLASHMOTION_COMFYUI to its folder")
    start_comfyui(Path(folder), cpu=os.environ.get("FLASHMOTION_ON_GPU") != "1")
    return Path(folder)


@pytest.fixture(scope="session")
def pack(comfyui: Path) -> ModuleType:
    """The pack's package with its ``nodes``."""
    loaded = load_pack()
    gc.freeze()  # ComfyUI often asks Python to look for what can be freed: not among its own modules
    return loaded


@pytest.fixture(scope="session")
def tiny(comfyui: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny random models in ComfyUI's folders: ``generator``, ``vae``, ``resnet`` and ``controlnet`` by path."""
    import folder_paths

    models = tmp_path_factory.mktemp("models")
    paths = write_models(models)
    for kind in ("diffusion_models", "vae", "model_patches"):
        folder_paths.add_model_folder_path(kind, str(models / kind), is_default=True)
    folder_paths.set_output_directory(str(models / "output"))
    folder_paths.set_temp_directory(str(models / "temp"))
    return paths


@pytest.fixture(scope="module")
def rig(pack: ModuleType, tiny: dict[str, Path]) -> Rig:
    """The pack and the tiny models, with the nodes' calls in short."""
    return Rig(pack, tiny)
