"""Projections in one matrix product: the same numbers, the same state dict, adapters and compiled blocks as before."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch._dynamo.testing import CompileCounter

from flashmotion_core.acceleration.compile import compile_blocks
from flashmotion_core.adapters import ControlNetAdapter
from flashmotion_core.loading import load_generator, no_text
from flashmotion_core.pipeline import Control, sample_latent
from flashmotion_core.wan.conditioning import latent_shape
from flashmotion_core.wan.config import WanConfig
from flashmotion_core.wan.fused import FusedAttentionLayer, fuse_projections
from flashmotion_core.wan.generator import WanGenerator, initialise

from ..conftest import ROOT, load_module

CONFIG = WanConfig(dim=128, ffn_dim=128, num_heads=1, num_layers=3, text_dim=64)
SHAPE = latent_shape(64, 96, 9)
make_random = load_module("make_random_for_fused", ROOT / "assets/tiny/make_random.py")


@pytest.fixture
def generator(tmp_path):
    path = make_random.write(tmp_path, CONFIG)["generator"]
    return load_generator(path, "cpu", torch.float32, "core")


def velocity(transformer):
    draw = torch.Generator().manual_seed(5)
    latent = torch.randn(1, *SHAPE, generator=draw)
    text = torch.randn(1, 20, CONFIG.text_dim, generator=draw)
    timesteps = torch.tensor([[0.0, 700.0, 700.0]])
    return transformer(latent, timesteps, text)


def test_the_velocity_is_the_same_and_there_are_fewer_products(generator):
    transformer = generator.transformer
    calls = []

    def count(module, inputs, output):
        if isinstance(module, torch.nn.Linear):
            calls.append(module)

    handle = torch.nn.modules.module.register_module_forward_hook(count)
    plain, before = velocity(transformer), len(calls)
    fuse_projections(transformer.blocks)
    calls.clear()
    fused = velocity(transformer)
    handle.remove()
    torch.testing.assert_close(fused, plain, rtol=0, atol=1e-6)
    assert before - len(calls) == 3 * (2 + 1)


def test_no_weight_is_held_twice(generator):
    transformer = generator.transformer
    before = sum(value.numel() for value in transformer.parameters())
    fuse_projections(transformer.blocks)
    assert sum(value.numel() for value in transformer.parameters()) == before
    assert not list(transformer.buffers())
    layers = [block.self_attn for block in transformer.blocks]
    fuse_projections(transformer.blocks)
    assert [block.self_attn for block in transformer.blocks] == layers


def test_the_state_dict_is_that_of_the_file(generator, tmp_path):
    transformer = generator.transformer
    plain = {key: value.clone() for key, value in transformer.state_dict().items()}
    fuse_projections(transformer.blocks)
    found = transformer.state_dict()
    assert found.keys() == plain.keys()
    assert all(torch.equal(found[key], plain[key]) for key in plain)
    save_file(found, tmp_path / "saved.safetensors")
    other = WanGenerator(CONFIG).requires_grad_(False)
    initialise(other, torch.Generator().manual_seed(9))
    fuse_projections(other.blocks)
    other.load_state_dict(load_file(tmp_path / "saved.safetensors"))
    assert torch.equal(velocity(other), velocity(transformer))
    del plain["blocks.1.self_attn.k.weight"]
    with pytest.raises(RuntimeError, match=r"blocks\.1\.self_attn\.qkv\.weight"):
        other.load_state_dict(plain)


def test_another_type_keeps_the_layers_joined(generator):
    fuse_projections(generator.transformer.blocks)
    half = generator.transformer.to(torch.bfloat16)
    assert {value.dtype for value in half.state_dict().values()} == {torch.bfloat16}
    assert isinstance(half.blocks[0].self_attn, FusedAttentionLayer)


def controlled(generator, fuse_adapter):
    adapter = ControlNetAdapter(CONFIG)
    shapes = {key: tuple(value.shape) for key, value in adapter.state_dict().items()}
    adapter.load_state_dict(make_random.random_weights(shapes, 3))
    adapter.requires_grad_(False)
    if fuse_adapter:
        fuse_projections(adapter.blocks)
    draw = torch.Generator().manual_seed(5)
    control = Control(adapter, torch.randn(1, *SHAPE, generator=draw))
    first = torch.randn(1, 48, 1, *SHAPE[2:], generator=draw)
    return sample_latent(generator, no_text(CONFIG), SHAPE, [control], clean_BCFHW=first)


def test_an_adapters_hooks_work_and_blocks_can_be_compiled(generator):
    plain = controlled(generator, False)
    fuse_projections(generator.transformer.blocks)
    fused = controlled(generator, True)
    # Rounding of one pass goes through four steps of a random generator.
    torch.testing.assert_close(fused, plain, rtol=0, atol=1e-4)
    torch._dynamo.reset()
    counter = CompileCounter()
    compile_blocks(generator.transformer.blocks, backend=counter)
    assert torch.equal(controlled(generator, True), fused)
    assert counter.frame_count == 1


def test_layers_that_are_trained_are_not_joined(generator):
    generator.transformer.blocks[1].requires_grad_(True)
    with pytest.raises(AssertionError):
        fuse_projections(generator.transformer.blocks)
