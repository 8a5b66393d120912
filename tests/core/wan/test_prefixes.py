from __future__ import annotations

import pytest

from flashmotion_core.wan.config import WanConfig, generator_shapes
from flashmotion_core.wan.keys import to_diffusers_key
from flashmotion_core.wan.prefixes import find_network

from ...support.sentences import refuses

KEYS = list(generator_shapes(WanConfig(dim=128, ffn_dim=192, num_heads=1, num_layers=2, text_dim=32)))
PREFIXES = (
    "",
    "model.",
    "model.diffusion_model.",
    "diffusion_model.",
    "module.",
    "generator.",
    "generator_ema.model.",
    "state_dict.module.",
    "transformer.",
    "net.",
    "a_name_of_somebody.",
)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("diffusers", [False, True])
def test_any_prefix_is_found(prefix: str, diffusers: bool) -> None:
    own = [to_diffusers_key(key) for key in KEYS] if diffusers else KEYS
    found = find_network([prefix + key for key in own])
    assert found.prefix == prefix
    assert found.keys == {key: prefix + key for key in own}
    assert found.others == ()


def test_residue_is_taken_out_anywhere() -> None:
    residue = [f"model._fsdp_wrapped_module.{key.replace('self_attn', '_orig_mod.self_attn')}" for key in KEYS]
    found = find_network(residue)
    assert list(found.keys) == KEYS
    assert list(found.keys.values()) == residue


def test_of_several_networks_the_ema_is_taken_and_the_others_are_named() -> None:
    keys = [f"{name}.model.{key}" for name in ("critic", "generator", "generator_ema") for key in KEYS]
    found = find_network(keys)
    assert (found.prefix, len(found.keys), len(found.others)) == ("generator_ema.model.", len(KEYS), 2 * len(KEYS))
    assert find_network(keys, take="critic").prefix == "critic.model."
    assert find_network([key for key in keys if "critic" in key]).prefix == "critic.model."
    with refuses(key="no entry", value="discriminator", remedy="take one of these"):
        find_network(keys, take="discriminator")


def test_a_whole_checkpoint_gives_its_generator() -> None:
    rest = ["vae.decoder.conv1.weight", "text_encoders.umt5xxl.shared.weight"]
    found = find_network([f"model.diffusion_model.{key}" for key in KEYS] + rest)
    assert list(found.keys) == KEYS
    assert list(found.others) == rest


def test_what_has_no_anchor_loses_the_names_of_wrappers() -> None:
    found = find_network(["adapter.module.stem.weight", "adapter.module.trunk.0._fsdp_wrapped_module.conv1.weight"])
    assert list(found.keys) == ["stem.weight", "trunk.0.conv1.weight"]


def test_what_cannot_be_told_apart_is_asked_for() -> None:
    with refuses(key="2 networks", value="first, second", remedy="choose one of them by name"):
        find_network([f"{name}.{key}" for name in ("first", "second") for key in KEYS])
    with refuses(key="head.modulation", value="_orig_mod", remedy="export it again"):
        find_network([*KEYS, "_orig_mod.head.modulation"])
