"""ComfyUI's single file of umT5 (``umt5_xxl_fp16``, ``umt5_xxl_fp8_e4m3fn_scaled``): the encoder, and the tokenizer in the entry ``spiece_model``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..files.weights import read_header, read_tensors
from ..wan.config import describe, shapes_of
from ..wan.prefixes import strip_wrappers
from ..wan.quantised import dequantise, layer_formats

ANCHOR = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
SECOND = "encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight"
"""Every layer of umT5 has its own; in T5 only the first does."""
TOKENIZER = "spiece_model"
END = 1
"""The token after every text."""


def is_umt5(keys: Iterable[str]) -> bool:
    """Whether a file holds umT5's encoder under the names of ComfyUI and transformers."""
    names = {strip_wrappers(key) for key in keys}
    return {ANCHOR, SECOND, "shared.weight"} <= names


def load_umt5(path: Path, dtype: torch.dtype) -> tuple[Any, Callable[[str], list[int]]]:
    """transformers' ``UMT5EncoderModel`` on the CPU, and the function from a text to its tokens, the end included.

    Raises:
        ValueError: a file that is unreadable, is not umT5, lacks weights or has no tokenizer.
    """
    from accelerate import init_empty_weights
    from transformers import UMT5Config, UMT5EncoderModel

    loaded, metadata = read_tensors(path)
    if not is_umt5(loaded):
        raise ValueError(
            f"{path.name} is {describe(shapes_of(loaded))}, but a umT5 text encoder was expected; choose another file."
        )
    formats = {strip_wrappers(layer): found for layer, found in layer_formats(loaded, metadata).items()}
    tensors = {strip_wrappers(key): value for key, value in loaded.items()}
    tokenizer = tensors.pop(TOKENIZER, None)
    if tokenizer is None:
        raise ValueError(_no_tokenizer(path))
    tokens = read_tokenizer(tokenizer, path.name)
    weights, _ = dequantise(tensors, formats, dtype)
    weights = {key: value.to(dtype) for key, value in weights.items()}
    weights["encoder.embed_tokens.weight"] = weights["shared.weight"]
    first, shapes = "encoder.block.0.layer", shapes_of(weights)
    heads = shapes[ANCHOR][1]
    try:
        config = UMT5Config(
            vocab_size=shapes["shared.weight"][0],
            d_model=shapes["shared.weight"][1],
            d_kv=shapes[f"{first}.0.SelfAttention.q.weight"][0] // heads,
            d_ff=shapes[f"{first}.1.DenseReluDense.wi_0.weight"][0],
            num_layers=sum(key.endswith("SelfAttention.relative_attention_bias.weight") for key in shapes),
            num_heads=heads,
            relative_attention_num_buckets=shapes[ANCHOR][0],
            feed_forward_proj="gated-gelu",
        )
    except KeyError as error:
        raise ValueError(f"{path.name} lacks {error.args[0]}; download it again.") from error
    with init_empty_weights(include_buffers=False):
        encoder = UMT5EncoderModel(config)
    expected = shapes_of(encoder.state_dict())
    wrong = sorted(key for key in expected.keys() | shapes.keys() if expected.get(key) != shapes.get(key))
    if wrong:
        raise ValueError(
            f"{path.name} has {len(wrong)} keys that are missing, unknown or of the wrong shape ({', '.join(wrong)}); download it again."
        )
    encoder.load_state_dict(weights, assign=True)
    return encoder.requires_grad_(False).eval(), tokens


def load_umt5_tokens(path: Path) -> Callable[[str], list[int]]:
    """The function from a text to its tokens, as of `load_umt5`, of a file whose weights are not read.

    Raises:
        ValueError: a file that is unreadable or has no tokenizer.
    """
    found = next((key for key in read_header(path)[0] if strip_wrappers(key) == TOKENIZER), None)
    if found is None:
        raise ValueError(_no_tokenizer(path))
    return read_tokenizer(read_tensors(path, [found])[0][found], path.name)


def _no_tokenizer(path: Path) -> str:
    return f"{path.name} holds no tokenizer ({TOKENIZER}); choose a file of Comfy-Org, which does, or give a folder with umT5 and its tokenizer."


def read_tokenizer(model: Tensor, name: str) -> Callable[[str], list[int]]:
    """The function from a text to tokens, out of a sentencepiece model's bytes.

    Raises:
        ValueError: not a sentencepiece model.
    """
    from sentencepiece import SentencePieceProcessor

    try:
        processor = SentencePieceProcessor(model_proto=model.to(torch.uint8).numpy().tobytes())
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"the tokenizer in {name} ({TOKENIZER}) is damaged; download the file again.") from error
    return lambda text: [*processor.encode(text), END]
