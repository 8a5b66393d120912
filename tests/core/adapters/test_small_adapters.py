"""Small adapter files: a ControlNet as its difference to the generator, and the whole one again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from flashmotion_core.adapters import (
    AdapterFile,
    ControlNetAdapter,
    ResNetAdapter,
    build_adapter,
    read_adapter,
    rebuilt,
    shrunk,
)
from flashmotion_core.adapters.adapter_file import write_adapter
from flashmotion_core.adapters.low_rank import EXACT, joined, lost, pair_of
from flashmotion_core.files.weights import read_tensors, save_whole
from flashmotion_core.generation.loading import Generator, load_adapter, load_generator
from flashmotion_core.metadata.entries import generator_metadata
from flashmotion_core.wan.config import WanConfig, generator_shapes
from flashmotion_core.wan.fingerprint import fingerprint

from ...support.sentences import refuses

TINY = WanConfig(dim=64, ffn_dim=96, num_heads=2, num_layers=3, text_dim=32, freq_dim=32)
Change = Callable[[dict[str, Tensor]], object]


def generator_weights(seed: int = 0) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return {key: torch.randn(shape, generator=random) / 8 for key, shape in generator_shapes(TINY).items()}


WEIGHTS = generator_weights()


def trained(rank: int = 3) -> AdapterFile:
    """A ControlNet on two blocks. Its linear layers shrank by 2 % and gained products of a rank; the text embedding is the generator's."""
    adapter = ControlNetAdapter(TINY, inject_after=(0, 2))
    adapter.init_from_generator(WEIGHTS)
    random = torch.Generator().manual_seed(1)
    state = {}
    for key, value in adapter.state_dict().items():
        if value.ndim == 2 and not key.startswith("text_embedding"):
            up, down = (
                torch.randn(size, generator=random) / 16 for size in ((len(value), rank), (rank, value.shape[1]))
            )
            value = 0.98 * value + up @ down
        elif not key.startswith("text_embedding"):
            value = value + torch.randn(value.shape, generator=random) / 16
        state[key] = value.clone()
    return AdapterFile(
        "controlnet", adapter.config(), state, base_fingerprint=fingerprint(WEIGHTS), name="a.safetensors"
    )


def whole(file: AdapterFile, weights: dict[str, Tensor] | None = None) -> AdapterFile:
    weights = WEIGHTS if weights is None else weights
    return rebuilt(file, TINY, fingerprint(weights), weights.__getitem__)


def test_a_full_rank_comes_back_as_it_was_and_a_product_of_the_rank_almost(tmp_path: Path) -> None:
    file = trained()
    exact = whole(shrunk(file, WEIGHTS, 4096))
    assert exact.state_dict.keys() == file.state_dict.keys()
    assert all(torch.equal(exact.state_dict[key], value) for key, value in file.state_dict.items())
    small = shrunk(file, WEIGHTS, 4)
    assert small.low_rank is not None
    assert small.low_rank.worst_error < 5e-3
    write_adapter(tmp_path / "small.safetensors", small)
    again = read_adapter(tmp_path / "small.safetensors")
    assert again.low_rank == small.low_rank
    made = whole(again)
    for key, value in file.state_dict.items():
        assert (made.state_dict[key] - value).norm() < 2e-3 * value.norm()
    build_adapter(made, TINY)
    write_adapter(tmp_path / "full.safetensors", file)
    assert (tmp_path / "small.safetensors").stat().st_size < (tmp_path / "full.safetensors").stat().st_size * 0.4
    assert not any(key.startswith("text_embedding") for key in small.state_dict)  # training left it as it was


def test_a_lower_rank_loses_more_and_says_how_much() -> None:
    file = trained(rank=8)
    errors = []
    for rank in (1, 4, 8):
        small = shrunk(file, WEIGHTS, rank)
        made = whole(small).state_dict
        assert small.low_rank is not None
        key = "blocks.1.ffn.0.weight"  # of the generator's block 2
        change = (file.state_dict[key] - WEIGHTS["blocks.2.ffn.0.weight"]).norm()
        share = float((made[key] - file.state_dict[key]).norm() / change)
        assert share <= small.low_rank.worst_error + 1e-6
        errors.append(small.low_rank.mean_error)
    assert 1 > errors[0] > errors[1] > errors[2]


def test_large_matrices_are_close_to_the_best_pair() -> None:
    random = torch.Generator().manual_seed(2)
    rows = EXACT + 76
    base = torch.randn(rows, rows, generator=random)
    change = sum(
        torch.outer(torch.randn(rows, generator=random), torch.randn(rows, generator=random)) / (index + 1)
        for index in range(12)
    )
    weight = base + change / 100
    pair = pair_of(weight, base, 6)
    values = torch.linalg.svdvals(change)
    best = float(values[6:].norm() / values.norm())
    assert best <= lost(pair, weight, base) < best * 1.02
    assert joined(pair, base).shape == base.shape


def generator_file(path: Path, weights: dict[str, Tensor], dtype: torch.dtype = torch.float32) -> Path:
    save_whole(
        path, {key: value.to(dtype) for key, value in weights.items()}, generator_metadata(TINY, None, text=True)
    )
    return path


@pytest.mark.parametrize("host", ["core", "diffusers"])
def test_headless_builds_it_from_the_loaded_generator(host: str, tmp_path: Path) -> None:
    if host == "diffusers":
        pytest.importorskip("diffusers")
    file = trained()
    small = shrunk(file, WEIGHTS, 4)
    generator = load_generator(generator_file(tmp_path / "g.safetensors", WEIGHTS), "cpu", torch.float32, host)
    state = load_adapter(small, generator, "cpu", torch.float32).state_dict()
    for key, value in file.state_dict.items():
        assert (state[key] - value).norm() < 2e-3 * value.norm()
    same: Generator = load_generator(
        generator_file(tmp_path / "h.safetensors", WEIGHTS, torch.float16), "cpu", torch.float32, host
    )
    assert load_adapter(small, same, "cpu", torch.float32).kind == "controlnet"
    other = load_generator(generator_file(tmp_path / "o.safetensors", generator_weights(9)), "cpu", torch.float32, host)
    with refuses(key="a.safetensors", value=fingerprint(WEIGHTS).split(":")[1], remedy="full adapter file") as refused:
        load_adapter(small, other, "cpu", torch.float32)
    assert other.fingerprint.split(":")[1] in str(refused.value)  # both are named


def test_what_cannot_be_made_whole() -> None:
    small = shrunk(trained(), WEIGHTS, 4)
    key = "blocks.0.self_attn.q.weight"
    cases: dict[str, tuple[Change, str, str]] = {
        "a half": (lambda state: state.pop(f"{key}.down"), f"lacks {key}.down", "export it again"),
        "a rank": (lambda state: state.update({f"{key}.up": torch.zeros(64, 3)}), "[64, 3]", "rank 4"),
        "a shape": (lambda state: state.update({f"{key}.down": torch.zeros(4, 65)}), "[4, 65]", "rank 4"),
        "a scale": (lambda state: state.update({f"{key}.scale": torch.zeros(2)}), "scale of [2]", "rank 4"),
    }
    for change, value, remedy in cases.values():
        state = dict(small.state_dict)
        change(state)
        with refuses(key="a.safetensors", value=value, remedy=remedy):
            whole(replace(small, state_dict=state))
    for change, value in (
        (lambda state: state.pop("zero_convs.1.weight"), "missing: zero_convs.1.weight"),
        (lambda state: state.update({"extra.weight.up": torch.zeros(1)}), "unknown: extra.weight.up"),
        (lambda state: state.update({key: torch.zeros(64, 64)}), f"unknown: {key}.down"),
    ):
        state = dict(small.state_dict)
        change(state)
        with refuses(key="a.safetensors", value=value, remedy="export it again"):
            build_adapter(whole(replace(small, state_dict=state)), TINY)
    with refuses(key="a.safetensors", value="small adapter file", remedy="give the full adapter file"):
        build_adapter(small, TINY)
    with refuses(key="a.safetensors", value="cannot be read", remedy="load a .safetensors generator"):
        rebuilt(small, TINY, None, WEIGHTS.__getitem__)


def test_what_has_no_small_form() -> None:
    resnet = ResNetAdapter(TINY)
    file = AdapterFile("resnet", resnet.config(), resnet.state_dict(), base_fingerprint="2", name="r.safetensors")
    with refuses(key="r.safetensors", value="resnet", remedy="publish it as it is"):
        shrunk(file, WEIGHTS, 4)
    with refuses(key="a.safetensors", value="does not say which generator", remedy="export it again"):
        shrunk(replace(trained(), base_fingerprint=None), WEIGHTS, 4)


def test_metadata_of_a_small_file(tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    write_adapter(path, shrunk(trained(), WEIGHTS, 4))
    tensors, metadata = read_tensors(path)
    for entry, changed, value in (
        ("low_rank", '{"rank": 0, "mean_error": 0.1, "worst_error": 0.2}', "rank is 0"),
        ("low_rank", "4", "low_rank is 4"),
        ("base", None, "base is not"),
    ):
        notes = {key: text for key, text in metadata.items() if key != f"flashmotion.{entry}"}
        save_whole(path, tensors, notes if changed is None else {**notes, f"flashmotion.{entry}": changed})
        with refuses(key="small.safetensors", value=value, remedy="export the adapter again"):
            read_adapter(path)
    tensors["blocks.0.self_attn.q.weight.up"][0, 0] = torch.nan
    save_whole(path, tensors, metadata)
    with refuses(key="small.safetensors", value="NaN", remedy="export the adapter again"):
        read_adapter(path)
    lora = {f"diffusion_model.blocks.0.self_attn.q.lora_{half}.weight": torch.zeros(4, 4) for half in ("up", "down")}
    save_whole(path, lora, {})
    with refuses(key="small.safetensors", value="LoRA", remedy="choose a file of model_patches"):
        read_adapter(path)
