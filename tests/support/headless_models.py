"""Tiny random models for headless generation, as single files and as a diffusers folder."""

import numpy as np
import torch
from safetensors.torch import save_file

from flashmotion_core.adapters import ResNetAdapter, save_adapter
from flashmotion_core.codec.taehv import TAEHV
from flashmotion_core.generation.loading import load_generator
from flashmotion_core.wan.conditioning import latent_shape
from flashmotion_core.wan.config import WanConfig, generator_shapes

TINY = WanConfig(dim=128, ffn_dim=128, num_heads=1, num_layers=2, text_dim=64)
SIZE = (64, 96, 9)  # width, height, frames
SHAPE = latent_shape(*SIZE)


def random_weights(shapes, seed=0):
    """Weights under which signals keep their size."""
    draw = torch.Generator().manual_seed(seed)
    weights = {}
    for key, shape in shapes.items():
        value = torch.randn(shape, generator=draw)
        if key.endswith(("norm_q.weight", "norm_k.weight", "norm3.weight")):
            weights[key] = 1 + 0.1 * value
        else:
            fan_in = torch.Size(shape[1:]).numel() if len(shape) > 1 and "modulation" not in key else 100
            weights[key] = value / fan_in**0.5
    return weights


def write_generator(path, dtype=torch.float32, rename=dict, text=False, **metadata):
    weights = {key: value.to(dtype) for key, value in random_weights(generator_shapes(TINY)).items()}
    save_file(rename(weights), path, metadata={} if text else {"flashmotion.text": "none", **metadata})
    return path


def random_adapter(adapter_class, **options):
    torch.manual_seed(3)
    adapter = adapter_class(TINY, **options).eval().requires_grad_(False)
    for key, value in adapter.named_parameters():
        if key.startswith("zero_convs.") or key.endswith("modulation"):
            value.copy_(torch.randn(value.shape) * 0.1)
    return adapter


def frames_of(frames, seed=5):
    return np.random.default_rng(seed).integers(0, 256, (frames, SIZE[1], SIZE[0], 3), np.uint8)


def write_models(folder):
    """All of them; returns the folder."""
    write_generator(folder / "generator.safetensors")
    torch.manual_seed(1)
    save_file(TAEHV(encoder_width=8, decoder_widths=(16, 12, 8, 8)).state_dict(), folder / "taehv.safetensors")
    small = TAEHV(encoder_width=None, decoder_widths=(16, 12, 8, 8), is_super=True)
    save_file(small.state_dict(), folder / "decoder_alone.safetensors")
    save_adapter(folder / "resnet.safetensors", random_adapter(ResNetAdapter, width=32))
    write_diffusers_folder(folder / "diffusers")
    return folder


def write_diffusers_folder(folder):
    from diffusers import AutoencoderKLWan

    load_generator(
        write_generator(folder.with_suffix(".safetensors")), "cpu", torch.float32
    ).transformer.save_pretrained(folder / "transformer")
    torch.manual_seed(2)
    AutoencoderKLWan(
        base_dim=8,
        decoder_base_dim=8,
        z_dim=48,
        num_res_blocks=1,
        is_residual=True,
        in_channels=12,
        out_channels=12,
        patch_size=2,
    ).save_pretrained(folder / "vae")
    write_text_encoder(folder)


def write_text_encoder(folder):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

    pieces = [
        "<pad>",
        "</s>",
        "<unk>",
        "▁",
        *(f"▁{word}" for word in ("a", "cat", "dog", "runs", "sleeps")),
        *"abcdefghijklmnopqrstuvwxyz",
    ]
    tokenizer = Tokenizer(models.Unigram([(piece, -float(index)) for index, piece in enumerate(pieces)], unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder / "tokenizer")
    torch.manual_seed(4)
    config = UMT5Config(vocab_size=len(pieces), d_model=TINY.text_dim, d_kv=16, d_ff=64, num_layers=2, num_heads=2)
    UMT5EncoderModel(config).save_pretrained(folder / "text_encoder")
