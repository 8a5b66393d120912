"""Key names of generators: both layouts, quantised layers, parts of a sharded file."""

from __future__ import annotations

from flashmotion_core.files.weights import part_of_shards
from flashmotion_core.wan.config import WanConfig, generator_shapes
from flashmotion_core.wan.keys import is_diffusers, to_diffusers, to_original

SHAPES = generator_shapes(WanConfig(dim=128, ffn_dim=128, num_heads=1, num_layers=2))


def test_the_layout_is_seen() -> None:
    assert is_diffusers(to_diffusers(SHAPES))
    assert not is_diffusers(SHAPES)


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
