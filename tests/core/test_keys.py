"""Key names of generators: every prefix, both layouts, quantised layers, parts of a sharded file."""

from __future__ import annotations

import pytest

from flashmotion_core.wan.config import WanConfig, generator_shapes
from flashmotion_core.wan.keys import bare, generator_prefix, is_diffusers, part_of_shards, to_diffusers, to_original

SHAPES = generator_shapes(WanConfig(dim=128, ffn_dim=128, num_heads=1, num_layers=2))
PREFIXES = (
    "",
    "model.",
    "diffusion_model.",
    "model.diffusion_model.",
    "net.",
    "module.",
    "generator.model.",
    "transformer.",
)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("layout", ["original", "diffusers"])
def test_every_prefix_comes_off(prefix: str, layout: str) -> None:
    plain = to_diffusers(SHAPES) if layout == "diffusers" else SHAPES
    file = {prefix + key: shape for key, shape in plain.items()}
    assert generator_prefix(file) == prefix
    assert bare(file) == plain
    assert is_diffusers(bare(file)) == (layout == "diffusers")


def test_wrappers_come_off_wherever_they_stand() -> None:
    file = {"_fsdp_wrapped_module." + key.replace("blocks.1.", "blocks.1._fsdp_wrapped_module."): 0 for key in SHAPES}
    assert bare(file).keys() == SHAPES.keys()
    assert bare({"_orig_mod.model." + key: 0 for key in SHAPES}).keys() == SHAPES.keys()


def test_other_networks_of_the_file_stay_out() -> None:
    file = {"model.diffusion_model." + key: shape for key, shape in SHAPES.items()}
    others = {"vae.decoder.middle.0.residual.0.gamma": (1,), "text_encoders.umt5xxl.transformer.shared.weight": (1,)}
    assert bare({**file, **others}) == SHAPES


def test_scales_of_quantised_layers_are_renamed_with_their_layers() -> None:
    quantised = {
        "scaled_fp8": (0,),
        **{f"blocks.0.self_attn.q.{name}": () for name in ("weight", "scale_weight", "weight_scale_2", "comfy_quant")},
    }
    renamed = to_diffusers(quantised)
    assert "blocks.0.attn1.to_q.weight_scale_2" in renamed
    assert to_original(renamed) == quantised


def test_a_part_is_known_by_its_name() -> None:
    assert part_of_shards("diffusion_pytorch_model-00002-of-00003.safetensors") == (2, 3)
    assert part_of_shards("wan2.2_ti2v_5B-1-of-2.safetensors") is None
    assert part_of_shards("wan2.2_ti2v_5B.safetensors") is None
