"""Adapters: sizes, zero initialisation, and their files."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from flashmotion_core.adapters import (
    ControlNetAdapter,
    MapStyle,
    ResNetAdapter,
    TrajectoryAdapter,
    block_strengths,
    build_adapter,
    parse_adapter,
    read_adapter,
    read_generator_info,
    save_adapter,
)
from flashmotion_core.files.weights import read_tensors, save_whole
from flashmotion_core.sampling.schedule import Schedule
from flashmotion_core.wan import block
from flashmotion_core.wan.block import WanBlock, rotary, scaled_dot_product
from flashmotion_core.wan.config import TI2V_5B, WanConfig, generator_shapes

from ...support.sentences import names, refuses

TINY = WanConfig(dim=128, ffn_dim=192, num_heads=1, num_layers=3, text_dim=32)
BOTH = pytest.mark.parametrize("kind", [ControlNetAdapter, ResNetAdapter])


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def filled(adapter: TrajectoryAdapter, seed: int = 0) -> TrajectoryAdapter:
    generator = torch.Generator().manual_seed(seed)
    for parameter in adapter.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1
    return adapter.eval().requires_grad_(False)


def residuals(adapter: TrajectoryAdapter, batch: int = 1, frames: int = 2, seed: int = 1) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    control, latent = (torch.randn(size, 48, frames, 4, 6, generator=generator) for size in (1, batch))
    timestep = torch.tensor([[0.0, *[750.0] * (frames - 1)]] * batch)
    text = torch.randn(batch, 5, TINY.text_dim, generator=generator)
    state = adapter.begin(adapter.prepare(control), latent, timestep, text)
    return [adapter.residual(index, state) for index in range(len(adapter.inject_after))]


def test_parameter_counts_of_the_paper() -> None:
    generator = 4_999_787_712
    controlnet = parameters(ControlNetAdapter(TI2V_5B, device="meta"))
    resnet = parameters(ResNetAdapter(TI2V_5B, device="meta"))
    assert generator + controlnet == 10_282_783_104 + 589_824
    assert 15_000_000 <= resnet <= 25_000_000
    assert 5_015_000_000 <= generator + resnet <= 5_025_000_000


@BOTH
def test_a_fresh_adapter_adds_exactly_nothing(kind: type[TrajectoryAdapter]) -> None:
    adapter = kind(TINY)  # type: ignore[call-arg]
    for name, parameter in adapter.named_parameters():
        if "zero_convs" not in name:
            torch.nn.init.normal_(parameter, std=0.5)
    assert all(torch.count_nonzero(residual) == 0 for residual in residuals(adapter))


@BOTH
def test_one_residual_per_injection_in_token_order(kind: type[TrajectoryAdapter]) -> None:
    found = residuals(filled(kind(TINY)), batch=1)  # type: ignore[call-arg]
    assert [tuple(residual.shape) for residual in found] == [(1, 2 * 2 * 3, 128)] * 3
    assert all(residual.abs().max() > 0 for residual in found)


@BOTH
def test_a_batch_gets_the_same_control(kind: type[TrajectoryAdapter]) -> None:
    adapter = filled(kind(TINY))  # type: ignore[call-arg]
    latent = torch.randn(1, 48, 2, 4, 6)
    control, text = torch.randn(1, 48, 2, 4, 6), torch.randn(1, 5, 32)

    def first(batch: int) -> torch.Tensor:
        state = adapter.begin(
            adapter.prepare(control),
            latent.repeat(batch, 1, 1, 1, 1),
            torch.full((batch, 1), 500.0),
            text.repeat(batch, 1, 1),
        )
        return adapter.residual(0, state).expand(batch, -1, -1)

    torch.testing.assert_close(first(2), first(1).expand(2, -1, -1), atol=1e-5, rtol=1e-5)


def test_resnet_depends_on_the_control_alone() -> None:
    adapter = filled(ResNetAdapter(TINY))
    prepared = adapter.prepare(torch.randn(1, 48, 2, 4, 6))
    states = [
        adapter.begin(prepared, torch.randn(1, 48, 2, 4, 6), torch.tensor([[time]]), torch.randn(1, 5, 32))
        for time in (1000.0, 250.0)
    ]
    assert torch.equal(adapter.residual(1, states[0]), adapter.residual(1, states[1]))


def test_controlnet_sees_latent_time_and_text() -> None:
    adapter = filled(ControlNetAdapter(TINY))
    base = {"latent": torch.randn(1, 48, 2, 4, 6), "time": torch.tensor([[0.0, 500.0]]), "text": torch.randn(1, 5, 32)}
    control = torch.randn(1, 48, 2, 4, 6)

    def run(**changed: torch.Tensor) -> torch.Tensor:
        values = {**base, **changed}
        state = adapter.begin(control, values["latent"], values["time"], values["text"])
        return adapter.residual(2, state)

    same = run()
    assert torch.equal(same, run())
    for name, value in {
        "latent": base["latent"] + 1,
        "time": torch.tensor([[500.0, 500.0]]),
        "text": base["text"] + 1,
    }.items():
        assert not torch.allclose(same, run(**{name: value})), name


def test_rotary_angles_turn_with_frame_row_and_column() -> None:
    cos, sin = rotary(2, 3, 4, 12, torch.device("cpu"))
    assert cos.shape == sin.shape == (24, 6)
    frame, row, column = 1, 2, 3
    angles = [
        frame * 1.0,
        frame * 10000 ** (-2 / 4),
        row * 1.0,
        row * 10000 ** (-2 / 4),
        column * 1.0,
        column * 10000 ** (-2 / 4),
    ]
    token = frame * 12 + row * 4 + column
    torch.testing.assert_close(cos[token], torch.tensor(angles).cos())
    torch.testing.assert_close(sin[token], torch.tensor(angles).sin())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_one_complex_product_turns_as_real_ones_do(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(2, 24, 24, generator=torch.Generator().manual_seed(0)).to(dtype).requires_grad_()
    angles = rotary(2, 3, 4, 12, torch.device("cpu"))

    def turned_and_gradient() -> tuple[torch.Tensor, torch.Tensor]:
        turned = block.rotate(x, 2, angles)
        return turned, torch.autograd.grad(turned.square().sum(), x)[0]

    complex_ones = turned_and_gradient()
    monkeypatch.setattr(block, "COMPLEX_DEVICES", ())
    for found, expected in zip(complex_ones, turned_and_gradient(), strict=True):
        assert found.dtype == dtype
        torch.testing.assert_close(found, expected)


def test_a_block_equals_diffusers_own() -> None:
    """One clone block against diffusers' WanTransformerBlock with the same weights and per-frame timesteps."""
    transformer_wan = pytest.importorskip("diffusers.models.transformers.transformer_wan")
    from flashmotion_core.wan.keys import to_diffusers

    config = WanConfig(dim=256, ffn_dim=320, num_heads=2, num_layers=1, text_dim=32)
    generator = torch.Generator().manual_seed(0)
    ours = WanBlock(config, torch.nn, scaled_dot_product)
    for parameter in ours.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1
    theirs = transformer_wan.WanTransformerBlock(256, 320, 2, "rms_norm_across_heads", True)
    renamed = to_diffusers({f"blocks.0.{key}": value for key, value in ours.state_dict().items()})
    theirs.load_state_dict({key.removeprefix("blocks.0."): value for key, value in renamed.items()})
    frames, rows, columns = 3, 2, 4
    hidden, text = torch.randn(2, 24, 256, generator=generator), torch.randn(2, 5, 256, generator=generator)
    e0 = torch.randn(2, frames, 6, 256, generator=generator)
    rope = transformer_wan.WanRotaryPosEmbed(128, (1, 2, 2), 64)(torch.zeros(2, 48, frames, 2 * rows, 2 * columns))
    with torch.no_grad():
        expected = theirs(hidden, text, e0.repeat_interleave(rows * columns, dim=1), rope)
        found = ours(hidden, e0, text, rotary(frames, rows, columns, 128, torch.device("cpu")))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_skipped_blocks_still_run() -> None:
    adapter = filled(ControlNetAdapter(TINY))
    arguments = (
        torch.randn(1, 48, 1, 4, 4),
        torch.randn(1, 48, 1, 4, 4),
        torch.tensor([[500.0]]),
        torch.randn(1, 5, 32),
    )
    every = adapter.begin(*arguments)
    last = adapter.begin(*arguments)
    assert torch.equal([adapter.residual(index, every) for index in range(3)][-1], adapter.residual(2, last))


def test_controlnet_starts_as_a_clone_of_the_generator() -> None:
    weights = {key: torch.randn(shape) for key, shape in generator_shapes(TINY).items()}
    adapter = ControlNetAdapter(TINY, inject_after=(0, 2))
    adapter.init_from_generator(weights)
    own = adapter.state_dict()
    assert torch.equal(own["blocks.1.self_attn.q.weight"], weights["blocks.2.self_attn.q.weight"])
    assert torch.equal(own["patch_embedding.weight"][:, :48], weights["patch_embedding.weight"])
    assert torch.count_nonzero(own["patch_embedding.weight"][:, 48:]) == 0
    assert torch.count_nonzero(own["zero_convs.1.weight"]) == 0
    assert torch.equal(own["head.head.weight"], weights["head.head.weight"])


@pytest.mark.parametrize(
    ("points", "key", "value", "remedy"),
    [
        ((2, 1), "injection points", "[2, 1]", "ascending block numbers from 0"),
        ((), "injection points", "[]", "ascending block numbers from 0"),
        ((0, 3), "block 3", "blocks 0 to 2", "use the generator that the adapter was trained on"),
    ],
)
def test_injection_points_that_do_not_fit(points: tuple[int, ...], key: str, value: str, remedy: str) -> None:
    with refuses(key=key, value=value, remedy=remedy):
        ResNetAdapter(TINY, inject_after=points)


def test_block_strengths() -> None:
    assert block_strengths(0.5, 3) == (0.5, 0.5, 0.5)
    assert block_strengths([1, 0, 2], 3) == (1.0, 0.0, 2.0)
    with refuses(key="block strengths", value=2, remedy="3 injections; give one number or 3"):
        block_strengths([1, 2], 3)


@BOTH
def test_file_round_trip(kind: type[TrajectoryAdapter], tmp_path: Path) -> None:
    adapter = filled(kind(TINY, inject_after=(0, 2)))  # type: ignore[call-arg]
    path = tmp_path / "adapter.safetensors"
    style, schedule = MapStyle("mask", 1.0, 3), Schedule("custom", (1.0, 0.5), 3.0)
    save_adapter(path, adapter, schedule=schedule, map_style=style, base_fingerprint="0123456789abcdef")
    file = read_adapter(path)
    assert (file.kind, file.schedule, file.map_style, file.base_fingerprint) == (
        adapter.kind,
        schedule,
        style,
        "0123456789abcdef",
    )
    again = build_adapter(file, TINY)
    assert again.config() == adapter.config()
    assert all(torch.equal(a, b) for a, b in zip(residuals(again), residuals(adapter), strict=True))
    assert [entry.name for entry in tmp_path.iterdir()] == ["adapter.safetensors"]


@pytest.mark.parametrize("prefix", ["", "model.", "module.controlnet.", "_fsdp_wrapped_module.model.adapter."])
@pytest.mark.parametrize("name", ["zero_convs.{}", "controlnet_blocks.{}", "zero_linears.{}.proj"])
def test_a_foreign_controlnet_is_recognised(prefix: str, name: str) -> None:
    adapter = filled(ControlNetAdapter(TINY))
    foreign = {}
    for key, value in adapter.state_dict().items():
        parts = key.split(".")
        renamed = name.format(parts[1]) + "." + parts[2] if parts[0] == "zero_convs" else key
        foreign[prefix + renamed] = value
    again = build_adapter(parse_adapter(foreign, None, "foreign.safetensors"), TINY)
    assert all(torch.equal(a, b) for a, b in zip(residuals(again), residuals(adapter), strict=True))


def test_every_unmatched_key_is_named() -> None:
    state = dict(filled(ControlNetAdapter(TINY)).state_dict())
    del state["blocks.1.norm3.bias"]
    state["extra.weight"] = torch.zeros(2)
    state["time_embedding.0.bias"] = torch.zeros(7)
    file = parse_adapter(state, None, "odd.safetensors")
    with refuses(key="odd.safetensors", remedy="export it again") as raised:
        build_adapter(file, TINY)
    for label, key in (
        ("missing", "blocks.1.norm3.bias"),
        ("unknown", "extra.weight"),
        ("wrong shape", "time_embedding.0.bias"),
    ):
        names(raised.value, value=f"{label}: {key}")
    names(raised.value, value="(7,)")


def test_a_controlnet_at_half_resolution_is_refused_by_name(tmp_path: Path) -> None:
    adapter = filled(ControlNetAdapter(TINY))
    save_adapter(tmp_path / "whole.safetensors", adapter)
    state, metadata = read_tensors(tmp_path / "whole.safetensors")
    for value in (True, False):
        config = json.dumps({**adapter.config(), "half_resolution": value})
        save_file(state, tmp_path / f"{value}.safetensors", {**metadata, "flashmotion.config": config})
    with refuses(key="True.safetensors", value="half_resolution is on", remedy="train it again"):
        read_adapter(tmp_path / "True.safetensors")
    assert build_adapter(read_adapter(tmp_path / "False.safetensors"), TINY).config() == adapter.config()


def test_an_adapter_for_another_generator() -> None:
    adapter = filled(ResNetAdapter(TINY))
    metadata = {
        "flashmotion.format": "1",
        "flashmotion.kind": "resnet",
        "flashmotion.config": json.dumps(adapter.config()),
        "flashmotion.schedule": Schedule().to_json(),
        "flashmotion.map": "{}",
    }
    file = parse_adapter(adapter.state_dict(), metadata, "a.safetensors")
    with refuses(
        key="a.safetensors",
        value="width 128 with 3 blocks, but this one has width 3072 with 30 blocks",
        remedy="use it with the generator that it was trained on",
    ):
        build_adapter(file, TI2V_5B)
    sizes = adapter.config()["generator"]
    for config, value, remedy in (
        ({**adapter.config(), "quarter_resolution": True}, "(config.quarter_resolution)", "update FlashMotion"),
        ({"generator": {**sizes, "experts": 2}}, "(config.generator.experts)", "update FlashMotion"),
        ({}, "config.generator is missing", "export the adapter again"),
        ({"generator": {**sizes, "dim": None}}, "config.generator.dim is null", "export the adapter again"),
        ({"generator": {"num_layers": 3}}, "config.generator.dim is missing", "export the adapter again"),
        ({"generator": 3}, "config.generator is 3", "export the adapter again"),
        ([], "config is a list of 0 items", "export the adapter again"),
    ):
        with refuses(key="a.safetensors", value=value, remedy=remedy):
            parse_adapter(adapter.state_dict(), {**metadata, "flashmotion.config": json.dumps(config)}, "a.safetensors")
    with refuses(key="a.safetensors", value="format '2'", remedy="update FlashMotion"):
        parse_adapter(adapter.state_dict(), {**metadata, "flashmotion.format": "2"}, "a.safetensors")
    with refuses(key="a.safetensors", value="a FlashMotion 'generator'", remedy="choose another file"):
        parse_adapter(adapter.state_dict(), {**metadata, "flashmotion.kind": "generator"}, "a.safetensors")
    with refuses(key="a.safetensors", value='flashmotion.map is "{"', remedy="must be JSON; export the adapter again"):
        parse_adapter(adapter.state_dict(), {**metadata, "flashmotion.map": "{"}, "a.safetensors")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"lora_unet_blocks_0.lora_down.weight": torch.zeros(1, 1)}, "is a LoRA"),
        ({"decoder.22.bias": torch.zeros(12)}, "is a VAE"),
        (
            {"patch_embedding.weight": torch.zeros(5120, 36, 1, 2, 2), "head.modulation": torch.zeros(1, 2, 5120)},
            "the 14B",
        ),
    ],
)
def test_a_file_that_is_no_adapter(state: dict[str, torch.Tensor], words: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.safetensors"
    save_file(state, path)
    with refuses(
        key="wrong.safetensors", value=words, remedy="a trajectory adapter was expected; choose a file of model_patches"
    ):
        read_adapter(path)


def test_truncated_missing_and_pickled_files(tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    save_adapter(path, filled(ResNetAdapter(TINY)))
    path.write_bytes(path.read_bytes()[:-1000])
    with refuses(key="cut.safetensors", value="cut off", remedy="download or copy it again"):
        read_adapter(path)
    (tmp_path / "old.pt").write_bytes(random.Random(0).randbytes(100))
    with refuses(key="old.pt", value="a pickle file", remedy="convert it with python convert.py old.pt"):
        read_adapter(tmp_path / "old.pt")
    with refuses(key="no file", value="none.safetensors", remedy="check the name and folder"):
        read_adapter(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("style", "key", "value", "remedy"),
    [
        ({"mode": "circle"}, "map mode", "'circle'", "'box' or 'mask'"),
        ({"opacity": 0}, "map opacity", "is 0", "above 0 and at most 1"),
        ({"opacity": 1.5}, "map opacity", 1.5, "above 0 and at most 1"),
        ({"thickness": 0}, "thickness", 0, "at least 1 pixel"),
    ],
)
def test_map_styles_that_make_no_sense(style: dict[str, object], key: str, value: object, remedy: str) -> None:
    with refuses(key=key, value=value, remedy=remedy):
        MapStyle(**style)  # type: ignore[arg-type]


def test_a_generator_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    weights = {key: torch.zeros(shape) for key, shape in generator_shapes(TINY).items()}
    save_whole(
        path,
        weights,
        {"flashmotion.text": "none", "flashmotion.schedule": Schedule("plain", (1.0, 0.5), 5.0).to_json()},
    )
    info = read_generator_info(path)
    assert (info.config, info.text, info.diffusers_layout) == (TINY, False, False)
    assert info.schedule == Schedule("plain", (1.0, 0.5), 5.0)
    save_whole(path, weights, {})
    assert read_generator_info(path).schedule is None
    assert read_generator_info(path).text


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):
        save_whole(tmp_path / "taken", {"a": torch.zeros(1)}, {})
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]
