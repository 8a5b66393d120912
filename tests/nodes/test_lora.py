"""A LoRA on LoadFastGenerator: every key layout gives the clip of the merged generator; what does not fit is counted or refused."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from flashmotion_core.sampling.schedule import Schedule, preset_schedule

from ..support import generator_files, lora_files
from ..support.sentences import names, refuses
from .helpers import Rig

WEIGHTS = generator_files.small_generator()
PAIRS = lora_files.pairs_for(WEIGHTS)
LATENT = {"samples": torch.zeros(1, 48, 2, 4, 4)}
POSITIVE = [[torch.randn(1, 12, 4096, generator=torch.Generator().manual_seed(1)), {}]]


@pytest.fixture(scope="module")
def base(rig: Rig) -> str:
    """The plain generator's file: nothing says a schedule."""
    path = rig.tiny["generator"].with_name("wan_small.safetensors")
    return generator_files.write(path, generator_files.prefixed(""), WEIGHTS).name


@pytest.fixture(scope="module")
def folder(rig: Rig) -> Path:
    """models/loras."""
    import folder_paths

    found = rig.tiny["generator"].parents[1] / "loras"
    found.mkdir(exist_ok=True)
    folder_paths.add_model_folder_path("loras", str(found), is_default=True)
    return found


def clip(rig: Rig, base: str, **changed: Any) -> Tensor:
    return rig.sample(model(rig, base, **changed), LATENT, positive=POSITIVE, preset="turbo")


def model(rig: Rig, base: str, **changed: Any) -> Any:
    with torch.inference_mode():
        return rig.load(generator_name=base, **changed)


@pytest.fixture(scope="module")
def expected(rig: Rig) -> Tensor:
    """The clip of a generator with the LoRA in its weights."""
    path = rig.tiny["generator"].with_name("wan_merged.safetensors")
    generator_files.write(path, generator_files.prefixed(""), lora_files.merged(WEIGHTS, PAIRS))
    return clip(rig, path.name)


@pytest.mark.parametrize("layout", lora_files.LAYOUTS)
def test_every_key_layout(
    layout: str, rig: Rig, base: str, folder: Path, expected: Tensor, caplog: pytest.LogCaptureFixture
) -> None:
    save_file(lora_files.LAYOUTS[layout](PAIRS), folder / "tried.safetensors")
    with caplog.at_level(logging.INFO):
        out = clip(rig, base, lora_name="tried.safetensors")
    names(caplog.text, key="the LoRA tried.safetensors", value=f"changes {len(PAIRS)} weights")
    assert "left out" not in caplog.text
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=1e-3)
    assert (out - clip(rig, base)).abs().mean() > 0.01


def test_strength_scales_it(rig: Rig, base: str, folder: Path) -> None:
    save_file(lora_files.LAYOUTS["comfyui"](PAIRS), folder / "tried.safetensors")
    path = rig.tiny["generator"].with_name("wan_half.safetensors")
    generator_files.write(path, generator_files.prefixed(""), lora_files.merged(WEIGHTS, PAIRS, 0.5))
    out = clip(rig, base, lora_name="tried.safetensors", lora_strength=0.5)
    torch.testing.assert_close(out, clip(rig, path.name), atol=1e-4, rtol=1e-3)
    none = clip(rig, base, lora_name="tried.safetensors", lora_strength=0.0)
    assert torch.equal(none, clip(rig, base))


def test_on_scaled_fp8(rig: Rig, folder: Path, expected: Tensor) -> None:
    """The most common download: fp8_scaled, with a LoRA on top."""
    save_file(lora_files.LAYOUTS["comfyui"](PAIRS), folder / "tried.safetensors")
    path = rig.tiny["generator"].with_name("wan_fp8_scaled.safetensors")
    generator_files.write(path, generator_files.old_scaled_fp8, WEIGHTS)
    out = clip(rig, path.name, lora_name="tried.safetensors")
    assert float(torch.corrcoef(torch.stack([out.flatten(), expected.flatten()]))[0, 1]) > 0.97


@pytest.mark.parametrize(
    ("tensors", "why"),
    [
        ({"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": torch.zeros(4, 8)}, "it is a LoRA"),
        ({"blocks.0.self_attn.q.weight": torch.zeros(8, 8)}, "a part of a Wan generator"),
        (
            lora_files.LAYOUTS["comfyui"]({"blocks.0.self_attn.q": (torch.ones(4, 320), torch.ones(320, 4))}),
            "other sizes",
        ),
    ],
)
def test_a_lora_of_another_model_is_refused(
    tensors: dict[str, Tensor], why: str, rig: Rig, base: str, folder: Path
) -> None:
    save_file(tensors, folder / "other.safetensors")
    with refuses(
        key="no key of the LoRA other.safetensors fits", value=why, remedy="choose one that was made for Wan2.2"
    ):
        model(rig, base, lora_name="other.safetensors")


def test_what_does_not_fit_is_counted(
    rig: Rig, base: str, folder: Path, expected: Tensor, caplog: pytest.LogCaptureFixture
) -> None:
    """Blocks that this generator does not have, sizes of another one, and endings that nobody reads."""
    foreign = {
        "blocks.39.self_attn.q": (torch.ones(4, 256), torch.ones(256, 4)),
        "blocks.0.self_attn.k": (torch.ones(4, 320), torch.ones(320, 4)),
    }
    tensors = lora_files.LAYOUTS["comfyui"](PAIRS | foreign)
    tensors["diffusion_model.blocks.0.self_attn.q.unheard_of"] = torch.zeros(1)
    save_file(tensors, folder / "partly.safetensors")
    out = clip(rig, base, lora_name="partly.safetensors")
    names(caplog.text, key="the LoRA partly.safetensors", value=f"5 of {len(tensors)} tensors", remedy="left out")
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=1e-3)


def test_broken_loras_are_one_sentence(rig: Rig, base: str, folder: Path) -> None:
    whole = lora_files.LAYOUTS["comfyui"](PAIRS)
    first = next(iter(whole))
    save_file(whole | {first: torch.full_like(whole[first], torch.nan)}, folder / "nan.safetensors")
    with refuses(key="LoRA nan.safetensors", value=first, remedy="download it again"):
        model(rig, base, lora_name="nan.safetensors")
    save_file({key: value for key, value in whole.items() if key != first}, folder / "half.safetensors")
    with refuses(key="LoRA half.safetensors", value=first, remedy="download it again"):
        model(rig, base, lora_name="half.safetensors")
    torch.save(whole, folder / "lora.pt")
    with refuses(key="lora.pt", value="a pickled checkpoint", remedy="convert it with"):
        model(rig, base, lora_name="lora.pt")


@pytest.mark.parametrize("strength", [float("nan"), float("inf"), float("-inf")])
def test_strengths_that_are_not_finite_are_refused(strength: float, rig: Rig, base: str) -> None:
    with refuses(key="lora_strength", value=str(strength), remedy="give a finite number"):
        model(rig, base, lora_strength=strength)


@pytest.mark.parametrize(
    ("name", "metadata", "schedule", "is_open"),
    [
        ("Wan22-Turbo/Wan22_TI2V_5B_Turbo_lora_rank_64_fp16.safetensors", {}, "turbo", False),
        ("FastWan/Wan2_2-TI2V-5B-FastWanFullAttn_lora_rank_128_bf16.safetensors", {}, "fastwan", False),
        ("few_steps.safetensors", {"flashmotion.schedule": preset_schedule("fastwan").to_json()}, "fastwan", False),
        ("few_steps.safetensors", {"ss_output_name": "wan22_5b_turbo"}, "turbo", False),
        ("style.safetensors", {}, "turbo", True),
    ],
)
def test_the_plain_generator_takes_the_loras_schedule(
    name: str, metadata: dict[str, str], schedule: str, is_open: bool, rig: Rig, base: str, folder: Path
) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    save_file(lora_files.LAYOUTS["comfyui"](PAIRS), folder / name, metadata or None)
    loaded = model(rig, base, lora_name=name)
    found = rig.pack.nodes.attachments.attached_schedule(loaded)
    assert found.to_json() == preset_schedule(schedule).to_json()
    assert rig.pack.nodes.attachments.schedule_is_open(loaded) == is_open


def test_two_files_that_disagree_are_asked_about(rig: Rig, folder: Path) -> None:
    path = rig.tiny["generator"].with_name("own.safetensors")
    stated = {"flashmotion.schedule": Schedule().to_json()}
    own = generator_files.write(path, generator_files.prefixed(""), WEIGHTS, stated).name
    save_file(lora_files.LAYOUTS["comfyui"](PAIRS), folder / "fastwan.safetensors")
    with refuses(
        key="own.safetensors says turbo",
        value="fastwan.safetensors says fastwan",
        remedy="choose one in the input schedule",
    ):
        model(rig, own, lora_name="fastwan.safetensors")
    chosen = model(rig, own, lora_name="fastwan.safetensors", schedule="fastwan")
    assert rig.pack.nodes.attachments.attached_schedule(chosen).name == "fastwan"


def test_a_lora_that_changes_is_loaded_again(rig: Rig, base: str, folder: Path) -> None:
    import os

    save_file(lora_files.LAYOUTS["comfyui"](PAIRS), folder / "tried.safetensors")
    fingerprint = rig.pack.nodes.LoadFastGenerator.fingerprint_inputs
    chosen = {"generator_name": base, "weight_dtype": "default", "lora_name": "tried.safetensors"}
    before = fingerprint(**chosen)
    os.utime(folder / "tried.safetensors", (1, 1))
    assert fingerprint(**chosen) != before
    assert fingerprint(generator_name=base) == fingerprint(generator_name=base, lora_name="none")
