"""The control map on its way into ComfyUI's VAE: the same latent as from the whole clip, in far less memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from ..support.memory import traced_peak
from .helpers import SIZE, Rig, narrow_wan_vae

CLIP = torch.randint(0, 256, (17, SIZE[1], SIZE[0], 3), dtype=torch.uint8)


def of_comfyui(vae: Any, clip: Tensor) -> Tensor:
    """The whole clip in float32, as ComfyUI's own nodes hand it over."""
    pixels = clip.float() / 255
    if type(vae.first_stage_model).__name__ == "TAEHV":
        pixels = torch.cat([pixels[:1].expand(3, -1, -1, -1), pixels])
    encoded: Tensor = vae.encode(pixels)
    return encoded


@pytest.fixture(params=["Wan 2.2", "TAEHV"])
def vae(request: pytest.FixtureRequest, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Any:
    return narrow_wan_vae(monkeypatch) if request.param == "Wan 2.2" else rig.vae


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_pieces_give_the_latent_of_the_whole_clip(
    dtype: torch.dtype, vae: Any, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vae, "vae_dtype", dtype)
    vae.first_stage_model.to(dtype)
    try:
        with torch.inference_mode():
            assert torch.equal(rig.pack.nodes.control_encoding.encode(vae, CLIP), of_comfyui(vae, CLIP))
    finally:
        vae.first_stage_model.float()


def growth(encode: Callable[[Any, Tensor], Tensor], vae: Any, dtype: torch.dtype = torch.uint8, more: int = 0) -> float:
    """Bytes of torch's at the peak for each pixel of each further frame, beyond a clip of a type."""
    peaks = []
    for count in (9 + more, 33 + more):
        clip = torch.zeros(count, SIZE[1], SIZE[0], 3, dtype=dtype)
        with torch.no_grad():
            peaks.append(traced_peak(partial(encode, vae, clip)))
    return (peaks[1] - peaks[0]) / (24 * SIZE[0] * SIZE[1])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_peak(dtype: torch.dtype, vae: Any, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What docs/speed.md says of it."""
    monkeypatch.setattr(vae, "vae_dtype", dtype)
    vae.first_stage_model.to(dtype)
    try:
        ours = growth(rig.pack.nodes.control_encoding.encode, vae)
        comfyuis = growth(of_comfyui, vae)
        network = growth(lambda vae, clip: vae.encode(clip), vae, dtype, more=3)
    finally:
        vae.first_stage_model.float()
    if vae is rig.vae:
        assert ours - network < 3.1 * dtype.itemsize  # ComfyUI 0.16.3's network makes copies of its own
    else:
        assert ours < 1
        assert comfyuis > 30
