"""A base and its LoRA become one generator: every layout that the field hands out, its schedule, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from flashmotion_core.adapters import read_generator_info
from flashmotion_core.cli.convert import main
from flashmotion_core.cli.convert_file import convert
from flashmotion_core.files.weights import read_tensors
from flashmotion_core.wan.config import WanConfig, generator_shapes
from flashmotion_core.wan.keys import to_diffusers

from ...support import lora_files
from ...support.sentences import names, refuses

SIZES = WanConfig(dim=128, ffn_dim=192, num_heads=1, num_layers=2, text_dim=32)
RANDOM = torch.Generator().manual_seed(1)
BASE = {key: torch.randn(shape, generator=RANDOM) for key, shape in generator_shapes(SIZES).items()}
PAIRS = lora_files.pairs_for(BASE)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    save_file(BASE, tmp_path / "base.safetensors")
    return tmp_path / "base.safetensors"


def joined(base: Path, lora: dict[str, Any], name: str = "some_lora.safetensors", **options: Any) -> tuple[Path, str]:
    save_file(lora, base.with_name(name))
    target = base.with_name("out.safetensors")
    return target, convert(base, target, lora=base.with_name(name), **options)


@pytest.mark.parametrize("layout", lora_files.LAYOUTS)
def test_every_layout_of_a_lora_gives_the_merged_weights(layout: str, base: Path) -> None:
    target, said = joined(base, lora_files.LAYOUTS[layout](PAIRS))
    expected = lora_files.merged(BASE, PAIRS)
    found, _ = read_tensors(target)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-5, atol=1e-5)
    assert "with the LoRA some_lora.safetensors" in said
    assert "left out" not in said


def test_a_base_in_diffusers_layout_and_half_precision(tmp_path: Path) -> None:
    theirs = to_diffusers({key: value.to(torch.bfloat16) for key, value in BASE.items()})
    save_file(theirs, tmp_path / "base.safetensors")
    target, _ = joined(tmp_path / "base.safetensors", lora_files.LAYOUTS["comfyui"](PAIRS))
    found, _ = read_tensors(target)
    expected = lora_files.merged({key: value.to(torch.bfloat16) for key, value in BASE.items()}, PAIRS)
    for key, value in expected.items():
        assert torch.equal(found[key], value.to(torch.bfloat16)), key  # added in float32, rounded once


@pytest.mark.parametrize(
    ("name", "options", "schedule"),
    [
        ("Wan22_TI2V_5B_Turbo_lora_rank_64_fp16.safetensors", {}, "turbo"),
        ("Wan2_2-TI2V-5B-FastWanFullAttn_lora_rank_128_bf16.safetensors", {}, "fastwan"),
        ("Wan2_2-TI2V-5B-FastWanFullAttn_lora_rank_128_bf16.safetensors", {"schedule": "plain"}, "plain"),
    ],
)
def test_the_loras_schedule_goes_into_the_file(base: Path, name: str, options: dict[str, Any], schedule: str) -> None:
    target, _ = joined(base, lora_files.LAYOUTS["comfyui"](PAIRS), name, **options)
    found = read_generator_info(target).schedule
    assert found is not None
    assert found.name == schedule


def test_biases_change_and_what_has_no_place_is_counted(base: Path) -> None:
    lora = lora_files.LAYOUTS["comfyui"](PAIRS)
    lora |= {
        "diffusion_model.blocks.0.self_attn.q.diff_b": torch.ones(128),
        "diffusion_model.blocks.0.self_attn.to_gate_compress.lora_A.weight": torch.ones(4, 128),
    }
    target, said = joined(base, lora)
    found, _ = read_tensors(target)
    torch.testing.assert_close(found["blocks.0.self_attn.q.bias"], BASE["blocks.0.self_attn.q.bias"] + 1)
    assert "1 of its tensors left out" in said


def test_what_cannot_be_added_is_one_sentence(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = lora_files.LAYOUTS["comfyui"](PAIRS)
    layer = "diffusion_model.blocks.0.self_attn.q"
    half = {key: value for key, value in whole.items() if key != f"{layer}.lora_B.weight"}
    with refuses(key="some_lora.safetensors", value="lacks the half 'up'", remedy="download it again"):
        joined(base, half)
    with refuses(key="some_lora.safetensors", value="none of the 1 tensors", remedy="choose a LoRA"):
        joined(base, {"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": torch.zeros(4, 8)})
    with refuses(key="some_lora.safetensors", value="[256, 128]", remedy="of its size"):
        joined(base, {f"{layer}.lora_A.weight": torch.ones(4, 128), f"{layer}.lora_B.weight": torch.ones(256, 4)})
    with refuses(key="some_lora.safetensors", value="rank 4 and 8", remedy="download it again"):
        joined(base, {f"{layer}.lora_A.weight": torch.ones(4, 128), f"{layer}.lora_B.weight": torch.ones(128, 8)})
    for rank, alpha in ((0, torch.tensor(1.0)), (4, torch.ones(2))):
        halves = {f"{layer}.lora_A.weight": torch.ones(rank, 128), f"{layer}.lora_B.weight": torch.ones(128, rank)}
        with refuses(key="some_lora.safetensors", value=f"rank {rank}", remedy="download it again"):
            joined(base, {**halves, f"{layer}.alpha": alpha})
    with refuses(key="some_lora.safetensors", value=f"{layer}.dora_scale", remedy="choose a plain LoRA"):
        joined(base, {**whole, f"{layer}.dora_scale": torch.ones(128, 1)})
    with refuses(key="some_lora.safetensors", value=f"{layer}.lokr_w1", remedy="choose a plain LoRA"):
        joined(
            base,
            {
                f"{layer}.lokr_w1": torch.ones(1),
                f"{layer}.lokr_w2": torch.ones(128, 128),
                f"{layer}.alpha": torch.ones(()),
            },
        )
    with refuses(key="some_lora.safetensors", value="none of the 1 tensors", remedy="choose a LoRA"):
        joined(base, {f"{layer}.alpha": torch.ones(())})
    two = {f"{layer}.lora_A.{adapter}.weight": torch.ones(4, 128) for adapter in ("high", "low")}
    with refuses(key="some_lora.safetensors", value=f"{layer}.lora_A.low.weight", remedy="export one adapter"):
        joined(base, two)
    with refuses(key="blocks.0.self_attn.q.weight", value="NaN", remedy="download it again"):
        joined(base, {**whole, f"{layer}.lora_B.weight": torch.full((128, 4), float("nan"))})
    assert not base.with_name("out.safetensors").exists()
    save_file(whole, base.with_name("lora.safetensors"))
    folder = str(base.with_name("folder"))
    assert main([str(base), folder, "--diffusers", "--lora", str(base.with_name("lora.safetensors"))]) == 2
    names(capsys.readouterr().err, key="--diffusers", value="no option but --dtype", remedy="convert")
