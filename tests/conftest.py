"""What all tests share: `tools` and `bench` as packages, one thread for torch, and real ComfyUI servers."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .support.archive import unpack
from .support.order import (  # noqa: F401 (hooks)
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_sessionfinish,
    pytest_xdist_make_scheduler,
)

if TYPE_CHECKING:
    from tools.comfy.server import Server

ROOT = Path(__file__).resolve().parents[1]


def load_module(name: str, path: Path) -> Any:
    """Import a file that is on no path, under a name of our choice."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


sys.path.append(str(ROOT))  # at the end, so that the repository's `nodes` never hides ComfyUI's


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread: networks as small as these are slower on two, and sums come in one order."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@dataclass(frozen=True)
class RunningServer:
    """A real ComfyUI with the pack, the tiny models and pictures (the scenes of assets/tiny, cat.jpg, astronaut.png)."""

    url: str
    base: Path
    log: Path
    version: str

    def run(self, graph: dict[str, Any]) -> Any:
        """Queue a graph in API form and wait for its end: `tools.comfy.client.RunResult`."""
        from tools.comfy import client as comfy_client

        return comfy_client.run(self.url, graph, timeout=180)


def fill_base(base: Path) -> None:
    """The pack, tiny models and pictures in a server's base directory."""
    from skimage import data
    from skimage.io import imsave

    from tools.comfy.base_folder import link_pack, put_models

    link_pack(ROOT, base / "custom_nodes")
    shutil.copytree(ROOT / "tests/support/empty_conditioning", base / "custom_nodes/empty_conditioning")
    put_models(ROOT / "assets/tiny", base / "models")
    (base / "input").mkdir()
    for picture in (*ROOT.glob("assets/tiny/*.png"), ROOT / "assets/tiny/cat.jpg"):
        shutil.copy(picture, base / "input")
    imsave(base / "input/astronaut.png", data.astronaut())
    # Names that the full-size workflows ask for; empty, so that only validation can pass.
    for name in (
        "diffusion_models/wan2.2_ti2v_5B_fp16.safetensors",
        "loras/Wan22_TI2V_5B_Turbo_lora_rank_64_fp16.safetensors",
        "diffusion_models/rt_detr_v4-x-hgnet_fp16.safetensors",
        "checkpoints/sam3.1_multiplex_fp16.safetensors",
        "vae/wan2.2_vae.safetensors",
        "vae_approx/lighttaew2_2.safetensors",
        "text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors",
        "model_patches/flashmotion_resnet.safetensors",
    ):
        (base / "models" / name).parent.mkdir(parents=True, exist_ok=True)
        (base / "models" / name).touch()
    (base / "input/video.mp4").touch()


def write_wrong_files(models: Path) -> None:
    """Files that a user may pick by mistake: a 14B generator, a LoRA, a 14B adapter; their real keys, next to no data."""
    import json

    import torch
    from safetensors.torch import save_file

    from flashmotion_core.sampling.schedule import Schedule

    fourteen = {
        "patch_embedding.weight": (5120, 36, 1, 2, 2),
        "head.modulation": (1, 2, 5120),
        "head.head.weight": (64, 5120),
    }
    lora = {"diffusion_model.blocks.0.self_attn.q.lora_A.weight": (4, 8)}
    adapter = {
        "flashmotion.format": "1",
        "flashmotion.kind": "resnet",
        "flashmotion.config": json.dumps({"generator": {"dim": 5120, "num_layers": 40}}),
        "flashmotion.schedule": Schedule().to_json(),
        "flashmotion.map": "{}",
    }
    for name, shapes, metadata in (
        ("diffusion_models/wan14b", fourteen, None),
        ("diffusion_models/lora", lora, None),
        ("model_patches/lora", lora, None),
        ("model_patches/adapter14b", {"stem.weight": (1,)}, adapter),
    ):
        tensors = {key: torch.zeros(shape, dtype=torch.float16) for key, shape in shapes.items()}
        save_file(tensors, models / f"{name}.safetensors", metadata=metadata)


def start_server(variable: str, base: Path, page: str = "") -> Iterator[RunningServer]:
    """A server of the ComfyUI that an environment variable names, until the generator is closed; `page`: the variable of a frontend."""
    from tools.comfy.server import Server, is_free

    comfyui = os.environ.get(variable)
    if not comfyui:
        pytest.skip(f"needs {variable}, the folder of a ComfyUI: run python run_tests.py")
    fill_base(base)
    write_wrong_files(base / "models")
    shutil.copy(Path(comfyui) / "input/example.png", base / "input")
    version = (Path(comfyui) / "comfyui_version.py").read_text(encoding="utf-8").split('"')[1]
    other = ["--front-end-root", os.environ[page]] if page in os.environ else []
    with Server(sys.executable, comfyui, base, extra_args=other) as server:
        yield RunningServer(server.url, base, server.log, version)
    assert is_free(server.port)


@pytest.fixture(scope="session")
def newest_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The pinned ComfyUI."""
    yield from start_server("FLASHMOTION_COMFYUI", tmp_path_factory.mktemp("newest"))


@pytest.fixture(scope="session")
def oldest_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The oldest ComfyUI that the pack supports, with the frontend that it asks for."""
    yield from start_server(
        "FLASHMOTION_COMFYUI_OLDEST", tmp_path_factory.mktemp("oldest"), "FLASHMOTION_FRONTEND_OLDEST"
    )


def newest_page() -> tuple[str, str]:
    """Folders of the pinned ComfyUI and of the newest frontend; skips the test without them."""
    comfyui, page = (os.environ.get(name) for name in ("FLASHMOTION_COMFYUI", "FLASHMOTION_FRONTEND_NEWEST"))
    if not comfyui or not page:
        pytest.skip("needs FLASHMOTION_COMFYUI and FLASHMOTION_FRONTEND_NEWEST: run python run_tests.py")
    return comfyui, page


@pytest.fixture(scope="session")
def empty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The pinned ComfyUI with the newest frontend, the archive, unpacked into a folder of another name, and no model of the user's."""
    from tools.comfy.server import Server

    comfyui, page = newest_page()
    base = tmp_path_factory.mktemp("empty")
    unpack(base / "custom_nodes" / "flashmotion-main")
    with Server(sys.executable, comfyui, base, extra_args=["--front-end-root", page]) as server:
        yield server


@pytest.fixture(params=["newest_server", "oldest_server"])
def server(request: pytest.FixtureRequest) -> RunningServer:
    """Both, one after the other."""
    found: RunningServer = request.getfixturevalue(request.param)
    return found
