"""ComfyUI imported into this process, and the pack loaded into it as ComfyUI does: under a name of its own."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]


def start_comfyui(folder: Path, *, cpu: bool) -> None:
    """Make ComfyUI importable, in front of everything: it owns the top-level names `nodes` and `utils`.

    Args:
        folder: of ComfyUI.
        cpu: leave the GPU alone.
    """
    sys.path.insert(0, str(folder))
    from comfy.cli_args import args

    args.cpu = cpu  # before comfy.model_management is imported: it looks for CUDA
    if not cpu:
        _dynamic_vram()
    import comfy.utils

    comfy.utils.set_progress_bar_enabled(False)


def _dynamic_vram() -> None:
    """What ComfyUI's main.py does on an NVIDIA card: layers get their weights when a file is loaded, and a driver of its own pages them."""
    try:
        import comfy_aimdo.control as driver
    except ImportError:  # an older ComfyUI has none
        return
    if not driver.init():  # before torch first asks for memory
        return
    driver.set_log_error()  # it starts with a line for every weight at every use
    import comfy.memory_management
    import comfy.model_management
    import comfy.model_patcher

    devices = comfy.model_management.get_all_torch_devices()
    if not comfy.model_management.is_nvidia():
        return
    try:
        ready = driver.init_devices((device.index, 0) for device in devices)
    except TypeError:  # comfy-aimdo until 0.4.9
        ready = driver.init_devices(device.index for device in devices)
    if ready:
        comfy.model_patcher.CoreModelPatcher = comfy.model_patcher.ModelPatcherDynamic
        comfy.memory_management.aimdo_enabled = True


def load_pack() -> ModuleType:
    """The pack's package with its ``nodes``, as ``flashmotion_pack``."""
    spec = importlib.util.spec_from_file_location(
        "flashmotion_pack", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["flashmotion_pack"] = module
    spec.loader.exec_module(module)
    importlib.import_module("flashmotion_pack.nodes")
    return module
