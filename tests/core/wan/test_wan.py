"""Configuration, key names and conditioning of the Wan generator."""

from __future__ import annotations

import json
import math

import pytest
import torch

from flashmotion_core.wan.conditioning import (
    check_size,
    denormalise,
    frame_timesteps,
    latent_shape,
    normalise,
    with_clean_frame,
)
from flashmotion_core.wan.config import TI2V_5B, WanConfig, config_of, describe, generator_shapes
from flashmotion_core.wan.keys import to_diffusers, to_diffusers_key, to_original

from ...support.sentences import refuses

SHAPES_5B = generator_shapes(TI2V_5B)


def test_the_5b_has_its_published_size() -> None:
    assert len(SHAPES_5B) == 825
    assert sum(math.prod(shape) for shape in SHAPES_5B.values()) == 4_999_787_712


def test_configuration_is_read_off_the_shapes() -> None:
    tiny = WanConfig(dim=256, ffn_dim=512, num_heads=2, num_layers=4, text_dim=64)
    assert config_of(SHAPES_5B) == TI2V_5B
    assert config_of(generator_shapes(tiny)) == tiny


def test_heads_come_from_metadata_where_given() -> None:
    tiny = WanConfig(dim=256, ffn_dim=512, num_heads=8, num_layers=1, text_dim=64)
    metadata = {"config": json.dumps({"transformer": {"num_heads": 8}})}
    assert config_of(generator_shapes(tiny), metadata) == tiny


@pytest.mark.parametrize(
    ("shapes", "found"),
    [
        (
            generator_shapes(WanConfig(dim=5120, num_layers=40, in_channels=16, out_channels=16)),
            "a Wan generator of width 5120 (the 14B) with 16 input channels, 40 blocks",
        ),
        ({"diffusion_model.blocks.0.self_attn.q.lora_down.weight": (8, 3072)}, "a LoRA"),
        ({"decoder.middle.0.residual.0.gamma": (1024,)}, "a VAE"),
        ({"shared.weight": (256384, 4096)}, "a text encoder"),
        ({}, "a file without tensors"),
        ({"some.thing": (1,)}, "unknown model, such as 'some.thing'"),
    ],
)
def test_another_file_is_refused_by_name(shapes: dict[str, tuple[int, ...]], found: str) -> None:
    with refuses(key="Wan2.2-TI2V-5B", value=found, remedy="choose another file"):
        config_of(shapes)


def test_keys_round_trip() -> None:
    theirs = to_diffusers(SHAPES_5B)
    assert len(theirs) == 825
    assert to_original(theirs) == SHAPES_5B
    assert to_diffusers_key("blocks.7.cross_attn.o.bias") == "blocks.7.attn2.to_out.0.bias"
    assert to_diffusers_key("blocks.7.norm3.weight") == "blocks.7.norm2.weight"
    assert to_diffusers_key("head.modulation") == "scale_shift_table"


def test_keys_match_diffusers_own_module() -> None:
    diffusers = pytest.importorskip("diffusers")
    tiny = WanConfig(dim=256, ffn_dim=512, num_heads=2, num_layers=2, text_dim=64)
    with torch.device("meta"):
        module = diffusers.WanTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=128,
            in_channels=48,
            out_channels=48,
            text_dim=64,
            ffn_dim=512,
            num_layers=2,
        )
    expected = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    assert to_diffusers(generator_shapes(tiny)) == expected


def test_every_unknown_key_is_named() -> None:
    with refuses(
        key="2 keys", value="extra.weight, blocks.0.other", remedy="choose a file of a Wan2.2-TI2V-5B generator"
    ):
        to_diffusers({**SHAPES_5B, "extra.weight": (1,), "blocks.0.other": (1,)})


def test_sizes_of_the_paper() -> None:
    assert latent_shape(1280, 704, 121) == (48, 31, 44, 80)
    _, frames, rows, columns = latent_shape(1280, 704, 121)
    assert frames * rows * columns // 4 == 27_280


@pytest.mark.parametrize(
    ("size", "key", "value", "remedy"),
    [
        ((1270, 704, 121), "width", 1270, "use 1248 or 1280"),
        ((1280, 10, 121), "height", 10, "use 32 or 64"),
        ((1280, 704, 120), "frame count", 120, "use 117 or 121"),
        ((1280, 704, 0), "frame count", 0, "use 1 or 5"),
    ],
)
def test_a_size_that_cannot_be_generated(size: tuple[int, int, int], key: str, value: int, remedy: str) -> None:
    with refuses(key=key, value=value, remedy=remedy):
        check_size(*size)


def test_normalise_round_trips_and_matches_the_published_statistics() -> None:
    latent = torch.randn(2, 48, 3, 2, 2, dtype=torch.float64)
    torch.testing.assert_close(denormalise(normalise(latent)), latent)
    assert normalise(torch.zeros(1, 48, 1, 1, 1))[0, 0].item() == pytest.approx(0.2289 / 0.4765)


def test_first_frame_is_clean_and_at_time_zero() -> None:
    noisy, clean = torch.randn(2, 48, 3, 4, 4), torch.randn(1, 48, 1, 4, 4)
    mixed = with_clean_frame(noisy, clean)
    assert torch.equal(mixed[:, :, :1], clean.expand(2, -1, -1, -1, -1))
    assert torch.equal(mixed[:, :, 1:], noisy[:, :, 1:])
    assert with_clean_frame(noisy, None) is noisy
    assert frame_timesteps(torch.tensor([937.5]), 3, True).tolist() == [[0.0, 937.5, 937.5]]
    assert frame_timesteps(torch.tensor([937.5]), 3, False).tolist() == [[937.5, 937.5, 937.5]]


def test_describe_says_what_our_own_adapters_are() -> None:
    assert "ResNet adapter" in describe({"trunk.0.conv1.weight": (1,)})
    assert "ControlNet adapter" in describe({"zero_convs.0.weight": (1,)})
