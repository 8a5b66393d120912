"""The blocks of the generator, against formulas and diffusers."""

from __future__ import annotations

import pytest
import torch

from flashmotion_core.wan import block
from flashmotion_core.wan.block import WanBlock, rotary, scaled_dot_product
from flashmotion_core.wan.config import WanConfig


def test_rotary_angles_turn_with_frame_row_and_column() -> None:
    cos, sin = rotary(2, 3, 4, 12, torch.device("cpu"))
    assert cos.shape == sin.shape == (24, 6)
    frame, row, column = 1, 2, 3
    angles = [
        frame * 1.0,
        frame * 10000 ** (-2 / 4),
        row * 1.0,
        row * 10000 ** (-2 / 4),
        column * 1.0,
        column * 10000 ** (-2 / 4),
    ]
    token = frame * 12 + row * 4 + column
    torch.testing.assert_close(cos[token], torch.tensor(angles).cos())
    torch.testing.assert_close(sin[token], torch.tensor(angles).sin())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_one_complex_product_turns_as_real_ones_do(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(2, 24, 24, generator=torch.Generator().manual_seed(0)).to(dtype).requires_grad_()
    angles = rotary(2, 3, 4, 12, torch.device("cpu"))

    def turned_and_gradient() -> tuple[torch.Tensor, torch.Tensor]:
        turned = block.rotate(x, 2, angles)
        return turned, torch.autograd.grad(turned.square().sum(), x)[0]

    complex_ones = turned_and_gradient()
    monkeypatch.setattr(block, "COMPLEX_DEVICES", ())
    for found, expected in zip(complex_ones, turned_and_gradient(), strict=True):
        assert found.dtype == dtype
        torch.testing.assert_close(found, expected)


def test_a_block_equals_diffusers_own() -> None:
    """One clone block against diffusers' WanTransformerBlock with the same weights and per-frame timesteps."""
    transformer_wan = pytest.importorskip("diffusers.models.transformers.transformer_wan")
    from flashmotion_core.wan.keys import to_diffusers

    config = WanConfig(dim=256, ffn_dim=320, num_heads=2, num_layers=1, text_dim=32)
    generator = torch.Generator().manual_seed(0)
    ours = WanBlock(config, torch.nn, scaled_dot_product)
    for parameter in ours.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1
    theirs = transformer_wan.WanTransformerBlock(256, 320, 2, "rms_norm_across_heads", True)
    renamed = to_diffusers({f"blocks.0.{key}": value for key, value in ours.state_dict().items()})
    theirs.load_state_dict({key.removeprefix("blocks.0."): value for key, value in renamed.items()})
    frames, rows, columns = 3, 2, 4
    hidden, text = torch.randn(2, 24, 256, generator=generator), torch.randn(2, 5, 256, generator=generator)
    e0 = torch.randn(2, frames, 6, 256, generator=generator)
    rope = transformer_wan.WanRotaryPosEmbed(128, (1, 2, 2), 64)(torch.zeros(2, 48, frames, 2 * rows, 2 * columns))
    with torch.no_grad():
        expected = theirs(hidden, text, e0.repeat_interleave(rows * columns, dim=1), rope)
        found = ours(hidden, e0, text, rotary(frames, rows, columns, 128, torch.device("cpu")))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
