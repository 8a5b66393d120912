"""What a small GPU must hold: 8-bit weights arrive layer by layer, so the weights in 16 bits are never there together."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench.full_size import models
from flashmotion_core.acceleration.switches import faster_generator

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("fp8", ["weights", "products"])
def test_8_bit_weights_arrive_layer_by_layer(device: torch.device, fp8: str) -> None:
    transformer = models.made("generator", models.HALF, torch.device("cpu"), torch.bfloat16)
    adapter = models.made("controlnet", models.HALF, torch.device("cpu"), torch.bfloat16)
    whole = sum(weight.nbytes for module in (transformer, adapter) for weight in module.parameters())
    largest = max(layer.weight.nbytes for layer in transformer.modules() if isinstance(layer, nn.Linear))
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    faster_generator(transformer, adapter, compiled=False, fp8=fp8, device=device)
    for module in (transformer, adapter):
        assert {tensor.device.type for tensor in module.state_dict().values()} == {device.type}
    if device.type == "cuda":
        # Two copies in float32 and one in 16 bits of the layer at hand, beside what is done.
        assert torch.cuda.max_memory_allocated() - before < 0.6 * whole + 6 * largest
