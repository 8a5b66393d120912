"""A strength sweep costs nothing but sampling: files, control latents and patchers are shared, and go when nobody uses them."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from typing import Any

import pytest
import torch

from .helpers import DOCUMENT, SIZE, Rig

CHANGES: list[dict[str, Any]] = [
    {"strength": 0.5},
    {"start": 0.25},
    {"end": 0.75},
    {"compute_every": 2},
    {"strength": 2.0, "start": 0.25, "end": 0.5},
]
BOTH = pytest.mark.parametrize("kind", ["resnet", "controlnet"])


@pytest.fixture
def work(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Files read, maps encoded and patchers made."""
    import comfy.model_patcher
    import comfy.utils

    counts: Counter[str] = Counter()
    patcher = comfy.model_patcher.CoreModelPatcher
    read, encode = comfy.utils.load_torch_file, type(rig.vae).encode

    def made(*args: Any, **rest: Any) -> Any:
        counts["patchers"] += 1
        return patcher(*args, **rest)

    def reading(*args: Any, **rest: Any) -> Any:
        counts["reads"] += 1
        return read(*args, **rest)

    def encoding(*args: Any, **rest: Any) -> Any:
        counts["encodes"] += 1
        return encode(*args, **rest)

    monkeypatch.setattr(comfy.model_patcher, "CoreModelPatcher", made)
    monkeypatch.setattr(comfy.utils, "load_torch_file", reading)
    monkeypatch.setattr(type(rig.vae), "encode", encoding)
    return counts


def run(rig: Rig, kind: str, old: list[Any], **changed: Any) -> Any:
    """A prompt as ComfyUI runs it: it asks whether the node has changed, drops its old output, then runs it."""
    rig.pack.nodes.ApplyFastAdapter.fingerprint_inputs(adapter_name=rig.tiny[kind].name)
    old.clear()
    gc.collect()
    old.append(rig.apply(kind, **changed))
    return old[0]


@BOTH
def test_a_sweep_reads_encodes_and_makes_nothing(kind: str, rig: Rig, work: Counter[str]) -> None:
    old: list[Any] = []
    first = run(rig, kind, old).get_additional_models()[0].model
    work.clear()
    for changed in CHANGES:
        model = run(rig, kind, old, **changed)
        assert model.get_additional_models()[0].model is first
    assert not work


def test_what_changes_the_map_is_encoded_again(rig: Rig, work: Counter[str]) -> None:
    masks = torch.zeros(2, SIZE[1], SIZE[0])
    masks[:, 10:40, 10:60] = 1
    other = masks.clone()
    other[0, 12, 12] = 0
    for changed in ({"masks": masks}, {"masks": other}, {"trajectory": DOCUMENT.replace("0.3", "0.31")}):
        work.clear()
        rig.apply("resnet", **changed)
        assert work["encodes"] == 1
        rig.apply("resnet", strength=0.3, **changed)
        assert work["encodes"] == 1


def test_the_last_few_latents_are_kept(rig: Rig, work: Counter[str]) -> None:
    documents = [DOCUMENT.replace("0.3", f"0.3{index}") for index in range(1, 6)]
    for document in documents:
        rig.apply("resnet", trajectory=document)
    work.clear()
    rig.apply("resnet", trajectory=documents[-4])
    assert not work["encodes"]
    rig.apply("resnet", trajectory=documents[0])
    assert work["encodes"] == 1


@BOTH
def test_an_adapter_goes_when_nobody_uses_it(kind: str, rig: Rig) -> None:
    import comfy.model_management

    old: list[Any] = []
    model = run(rig, kind, old)
    alive = weakref.ref(model.get_additional_models()[0].model)
    rig.sample(model)
    comfy.model_management.unload_all_models()
    del model
    old.clear()
    gc.collect()
    assert alive() is None


def test_a_file_that_changed_is_read_again(rig: Rig, work: Counter[str]) -> None:
    path = rig.tiny["resnet"]
    first = rig.apply("resnet")
    path.touch()
    work.clear()
    second = rig.apply("resnet")
    assert work["reads"] == work["patchers"] == 1
    assert second.get_additional_models()[0].model is not first.get_additional_models()[0].model


@BOTH
def test_two_uses_of_a_file_hold_it_once(kind: str, rig: Rig) -> None:
    import comfy.model_management

    comfy.model_management.unload_all_models()
    once = rig.apply(kind, strength=0.5)
    twice = rig.apply(kind, once, strength=0.5, trajectory=DOCUMENT.replace("0.3", "0.5"))
    assert len(twice.get_additional_models()) == 1
    out = rig.sample(twice)
    adapter = twice.get_additional_models()[0].model
    loaded = [entry.model.model for entry in comfy.model_management.current_loaded_models if entry.model]
    assert sum(model is adapter for model in loaded) == 1
    assert not torch.allclose(out, rig.sample(once), atol=1e-3)


def test_weights_are_kept_in_the_type_of_their_use(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = rig.load()
    monkeypatch.setattr(generator.model, "manual_cast_dtype", torch.bfloat16)
    adapter = rig.apply("controlnet", generator).get_additional_models()[0].model
    assert {parameter.dtype for parameter in adapter.parameters()} == {torch.bfloat16}
    # The other generator still computes in float32: the same file in another use.
    assert {p.dtype for p in rig.apply("controlnet").get_additional_models()[0].model.parameters()} == {torch.float32}
