"""What networks are built with, by GPU and precision."""

from __future__ import annotations

import pytest

from flashmotion_core.acceleration import attention
from flashmotion_core.acceleration.attention import cudnn_attention
from flashmotion_core.wan.block import AttentionLayer, scaled_dot_product
from train.engine import build

from ...support.small import Nets, small_config


@pytest.mark.parametrize(
    ("gpu", "precision", "expected"),
    [
        ((9, 0), "bf16", cudnn_attention),
        ((9, 0), "fp32", scaled_dot_product),
        ((8, 9), "bf16", scaled_dot_product),
        (None, "bf16", scaled_dot_product),
    ],
)
def test_training_takes_cudnns_attention_on_hopper_in_half_precision(
    monkeypatch: pytest.MonkeyPatch, gpu: tuple[int, int] | None, precision: str, expected: object
) -> None:
    for module in (attention, build):
        monkeypatch.setattr(module, "capability", lambda device: gpu)
    nets = Nets(small_config(precision=precision))
    role = nets.role(nets.fast, "controlnet", adapts=True)
    layers = [part for part in role.network.modules() if isinstance(part, AttentionLayer)]
    blocks = nets.sizes.num_layers
    assert len(layers) > 2 * blocks  # self and cross, of the generator and of the adapter
    assert {layer.attention for layer in layers} == {expected}
