"""What the adapters write and hold inside ComfyUI at full size, counted on the meta device, and what reaches them of the host's."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import pytest
import torch

from bench.allocations import STEPS
from bench.counted_writes import Bench

from .helpers import Rig


@pytest.fixture(scope="module")
def bench(pack: ModuleType) -> Bench:
    found = Bench(pack, 1280, 704, 121, layers=3)
    found.step = cache(found.step)  # type: ignore[method-assign]  # each is counted once
    return found


def test_a_block_writes_no_more_than_the_hosts(bench: Bench) -> None:
    host, ours = bench.host_block(), bench.our_block(as_guest=True)
    assert bench.tokens == 27_280
    assert (ours.tensors, ours.written) <= (host.tensors, host.written)
    assert ours.written <= host.written
    assert ours.peak <= 1.02 * host.peak
    assert ours.calls == host.calls == 2


@pytest.mark.parametrize("kind", ["resnet", "controlnet"])
def test_an_injection_writes_one_tensor_of_tokens(kind: str, bench: Bench) -> None:
    count = bench.injection(kind)
    assert (count.tensors, count.written) == (1, bench.tokens * 3072 * 2)
    assert bench.adapter(kind).zero_convs[0](bench.empty(1, 8, 3072 if kind == "controlnet" else 128)).is_contiguous()


@pytest.mark.parametrize("adapters", STEPS.values(), ids=list(STEPS))
@pytest.mark.parametrize("batch", [1, 2])
def test_the_estimate_is_what_is_held(adapters: Any, batch: int, bench: Bench) -> None:
    plain, _ = bench.step(batch=batch)
    count, added = bench.step(*adapters, batch=batch)
    assert added == pytest.approx(count.peak - plain.peak, rel=0.1)
    clones = sum(kind == "controlnet" for kind, _ in adapters)
    assert count.calls == plain.calls * (1 + clones)


def test_the_estimate_fits_another_size(pack: ModuleType) -> None:
    small = Bench(pack, 832, 480, 49, layers=3)
    plain, _ = small.step()
    for adapters in STEPS.values():
        count, added = small.step(*adapters)
        assert added == pytest.approx(count.peak - plain.peak, rel=0.1)


def test_streamed_weights_are_there_once_and_change_no_estimate(pack: ModuleType, bench: Bench) -> None:
    """--lowvram and --novram: a layer's weights come for their use and go; the rest of a step stays as it is."""
    streamed = Bench(pack, 1280, 704, 121, layers=3, streamed=True)
    largest = 2 * bench.config.dim * bench.config.ffn_dim
    plain, _ = streamed.step()
    for adapters in STEPS.values():
        resident, estimate = bench.step(*adapters)
        count, added = streamed.step(*adapters)
        assert added == estimate
        assert count.peak - resident.peak < 1.1 * largest
        if adapters:
            assert added == pytest.approx(count.peak - plain.peak, rel=0.1)


def test_comfyui_keeps_the_estimate_free(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every adapter of a chain that is on, and no longer than the estimate takes."""
    import comfy.model_management

    asked: list[float] = []
    real = comfy.model_management.load_models_gpu

    def load(models: Any, memory_required: float = 0, **rest: Any) -> Any:
        asked.append(memory_required)
        return real(models, memory_required=memory_required, **rest)

    monkeypatch.setattr(comfy.model_management, "load_models_gpu", load)
    resnet = rig.apply("resnet")
    chain = rig.apply("controlnet", resnet, compute_every=2)
    found = []
    for model in (rig.generator, resnet, chain, rig.apply("controlnet", strength=0.0)):
        rig.sample(model)
        found.append(asked[-1])
    plain, with_resnet, with_both, off = found
    tokens = 5 * 3 * 4  # of 2 x 2: 128 x 96 pixels, 17 frames
    hidden = 2 * tokens * rig.generator.model.diffusion_model.dim * 4  # ComfyUI counts two rows, float32
    layers = len(rig.generator.model.diffusion_model.blocks)
    width = resnet.get_additional_models()[0].model.width
    features = layers * tokens * width * 4
    assert with_resnet - plain == pytest.approx(features)
    held = hidden + tokens * 128 * 8 + 48 * tokens * 4 * 4 + (layers - 1) * hidden
    assert with_both - with_resnet == pytest.approx(held + hidden)
    assert off == plain
    assert "memory_required" not in vars(rig.generator.model)


def test_overrides_of_attention_reach_the_clone(rig: Rig) -> None:
    calls = 0

    def override(function: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        assert kwargs["transformer_options"]["optimized_attention_override"] is override
        return function(*args, **kwargs)

    layers = len(rig.generator.model.diffusion_model.blocks)
    for kind, blocks in (("resnet", layers), ("controlnet", 2 * layers)):
        controlled = rig.apply(kind)
        controlled.model_options["transformer_options"]["optimized_attention_override"] = override
        calls = 0
        rig.sample(controlled)
        assert calls == 4 * 2 * blocks


def test_tokens_that_another_pack_keeps_stay_as_they_are(rig: Rig) -> None:
    """Only a block's own new output is added to in place."""
    kept: list[torch.Tensor] = []
    copies: list[torch.Tensor] = []

    def replace(args: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
        out: dict[str, Any] = extra["original_block"](args)
        kept.append(out["img"])
        copies.append(out["img"].clone())
        return out

    theirs = rig.generator.clone()
    theirs.set_model_patch_replace(replace, "dit", "double_block", 1)
    found = rig.sample(rig.apply("controlnet", theirs))
    assert len(kept) == 4
    assert all(torch.equal(a, b) for a, b in zip(kept, copies, strict=True))
    assert torch.equal(found, rig.sample(rig.apply("controlnet")))


def test_a_comfyui_with_its_rotary_embedding_elsewhere(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    import comfy.ldm.flux.math

    expected = rig.sample(rig.apply("controlnet"))
    monkeypatch.delattr(comfy.ldm.flux.math, "apply_rope1")
    torch.testing.assert_close(rig.sample(rig.apply("controlnet")), expected, atol=1e-4, rtol=1e-4)
