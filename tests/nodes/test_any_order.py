"""Adapters and guides hold whatever stands before or after them: shifts, LoRAs, merges, caches of steps, compiled blocks, and freed originals."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from .helpers import Rig, own_rig
from .test_motion_guide import animatic_latent, guide


@pytest.fixture(scope="module")
def rig(pack: ModuleType, comfyui: Path, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    """Models of two blocks, as torch.compile takes seconds for each."""
    return own_rig(pack, tmp_path_factory.mktemp("models"), "two_blocks", num_layers=2)


def shifted(model: Any, rig: Rig) -> Any:
    """ComfyUI's ModelSamplingSD3 with the shift that the generator has anyway."""
    from comfy_extras.nodes_model_advanced import ModelSamplingSD3

    return ModelSamplingSD3().patch(model, 5.0)[0]


def merged(model: Any, rig: Rig) -> Any:
    """ModelMergeSimple with the same generator: the weights stay."""
    from comfy_extras.nodes_model_merging import ModelMergeSimple

    return ModelMergeSimple().merge(model, rig.generator, 0.5)[0]


def cached(model: Any, rig: Rig) -> Any:
    """EasyCache with a threshold that never skips a step."""
    from comfy_extras.nodes_easycache import EasyCacheNode

    return EasyCacheNode.execute(model, 0.0, 0.15, 0.95, False).args[0]


def with_lora(model: Any, rig: Rig) -> Any:
    """What a LoRA loader does: a change of some weights."""
    model = model.clone()
    key = "diffusion_model.blocks.0.self_attn.q.weight"
    change = torch.randn(
        model.model.diffusion_model.blocks[0].self_attn.q.weight.shape, generator=torch.Generator().manual_seed(1)
    )
    assert model.add_patches({key: (change,)}, 0.5) == [key]
    return model


def compiled(model: Any, rig: Rig) -> Any:
    """As TorchCompileModel does, with a backend that needs no compiler, and a GPU's attention: a CPU's breaks each graph in parts."""
    from comfy.ldm.modules.attention import attention_pytorch
    from comfy_api.torch_helpers import set_torch_compile_wrapper

    model = model.clone()
    options = model.model_options["transformer_options"]
    options["optimized_attention_override"] = lambda _, *args, **kwargs: attention_pytorch(*args, **kwargs)
    set_torch_compile_wrapper(model=model, backend="eager")
    return model


def cloned(model: Any, rig: Rig) -> Any:
    """A clone of a clone, whose originals are gone, as with --cache-none."""
    model = model.clone().clone()
    gc.collect()
    return model


PATCHES = [shifted, merged, cached, compiled, cloned]


@pytest.mark.parametrize("kind", ["resnet", "controlnet"])
@pytest.mark.parametrize(
    "patch",
    [pytest.param(patch, id=patch.__name__, marks=[pytest.mark.slow] * (patch is compiled)) for patch in PATCHES],
)
def test_a_patch_before_or_after_the_adapter(patch: Callable[[Any, Rig], Any], kind: str, rig: Rig) -> None:
    plain = rig.sample(rig.apply(kind))
    assert not torch.allclose(plain, rig.plain, atol=1e-2)
    for model in (patch(rig.apply(kind), rig), rig.apply(kind, model=patch(rig.generator, rig))):
        assert len(model.get_additional_models_with_key("flashmotion")) == 1
        torch.testing.assert_close(rig.sample(model), plain, atol=2e-3, rtol=1e-3)
    torch.testing.assert_close(rig.sample(rig.apply(kind)), plain, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_all_patches_in_both_orders(rig: Rig) -> None:
    plain = rig.sample(rig.apply("resnet"), steps=2)
    for order in (PATCHES, PATCHES[::-1]):
        model = rig.apply("resnet")
        for patch in order:
            model = patch(model, rig)
        torch.testing.assert_close(rig.sample(model, steps=2), plain, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("patch", [shifted, merged, cached, with_lora, cloned])
def test_a_patch_before_or_after_the_guide(patch: Callable[[Any, Rig], Any], rig: Rig) -> None:
    free = rig.sample(patch(rig.generator, rig))
    before = rig.sample(guide(rig, patch(rig.generator, rig), follow=0.5))
    torch.testing.assert_close(rig.sample(patch(guide(rig, follow=0.5), rig)), before, atol=1e-5, rtol=0)
    assert not torch.allclose(before, free, atol=1e-2)
    if patch is not with_lora:
        torch.testing.assert_close(before, rig.sample(guide(rig, follow=0.5)), atol=2e-3, rtol=1e-3)


def test_steps_that_a_cache_skips_are_guided_too(rig: Rig) -> None:
    from comfy_extras.nodes_easycache import EasyCacheNode

    passes: list[int] = []

    def count(executor: Any, *args: Any, **kwargs: Any) -> Any:
        passes.append(1)
        return executor(*args, **kwargs)

    model = EasyCacheNode.execute(guide(rig, follow=1.0), 100.0, 0.0, 1.0, False).args[0]
    model.add_wrapper_with_key("diffusion_model", "test", count)
    out = rig.sample(model)
    assert len(passes) < 4
    torch.testing.assert_close(out[:, :, 1:], animatic_latent(rig)[:, :, 1:], atol=1e-4, rtol=1e-4)
