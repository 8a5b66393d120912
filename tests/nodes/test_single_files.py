"""ComfyUI's own single files of VAE and text encoder, small ones with its real layouts, in headless generation: the same numbers."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from flashmotion_core.cli.convert_file import convert
from flashmotion_core.codec.vae import load_vae, only_decodes
from flashmotion_core.codec.wan_vae_file import to_diffusers_vae_key
from flashmotion_core.files.weights import read_tensors
from flashmotion_core.generation.text_encoder import TEXT_TOKENS, TextEncoder, encode_text
from flashmotion_core.wan.conditioning import denormalise

from ..support.sentences import refuses

VAE = {
    "dim": 8,
    "dec_dim": 12,
    "z_dim": 48,
    "dim_mult": [1, 2, 4, 4],
    "num_res_blocks": 2,
    "temperal_downsample": [False, True, True],
}
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_heads": 4, "num_layers": 3, "vocab_size": 300}


def noise(module: torch.nn.Module) -> torch.nn.Module:
    random = torch.Generator().manual_seed(0)
    for name, parameter in module.named_parameters():
        spread = 0.3 if parameter.ndim > 1 else 0.1
        parameter.data = torch.randn(parameter.shape, generator=random) * spread + ("gamma" in name or "norm" in name)
    return module.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def vae(comfyui: Path) -> torch.nn.Module:
    from comfy.ldm.wan.vae2_2 import WanVAE

    return noise(WanVAE(**VAE))


@pytest.mark.parametrize("prefix", ["", "vae.", "first_stage_model."])
def test_the_vae_encodes_and_decodes_as_in_comfyui(prefix: str, vae: torch.nn.Module, tmp_path: Path) -> None:
    save_file({prefix + key: value for key, value in vae.state_dict().items()}, tmp_path / "wan2.2_vae.safetensors")
    ours = load_vae(tmp_path / "wan2.2_vae.safetensors", "cpu", torch.float32)
    frames = np.random.default_rng(0).integers(0, 256, (9, 64, 96, 3), dtype=np.uint8)
    pixels = torch.from_numpy(frames).movedim(-1, 0)[None].float() / 255 * 2 - 1
    latent = ours.encode(frames)
    torch.testing.assert_close(denormalise(latent), vae.encode(pixels), atol=1e-3, rtol=1e-3)
    expected = vae.decode(denormalise(latent))[0].movedim(0, -1).add(1).mul(127.5).round().clamp(0, 255)
    found = np.stack(list(ours.decode(latent)))
    assert found.shape == (9, 64, 96, 3)
    assert np.abs(found.astype(int) - expected.numpy().astype(int)).max() <= 1
    assert found.std() > 10


def light(vae: torch.nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """As a LightVAE's file: diffusers' names, fewer channels in the decoder than in the encoder, and what only its training needs."""
    state = {prefix + to_diffusers_vae_key(key): value for key, value in vae.state_dict().items()}
    return state | {f"{prefix}dynamic_feature_projection_heads.0.weight": torch.ones(2, 2)}


@pytest.mark.parametrize("form", ["whole", "decoder alone", "converted pickle"])
def test_a_light_vae_decodes_as_comfyuis_network_of_that_width(form: str, vae: torch.nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "MG-LightVAE_v2.safetensors"
    if form == "converted pickle":
        torch.save({"gen_model": light(vae)}, path.with_suffix(".pth"))
        with refuses(key="MG-LightVAE_v2.pth", value="pickled checkpoint", remedy="convert it with python convert.py"):
            load_vae(path.with_suffix(".pth"), "cpu", torch.float32)
        convert(path.with_suffix(".pth"), path)
    else:
        state = light(vae, "gen_model.")
        save_file({key: value for key, value in state.items() if form == "whole" or "encoder" not in key}, path)
    ours = load_vae(path, "cpu", torch.float32)
    latent = torch.randn(1, 48, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    expected = vae.decode(denormalise(latent))[0].movedim(0, -1).add(1).mul(127.5).round().clamp(0, 255)
    found = np.stack(list(ours.decode(latent)))
    assert found.shape == (9, 64, 96, 3)
    assert np.abs(found.astype(int) - expected.numpy().astype(int)).max() <= 1
    assert only_decodes(path) == (form == "decoder alone")
    if form == "decoder alone":
        with refuses(key="VAE", value="a decoder alone", remedy="encode with the full VAE"):
            ours.encode(found[:1])
    else:
        assert ours.encode(found).shape == latent.shape


def test_a_light_vae_of_wan_21_is_named(tmp_path: Path) -> None:
    state = {"decoder.middle.0.residual.0.gamma": torch.ones(4, 1, 1, 1), "conv2.weight": torch.ones(16, 16, 1, 1, 1)}
    save_file(state, tmp_path / "lightvaew2_1.safetensors")
    with refuses(key="lightvaew2_1.safetensors", value="16 latent channels", remedy="choose another file"):
        load_vae(tmp_path / "lightvaew2_1.safetensors", "cpu", torch.float32)


def test_the_vae_is_converted_to_another_type(vae: torch.nn.Module, tmp_path: Path) -> None:
    torch.save({"model": vae.state_dict()}, tmp_path / "Wan2.2_VAE.pth")
    assert "the VAE of Wan 2.2" in convert(
        tmp_path / "Wan2.2_VAE.pth", tmp_path / "vae.safetensors", dtype=torch.float16
    )
    state, _ = read_tensors(tmp_path / "vae.safetensors")
    assert state.keys() == vae.state_dict().keys()
    assert {value.dtype for value in state.values()} == {torch.float16}
    load_vae(tmp_path / "vae.safetensors", "cpu", torch.float32)


def test_a_vae_that_lacks_a_key_or_is_of_another_model_is_refused(vae: torch.nn.Module, tmp_path: Path) -> None:
    state = dict(vae.state_dict())
    del state["decoder.middle.0.residual.2.bias"]
    save_file(state | {"decoder.own.weight": torch.zeros(1)}, tmp_path / "vae.safetensors")
    with refuses(key="vae.safetensors", value="decoder.own.weight", remedy="download it again"):
        load_vae(tmp_path / "vae.safetensors", "cpu", torch.float32)
    save_file(state, tmp_path / "vae.safetensors")
    with refuses(key="vae.safetensors", value="decoder.mid_block.resnets.0.conv1.bias", remedy="download it again"):
        load_vae(tmp_path / "vae.safetensors", "cpu", torch.float32)


@pytest.fixture(scope="module")
def tokenizer() -> Tensor:
    """A small sentencepiece model with umT5's special tokens, as the bytes in ComfyUI's files."""
    sentencepiece = pytest.importorskip("sentencepiece")
    texts = [
        f"the {size} {animal} runs to the {place}"
        for size in ("red", "big")
        for animal in ("cat", "dog")
        for place in ("house", "sea")
    ]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts * 20),
        model_writer=model,
        vocab_size=60,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return torch.tensor(list(model.getvalue()), dtype=torch.uint8)


@pytest.fixture(scope="module")
def umt5(comfyui: Path) -> torch.nn.Module:
    import comfy.ops
    from comfy.text_encoders import t5

    config = json.loads((comfyui / "comfy/text_encoders/umt5_config_xxl.json").read_text()) | T5
    module = t5.T5(config, torch.float32, "cpu", comfy.ops.manual_cast)
    noise(module)
    for name, parameter in module.named_parameters():
        parameter.data *= 0.3 if parameter.ndim > 1 and "shared" not in name else 1
    return module


def comfyui_tokens(umt5: torch.nn.Module, tokenizer: Tensor, prompt: str) -> Tensor:
    from comfy.text_encoders.spiece_tokenizer import SPieceTokenizer

    ids = torch.tensor([SPieceTokenizer(tokenizer)(prompt)["input_ids"]])
    hidden: Tensor = umt5(ids, attention_mask=torch.ones_like(ids))[0]
    return hidden[0]


def scaled(state: dict[str, Tensor], fp8_marker: bool) -> dict[str, Tensor]:
    """The linear layers in scaled fp8, as in umt5_xxl_fp8_e4m3fn_scaled."""
    found = {"scaled_fp8": torch.empty(2 if fp8_marker else 0, dtype=torch.float8_e4m3fn)}
    for key, value in state.items():
        if "SelfAttention" in key and "bias" not in key:
            scale = value.abs().max() / 448
            found |= {key: (value / scale).to(torch.float8_e4m3fn), key.replace("weight", "scale_weight"): scale}
        else:
            found[key] = value
    return found


@pytest.mark.parametrize("form", ["fp16", "scaled", "converted"])
def test_the_text_encoder_gives_comfyuis_tokens(
    form: str, umt5: torch.nn.Module, tokenizer: Tensor, tmp_path: Path
) -> None:
    state = dict(umt5.state_dict())
    path = tmp_path / "umt5_xxl.safetensors"
    save_file((state if form == "fp16" else scaled(state, True)) | {"spiece_model": tokenizer}, path)
    if form == "converted":
        convert(path, tmp_path / "plain.safetensors", dtype=torch.float32)
        path = tmp_path / "plain.safetensors"
        assert not any("scale" in key for key in read_tensors(path)[0])
    prompt = "the big dog runs to the sea, quickly"
    expected = comfyui_tokens(umt5, tokenizer, prompt)
    found = TextEncoder(path, "cpu", torch.float32)(prompt)
    assert found.shape == expected.shape
    difference = float((found - expected).norm() / expected.norm())
    assert difference < (1e-4 if form == "fp16" else 0.1), difference
    assert encode_text(path, prompt, "cpu", torch.float32).shape == (1, TEXT_TOKENS, T5["d_model"])


def test_text_files_that_do_not_work_are_named(umt5: torch.nn.Module, tokenizer: Tensor, tmp_path: Path) -> None:
    state = dict(umt5.state_dict())
    cases = {
        "none": (state, "holds no tokenizer (spiece_model)", "Comfy-Org"),
        "damaged": (
            state | {"spiece_model": torch.zeros(9, dtype=torch.uint8)},
            "spiece_model",
            "download the file again",
        ),
        "t5": (
            {key: value for key, value in state.items() if "block.1.layer.0" not in key},
            "a text encoder",
            "choose another file",
        ),
        "lacking": (
            {key: value for key, value in state.items() if "final" not in key} | {"spiece_model": tokenizer},
            "encoder.final_layer_norm.weight",
            "download it again",
        ),
    }
    for name, (tensors, value, remedy) in cases.items():
        save_file(tensors, tmp_path / f"{name}.safetensors")
        with refuses(key=f"{name}.safetensors", value=value, remedy=remedy):
            TextEncoder(tmp_path / f"{name}.safetensors", "cpu", torch.float32)
