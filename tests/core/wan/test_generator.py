"""Our Wan generator against diffusers' own, and what training from nothing starts with."""

from __future__ import annotations

import pytest
import torch

from flashmotion_core.wan.conditioning import frame_timesteps
from flashmotion_core.wan.config import TI2V_5B, WanConfig, generator_shapes, shapes_of
from flashmotion_core.wan.generator import WanGenerator, initialise
from flashmotion_core.wan.keys import to_diffusers

CONFIG = WanConfig(dim=48, ffn_dim=96, num_heads=2, num_layers=3, text_dim=16)


def made(seed: int = 0) -> WanGenerator:
    generator = WanGenerator(CONFIG)
    initialise(generator, torch.Generator().manual_seed(seed))
    random = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in generator.parameters():  # nothing may hide behind a zero
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=random))
    return generator


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(5)
    latent = torch.randn(2, 48, 3, 4, 6, generator=random)
    return latent, torch.tensor([833.3, 120.0]), torch.randn(2, 7, 16, generator=random)


def test_the_5b_has_its_published_keys_and_size() -> None:
    with torch.device("meta"):
        generator = WanGenerator(TI2V_5B)
    assert shapes_of(generator.state_dict()) == generator_shapes(TI2V_5B)
    assert sum(p.numel() for p in generator.parameters()) == 4_999_787_712


@pytest.mark.parametrize("first_frame_is_clean", [False, True])
def test_equals_diffusers(first_frame_is_clean: bool) -> None:
    from diffusers import WanTransformer3DModel

    theirs = WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=CONFIG.num_heads,
        attention_head_dim=CONFIG.head_dim,
        in_channels=48,
        out_channels=48,
        text_dim=CONFIG.text_dim,
        freq_dim=CONFIG.freq_dim,
        ffn_dim=CONFIG.ffn_dim,
        num_layers=CONFIG.num_layers,
    ).eval()
    ours = made()
    theirs.load_state_dict(to_diffusers(ours.state_dict()))
    latent, timestep, context = inputs()
    timestep_BF = frame_timesteps(timestep, 3, first_frame_is_clean)
    tokens = timestep_BF.repeat_interleave(2 * 3, dim=1)
    with torch.no_grad():
        expected = theirs(latent, tokens, context, return_dict=False)[0]
        found = ours(latent, timestep_BF, context)
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)
    assert found.std() > 0.05


def test_features_are_the_hidden_tokens_after_the_tapped_blocks() -> None:
    generator = made()
    latent, timestep, context = inputs()
    seen = {}

    def remember(index: int, hidden: torch.Tensor) -> torch.Tensor:
        seen[index] = hidden
        return hidden

    with torch.no_grad():
        generator(latent, timestep[:, None], context, remember)
        features, grid = generator.features(latent, timestep[:, None], context, (0, 2))
    assert grid == (3, 2, 3)
    assert [torch.equal(feature, seen[index]) for feature, index in zip(features, (0, 2), strict=True)] == [True, True]


def test_one_zero_token_of_text_equals_many() -> None:
    # What training without text relies on.
    generator = made()
    latent, timestep, _ = inputs()
    with torch.no_grad():
        one, many = (generator(latent, timestep[:, None], torch.zeros(2, count, 16)) for count in (1, 512))
    torch.testing.assert_close(one, many, atol=1e-5, rtol=1e-5)


def test_training_from_nothing_starts_with_a_velocity_of_zero() -> None:
    generator = WanGenerator(CONFIG)
    initialise(generator, torch.Generator().manual_seed(0))
    latent, timestep, context = inputs()
    assert not generator(latent, timestep[:, None], context).any()
    again = WanGenerator(CONFIG)
    initialise(again, torch.Generator().manual_seed(0))
    assert all(torch.equal(a, b) for a, b in zip(generator.parameters(), again.parameters(), strict=True))
