"""The text encoder of headless generation: umT5 and its tokenizer, from ComfyUI's single file or from a folder. Nothing is downloaded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..files.model_folder import read_folder_config
from ..files.reasons import first_line
from ..wan.config import WanConfig
from .umt5_file import load_umt5

TEXT_TOKENS = 512
"""Tokens of text that the generator was trained on; shorter texts are followed by zeros."""


class TextEncoder:
    """umT5 and its tokenizer, loaded once for many prompts."""

    def __init__(self, path: str | Path, device: torch.device | str, dtype: torch.dtype) -> None:
        """Load both.

        Args:
            path: ComfyUI's file of umT5, a diffusers folder (``text_encoder/`` and ``tokenizer/`` in it), or one folder with both.
            device: where the encoder runs.
            dtype: of the encoder and the result.

        Raises:
            ValueError: a file or folder without a readable encoder or tokenizer.
        """
        self.device, self.dtype = device, dtype
        self.tokens: Callable[[str], list[int]]
        if Path(path).is_file():
            encoder, self.tokens = load_umt5(Path(path), dtype)
            self.encoder: Any = encoder.to(device)
        else:
            self._load_folder(Path(path))

    def _load_folder(self, folder: Path) -> None:
        from transformers import AutoTokenizer, UMT5EncoderModel

        parts = [folder / name if (folder / name).is_dir() else folder for name in ("text_encoder", "tokenizer")]
        classes = ("UMT5EncoderModel", "UMT5ForConditionalGeneration", "UMT5Model")
        read_folder_config(parts[0], "text encoder", classes)
        try:
            tokenizer = AutoTokenizer.from_pretrained(parts[1], local_files_only=True)
            encoder = UMT5EncoderModel.from_pretrained(
                parts[0], local_files_only=True, use_safetensors=True, torch_dtype=self.dtype
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise ValueError(
                f"{folder} does not hold a readable umT5 encoder and tokenizer ({first_line(error)}); copy both again."
            ) from error
        self.tokens = lambda text: list(tokenizer(text).input_ids)
        self.encoder = encoder.to(self.device).eval()

    @torch.no_grad()
    def __call__(self, prompt: str) -> Tensor:
        """The true tokens of a prompt, ``[M, text_dim]`` with M at most 512.

        Raises:
            ValueError: a prompt that is too long.
        """
        ids = torch.tensor([self.tokens(prompt)], device=self.device)
        length = ids.shape[1]
        if length > TEXT_TOKENS:
            raise ValueError(f"the prompt has {length} tokens, but at most {TEXT_TOKENS} fit; shorten it.")
        hidden: Tensor = self.encoder(ids, torch.ones_like(ids)).last_hidden_state[0]
        return hidden.to(self.dtype)


def encode_text(
    path: str | Path,
    prompt: str,
    device: torch.device | str,
    dtype: torch.dtype,
    say: Callable[[str], object] = print,
) -> Tensor:
    """Encode one prompt with umT5: ``[1, 512, text_dim]``, zeros after the true length; the encoder is freed again.

    Where a GPU's memory is too small for umT5 (11.4 GB in bfloat16), the processor encodes, and `say` is called with a note.

    Raises:
        ValueError: see ``TextEncoder``.
    """
    tokens_MT = None
    with contextlib.suppress(torch.cuda.OutOfMemoryError):
        tokens_MT = TextEncoder(path, device, dtype)(prompt)
    if tokens_MT is None:  # only here is what was on the GPU free again
        say("note: the text encoder is larger than the GPU's free memory, so the processor encodes the prompt.")
        tokens_MT = TextEncoder(path, "cpu", dtype)(prompt)
    return nn.functional.pad(tokens_MT, (0, 0, 0, TEXT_TOKENS - len(tokens_MT)))[None]


def no_text(config: WanConfig) -> Tensor:
    """What a generator trained without text gets instead: zeros ``[1, 512, text_dim]``."""
    return torch.zeros(1, TEXT_TOKENS, config.text_dim)
