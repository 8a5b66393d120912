"""Compiled blocks, and the core's transformer as a host: the same result as diffusers' plain one."""

import pytest
import torch

from flashmotion_core.acceleration.compile import compile_blocks, plain_blocks
from flashmotion_core.adapters import ControlNetAdapter, ResNetAdapter
from flashmotion_core.generation.adapter_control import Control
from flashmotion_core.generation.loading import load_generator
from flashmotion_core.generation.pipeline import sample_latent
from flashmotion_core.generation.text_encoder import no_text
from flashmotion_core.wan.conditioning import latent_shape
from flashmotion_core.wan.config import WanConfig

from ...conftest import ROOT, load_module
from ...support.sentences import refuses

CONFIG = WanConfig(dim=128, ffn_dim=128, num_heads=1, num_layers=3, text_dim=64)
SHAPE = latent_shape(64, 96, 9)
make_random = load_module("make_random_for_compiled", ROOT / "assets/tiny/make_random.py")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return make_random.write(tmp_path_factory.mktemp("models"), CONFIG)["generator"]


@pytest.fixture(params=["diffusers", "core"])
def generator(request, path):
    return load_generator(path, "cpu", torch.float32, request.param)


def controlled(generator, adapter_class=ControlNetAdapter, clean=True, compute_every=1, **options):
    adapter = adapter_class(CONFIG, **options)
    shapes = {key: tuple(value.shape) for key, value in adapter.state_dict().items()}
    adapter.load_state_dict(make_random.random_weights(shapes, 3))
    draw = torch.Generator().manual_seed(5)
    control = Control(
        adapter.requires_grad_(False), torch.randn(1, *SHAPE, generator=draw), compute_every=compute_every
    )
    first = torch.randn(1, 48, 1, *SHAPE[2:], generator=draw) if clean else None
    return sample_latent(generator, no_text(CONFIG), SHAPE, [control], clean_BCFHW=first)


def test_compiled_blocks_give_the_same_and_are_compiled_once_for_all_steps(generator):
    plain = controlled(generator)
    from torch._dynamo.testing import CompileCounter  # takes 2 s to import

    torch._dynamo.reset()
    counter = CompileCounter()
    compile_blocks(generator.transformer.blocks, backend=counter)
    assert torch.equal(controlled(generator), plain)
    # Three blocks, four steps, an adapter's hook on every block: one program.
    assert counter.frame_count == 1
    plain_blocks(generator.transformer.blocks)
    assert torch.equal(controlled(generator), plain)
    assert counter.frame_count == 1


@pytest.mark.parametrize(
    ("adapter_class", "options"),
    [
        (ResNetAdapter, {}),
        (ControlNetAdapter, {}),
        (ControlNetAdapter, {"compute_every": 2}),
    ],
    ids=str,
)
@pytest.mark.parametrize("clean", [True, False], ids=["with a start image", "without"])
def test_both_hosts_give_the_same_clip(adapter_class, options, clean, path):
    ours, theirs = (
        controlled(load_generator(path, "cpu", torch.float32, host), adapter_class, clean, **options)
        for host in ("core", "diffusers")
    )
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


def test_an_unknown_host_is_named(path):
    with refuses(key="host", value="'tensorrt'", remedy="one of diffusers, core"):
        load_generator(path, "cpu", torch.float32, "tensorrt")
