"""Adapters of somebody else's training code: the converter and the loader recognise them by keys and shapes, and leave no key unsaid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from flashmotion_core.adapters import (
    ControlNetAdapter,
    ResNetAdapter,
    TrajectoryAdapter,
    build_adapter,
    parse_adapter,
    read_adapter,
)
from flashmotion_core.cli.convert_file import convert
from flashmotion_core.wan.config import TI2V_5B, WanConfig, block_shapes
from flashmotion_core.wan.keys import to_diffusers_key

from ...support.sentences import refuses

SIZES = {
    "tiny": WanConfig(dim=128, ffn_dim=192, num_heads=1, num_layers=2, text_dim=32),
    "wider": WanConfig(dim=256, ffn_dim=320, num_heads=2, num_layers=3, text_dim=64),
    "deeper": WanConfig(dim=128, ffn_dim=256, num_heads=1, num_layers=7, text_dim=32),
}
TINY = SIZES["tiny"]
State = dict[str, Tensor]


def filled(adapter: TrajectoryAdapter) -> TrajectoryAdapter:
    random = torch.Generator().manual_seed(0)
    for parameter in adapter.parameters():
        parameter.data = torch.randn(parameter.shape, generator=random) * 0.1
    return adapter.eval().requires_grad_(False)


def residuals(adapter: TrajectoryAdapter, text_dim: int) -> list[Tensor]:
    random = torch.Generator().manual_seed(1)
    control, latent = (torch.randn(1, 48, 2, 4, 6, generator=random) for _ in range(2))
    state = adapter.begin(
        adapter.prepare(control), latent, torch.tensor([[0.0, 750.0]]), torch.randn(1, 5, text_dim, generator=random)
    )
    return [adapter.residual(index, state) for index in range(len(adapter.inject_after))]


def same(first: TrajectoryAdapter, second: TrajectoryAdapter, text_dim: int) -> bool:
    pairs = zip(residuals(first, text_dim), residuals(second, text_dim), strict=True)
    # The sums of two embeddings are rounded elsewhere than those of one: by parts of the largest value.
    return all(float((a - b).abs().max()) <= 2e-6 * float(a.abs().max()) for a, b in pairs)


def renamed(state: Mapping[str, Tensor], rules: Mapping[str, str]) -> State:
    found = {}
    for key, value in state.items():
        for ours, theirs in rules.items():
            key = key.replace(ours, theirs)
        found[key] = value
    return found


WRAPPED: dict[str, Callable[[State], Any]] = {
    "bare": lambda state: state,
    **{
        name: (lambda state, name=name: {name: state, "step": 3})
        for name in ("state_dict", "generator", "adapter", "controlnet")
    },
    "generator_ema": lambda state: {
        "generator_ema": state,
        "generator": {key: value * 0 for key, value in state.items()},
    },
    "module": lambda state: {"state_dict": {f"module.{key}": value for key, value in state.items()}},
    "FSDP": lambda state: {
        "generator": {
            f"model._fsdp_wrapped_module.{key.replace('.0.', '.0._fsdp_wrapped_module.', 1)}": value
            for key, value in state.items()
        },
        "critic": {f"model.{key}": value for key, value in state.items()},
    },
    "DCP": lambda state: {
        "app": {
            "model": {f"controlnet.{key}": value for key, value in state.items()},
            "optimizer": {"state": {"a": {"exp_avg": torch.ones(2)}}},
        }
    },
    "compiled": lambda state: {
        f"_orig_mod.{key.replace('.0.', '.0._checkpoint_wrapped_module.', 1)}": value for key, value in state.items()
    },
}


@pytest.mark.parametrize("kind", [ControlNetAdapter, ResNetAdapter])
@pytest.mark.parametrize(
    ("wrap", "size"), [*((wrap, "tiny") for wrap in WRAPPED), ("FSDP", "wider"), ("compiled", "deeper")]
)
def test_every_wrapping_of_either_kind_in_other_sizes(wrap: str, kind: Any, size: str, tmp_path: Path) -> None:
    config = SIZES[size]
    adapter = filled(kind(config, **({"width": 64} if kind is ResNetAdapter and size == "wider" else {})))
    torch.save(WRAPPED[wrap](dict(adapter.state_dict())), tmp_path / "in.pt")
    said = convert(tmp_path / "in.pt", tmp_path / "out.safetensors")
    assert f"a {adapter.kind} adapter for a generator of width {config.dim} with {config.num_layers} blocks" in said
    assert ("another network" in said) == (wrap in ("generator_ema", "FSDP", "DCP")), said
    again = build_adapter(read_adapter(tmp_path / "out.safetensors"), config)
    assert same(adapter, again, config.text_dim)


CONTROLNETS: dict[str, Callable[[State], State]] = {
    "as they are": lambda state: state,
    "other names": lambda state: renamed(state, {"zero_convs.": "controlnet_blocks."}),
    "inside the blocks": lambda state: {
        (f"blocks.{key.split('.')[1]}.zero.proj.{key.split('.')[2]}" if key.startswith("zero_convs") else key): value
        for key, value in state.items()
    },
    "as linear layers": lambda state: {
        key: value.flatten(1) if key.startswith("zero_convs") and value.ndim == 4 else value
        for key, value in state.items()
    },
    "as 3-d convolutions": lambda state: {
        key: value[..., None] if key.startswith("zero_convs") and value.ndim == 4 else value
        for key, value in state.items()
    },
    "beside a prefix": lambda state: {
        (key if key.startswith("zero_convs") else f"controlnet.{key}"): value for key, value in state.items()
    },
    "without the head": lambda state: {key: value for key, value in state.items() if not key.startswith("head.")},
    "diffusers": lambda state: {
        (key if key.startswith("zero_convs") else to_diffusers_key(key)): value for key, value in state.items()
    },
    "two embeddings": lambda state: {
        **state,
        "patch_embedding.weight": state["patch_embedding.weight"][:, :48].clone(),
        "patch_embedding.bias": state["patch_embedding.bias"] - 1,
        "control_embedding.weight": state["patch_embedding.weight"][:, 48:].clone(),
        "control_embedding.bias": torch.ones_like(state["patch_embedding.bias"]),
    },
}


@pytest.mark.parametrize(
    ("layout", "size"),
    [*((layout, "tiny") for layout in CONTROLNETS), ("diffusers", "wider"), ("other names", "deeper")],
)
def test_a_controlnet_is_recognised_whatever_its_parts_are_called(layout: str, size: str) -> None:
    adapter = filled(ControlNetAdapter(SIZES[size]))
    file = parse_adapter(CONTROLNETS[layout](dict(adapter.state_dict())), None, "foreign.safetensors")
    assert same(adapter, build_adapter(file, SIZES[size]), SIZES[size].text_dim)


RESNETS: dict[str, Callable[[State], State]] = {
    "as they are": lambda state: state,
    "other names": lambda state: renamed(
        state, {"stem.": "conv_in.", "trunk.": "res_blocks.", "zero_convs.": "zero_linears."}
    ),
    "numbered layers": lambda state: renamed(
        state,
        {
            "trunk.": "down.",
            "norm1": "in_layers.0",
            "conv1": "in_layers.2",
            "norm2": "out_layers.0",
            "conv2": "out_layers.3",
        },
    ),
    "as 3-d convolutions": lambda state: {
        key: value[:, :, None] if ".conv" in key and value.ndim == 4 else value for key, value in state.items()
    },
    "2-d stem": lambda state: {key: value[:, :, 0] if key == "stem.weight" else value for key, value in state.items()},
    "convolutions without biases": lambda state: {
        key: value for key, value in state.items() if not (key.endswith("bias") and (".conv" in key or "zero" in key))
    },
}


@pytest.mark.parametrize("layout", RESNETS)
@pytest.mark.parametrize(("size", "width"), [("tiny", 96), ("wider", 32), ("deeper", 32)])
def test_a_resnet_is_recognised_whatever_its_parts_are_called(layout: str, size: str, width: int) -> None:
    adapter = filled(ResNetAdapter(SIZES[size], width=width))
    if "without biases" in layout:
        for name, parameter in adapter.named_parameters():
            if name.endswith("bias") and (".conv" in name or "zero" in name):
                parameter.zero_()
    file = parse_adapter(RESNETS[layout](dict(adapter.state_dict())), None, "foreign.safetensors")
    assert file.notes == ("32 groups are assumed for its norms",)
    assert (file.kind, file.config["width"]) == ("resnet", width)
    assert same(adapter, build_adapter(file, SIZES[size]), SIZES[size].text_dim)


def test_which_blocks_and_groups_can_be_said(tmp_path: Path) -> None:
    adapter = filled(ResNetAdapter(SIZES["deeper"], inject_after=[1, 3, 6], width=48, groups=8))
    torch.save(dict(adapter.state_dict()), tmp_path / "in.pt")
    with refuses(key="in.pt", value="width 48, which 32 groups do not divide", remedy="name the groups"):
        convert(tmp_path / "in.pt", tmp_path / "out.safetensors")
    convert(tmp_path / "in.pt", tmp_path / "out.safetensors", inject_after=(1, 3, 6), groups=8)
    again = build_adapter(read_adapter(tmp_path / "out.safetensors"), SIZES["deeper"])
    assert again.config() == adapter.config()
    with refuses(key="in.pt", value="adds after 3 blocks, but 2 are named", remedy="name 3"):
        convert(tmp_path / "in.pt", tmp_path / "out.safetensors", inject_after=(1, 3), groups=8)


@pytest.mark.parametrize("kind", [ControlNetAdapter, ResNetAdapter])
def test_the_5bs_sizes(kind: Any) -> None:
    whole = kind(TI2V_5B, device="meta")
    state = {f"generator.model.{key}": value for key, value in whole.state_dict().items()}
    file = parse_adapter(state, None, "released.pt")
    assert file.config["generator"]["dim"] == 3072
    assert file.config["inject_after"] == list(range(30))
    some = kind(TI2V_5B, inject_after=range(0, 30, 2), device="meta")
    with refuses(key="few.pt", value="15 of the generator's 30 blocks", remedy="name them when you convert it"):
        parse_adapter(dict(some.state_dict()), None, "few.pt")


@pytest.mark.parametrize(
    ("kind", "extra", "shape"),
    [
        (ControlNetAdapter, "blocks.0.self_attn.lora", (3,)),
        (ControlNetAdapter, "perception_head.0.weight", (64, 128)),
        (ResNetAdapter, "trunk.1.time_mlp.weight", (256, 128)),
        (ResNetAdapter, "trunk.0.conv3.weight", (128, 128, 3, 3)),
        (ResNetAdapter, "trunk.0.temporal.weight", (128, 128, 3, 1, 1)),
        (ResNetAdapter, "norm_out.weight", (128,)),
        (ResNetAdapter, "trunk.0.conv1.scale", (128,)),
    ],
)
def test_a_key_without_a_place_is_named_and_nothing_is_written(
    kind: Any, extra: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    state = dict(filled(kind(TINY)).state_dict()) | {extra: torch.ones(shape)}
    torch.save({"state_dict": state}, tmp_path / "in.pt")
    with refuses(key="in.pt", value=extra.rpartition(".")[2]) as raised:
        convert(tmp_path / "in.pt", tmp_path / "out.safetensors")
    assert "unknown" in str(raised.value)
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize(
    "missing",
    [
        "blocks.1.ffn.0.weight",
        "blocks.0.ffn.0.weight",
        "time_embedding.0.weight",
        "text_embedding.0.weight",
        "zero_convs.1.weight",
    ],
)
def test_what_a_controlnet_lacks_is_named(missing: str) -> None:
    state = dict(filled(ControlNetAdapter(TINY)).state_dict())
    del state[missing]
    with refuses(value="zero convolutions" if "zero" in missing else missing):
        build_adapter(parse_adapter(state, None, "lacking.pt"), TINY)


def test_flattened_parameters_are_refused(tmp_path: Path) -> None:
    torch.save({"generator": {"model._fsdp_wrapped_module._flat_param": torch.zeros(100)}}, tmp_path / "in.pt")
    with refuses(key="in.pt", value="flattened FSDP parameters", remedy="save a full state dict"):
        convert(tmp_path / "in.pt", tmp_path / "out.safetensors")


def test_a_generator_and_an_adapter_in_one_file_can_each_be_taken(tmp_path: Path) -> None:
    from flashmotion_core.wan.config import generator_shapes

    adapter = filled(ControlNetAdapter(TINY))
    weights = {key: torch.ones(shape) for key, shape in generator_shapes(TINY).items()}
    torch.save({"generator": weights, "adapter": dict(adapter.state_dict())}, tmp_path / "in.pt")
    assert "a generator of width 128" in convert(tmp_path / "in.pt", tmp_path / "g.safetensors")
    assert "a controlnet adapter" in convert(tmp_path / "in.pt", tmp_path / "a.safetensors", take="adapter")
    assert same(adapter, build_adapter(read_adapter(tmp_path / "a.safetensors"), TINY), TINY.text_dim)


def test_one_block_has_27_parameters() -> None:
    assert len(block_shapes(TINY)) == 27
