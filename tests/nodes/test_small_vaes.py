"""Small codecs as files of ComfyUI's `vae` folder: what its Load VAE makes of our sampler's latent, and headless generation of the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from flashmotion_core.codec.taehv import TAEHV
from flashmotion_core.codec.vae import load_vae
from flashmotion_core.wan.conditioning import normalise

from ..support.sentences import refuses
from .helpers import SIZE, Rig


def write(rig: Rig, name: str, state: dict[str, Tensor]) -> Path:
    """A file of `vae`, in half precision as the published ones."""
    path = rig.tiny["vae"].with_name(f"{name}.safetensors")
    save_file({key: value.half().contiguous() for key, value in state.items()}, path)
    return path


def random_codec(**changed: Any) -> dict[str, Tensor]:
    torch.manual_seed(3)
    codec = TAEHV(**changed)
    for name, weight in codec.decoder.named_parameters():
        weight.data *= 2 if weight.ndim > 1 else 1  # so that the picture is not grey
        if name == "22.bias":
            weight.data += 0.5
    return codec.state_dict()


def in_comfyui(path: Path, latent: Tensor) -> np.ndarray[Any, Any]:
    """Load VAE and VAE Decode, in 8 bits."""
    import nodes

    with torch.inference_mode():  # as ComfyUI runs nodes
        (vae,) = nodes.VAELoader().load_vae(path.name)
        (images,) = nodes.VAEDecode().decode(vae, {"samples": latent})
    found: np.ndarray[Any, Any] = (images * 255).round().clamp(0, 255).numpy().astype(int)
    return found


def headless(path: Path, latent: Tensor) -> np.ndarray[Any, Any]:
    """What a command makes of the same latent, which it keeps normalised."""
    return np.stack(list(load_vae(path, "cpu", torch.float32).decode(normalise(latent)))).astype(int)


@pytest.fixture(scope="module")
def latent(rig: Rig) -> Tensor:
    """What FewStepSampler hands to VAE Decode."""
    return rig.sample(rig.generator)


def test_lighttaew2_2_decodes_the_same_in_both(rig: Rig, latent: Tensor) -> None:
    path = write(rig, "lighttaew2_2_in_vae", random_codec())
    found = in_comfyui(path, latent)
    assert found.shape == (17, SIZE[1], SIZE[0], 3)
    assert found.std() > 5
    assert np.abs(found - headless(path, latent)).max() <= 1


def test_taew2_2_wants_the_generators_latents_which_comfyui_does_not_hand_it(rig: Rig, latent: Tensor) -> None:
    path = write(rig, "taew2_2", random_codec())
    found = headless(path, latent)
    assert np.abs(found - in_comfyui(path, normalise(latent))).max() <= 1
    assert np.abs(found - in_comfyui(path, latent)).max() > 20


def test_what_load_vae_cannot_take_headless_generation_can(rig: Rig, latent: Tensor) -> None:
    """Help and README say so: when a newer ComfyUI learns it, this fails."""
    path = write(rig, "taew2_2_super", random_codec(is_super=True))
    assert headless(path, latent).shape == (17, SIZE[1], SIZE[0], 3)
    with pytest.raises(KeyError, match="decoder.1.weight"):
        in_comfyui(path, latent)
    import comfy.ldm.wan.vae2_2

    with torch.device("meta"):
        light = comfy.ldm.wan.vae2_2.WanVAE(dim=40, dec_dim=64, z_dim=48, temperal_downsample=[False, True, True])
    shapes = {key: torch.zeros(value.shape) for key, value in light.state_dict().items()}
    with pytest.raises(RuntimeError, match="size mismatch"):
        in_comfyui(write(rig, "light", shapes), latent)


@pytest.mark.parametrize(("scale", "said"), [(0, "the same numbers everywhere"), (1e9, "numbers up to")])
def test_a_file_without_an_encoder_is_refused_at_the_control_map(scale: float, said: str, rig: Rig) -> None:
    """ComfyUI leaves the weights of such a file's encoder unset: they are whatever the memory held, zeros or anything."""
    import comfy.sd

    state = random_codec()
    vae = comfy.sd.VAE(sd={key: value for key, value in state.items() if key.startswith("decoder")})
    held = {key: value * (scale if key == "encoder.17.weight" or not scale else 1) for key, value in state.items()}
    vae.first_stage_model.load_state_dict(held)
    with torch.inference_mode(), refuses(key="the VAE made", value=said, remedy="load one that encodes"):
        rig.apply("resnet", vae=vae)
