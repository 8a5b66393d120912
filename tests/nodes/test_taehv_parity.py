"""Our TAEHV codec against ComfyUI's own class, in float32, on the same random weights.

Runs where FLASHMOTION_COMFYUI names a ComfyUI folder. ComfyUI is imported in a process of its own: it owns names (``nodes``,
``comfy``) and global settings that have no place in a test run.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from flashmotion_core.codec.taehv import TAEHV, encode_clip
from flashmotion_core.codec.taehv_file import load_taehv

COMFYUI = os.environ.get("FLASHMOTION_COMFYUI")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not COMFYUI, reason="FLASHMOTION_COMFYUI names no ComfyUI folder"),
]

REFERENCE = """
import sys

comfyui, folder = sys.argv[1:]
sys.path.insert(0, comfyui)
from comfy.cli_args import args

args.cpu = True  # before anything asks for a GPU
import comfy.sd
import comfy.utils
from safetensors.torch import load_file, save_file

vae = comfy.sd.VAE(sd=comfy.utils.load_torch_file(f"{folder}/taehv.safetensors"))
inputs = load_file(f"{folder}/inputs.safetensors")
pictures = {key: pixels[0].movedim(0, -1) for key, pixels in inputs.items() if key != "latent"}  # [T, H, W, C]
results = {key: vae.encode(pixels) for key, pixels in pictures.items()}
results["control map"] = vae.encode(__import__("torch").cat([pictures["clip"][:1]] * 3 + [pictures["clip"]]))
results["decoded"] = vae.decode(inputs["latent"])
save_file({key: value.float().contiguous() for key, value in results.items()}, f"{folder}/results.safetensors")
"""


@pytest.fixture(scope="module")
def parity(tmp_path_factory):
    """Our codec, the inputs, and what ComfyUI's VAE (plain VAELoader's class) makes of them."""
    folder = tmp_path_factory.mktemp("taehv")
    torch.manual_seed(0)
    save_file(TAEHV().state_dict(), folder / "taehv.safetensors")
    inputs = {
        "picture": torch.rand(1, 3, 1, 32, 48),
        "clip": torch.rand(1, 3, 9, 32, 48),
        "latent": torch.randn(1, 48, 3, 2, 3),
    }
    save_file(inputs, folder / "inputs.safetensors")
    done = subprocess.run(
        [sys.executable, "-c", REFERENCE, str(Path(COMFYUI)), str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return load_taehv(folder / "taehv.safetensors"), inputs, load_file(folder / "results.safetensors")


@pytest.mark.parametrize("latents_per_chunk", [1, 3])
def test_encode_matches_comfyui(parity, latents_per_chunk):
    codec, inputs, results = parity
    for key in ("picture", "clip"):
        latent = codec.encode(inputs[key], latents_per_chunk)
        torch.testing.assert_close(latent, results[key], rtol=0, atol=1e-5)


def test_encode_clip_is_three_more_copies_of_frame_0(parity):
    codec, inputs, results = parity
    torch.testing.assert_close(encode_clip(codec, inputs["clip"]), results["control map"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("latents_per_chunk", [1, 3])
def test_decode_matches_comfyui(parity, latents_per_chunk):
    codec, inputs, results = parity
    pixels = codec.decode(inputs["latent"], latents_per_chunk)
    assert pixels.shape == (1, 3, 9, 32, 48)
    torch.testing.assert_close(pixels[0].movedim(0, -1), results["decoded"].reshape(9, 32, 48, 3), rtol=0, atol=1e-5)
