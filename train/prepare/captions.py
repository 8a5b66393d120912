"""What stands in a clip's prompt: the maker's words, else those of a captioner, else a neutral sentence. Cut to what the text encoder reads."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from flashmotion_core.files.reasons import first_line
from flashmotion_core.generation.text_encoder import TEXT_TOKENS
from flashmotion_core.generation.umt5_file import load_umt5_tokens
from flashmotion_core.video.frames import Frames

from ..errors import TrainError
from .weights_folder import load_model, load_processor

NEUTRAL = "A video of things in motion."
ASK = "Describe in one or two sentences what is seen in this video and how it moves."
NEW_TOKENS = 120
SHOWN = 3
"""Frames that a captioner sees."""


class Captioner:
    """A model of transformers that describes pictures, from a folder: BLIP, or one that is talked to, such as Qwen2-VL."""

    def __init__(self, folder: str, device: str) -> None:
        self.folder, self.device = folder, device

    @cached_property
    def _model(self) -> object:
        from transformers import AutoModelForImageTextToText

        return load_model("captioner", self.folder, AutoModelForImageTextToText, self.device)

    @cached_property
    def _processor(self) -> object:
        return load_processor("captioner", self.folder)

    def describe(self, frames_THWC: Frames) -> str:
        """A description of a clip, from its first, middle and last frame (only the middle one if the model takes no questions).

        Raises:
            TrainError: the model or its processor cannot be loaded.
        """
        import torch
        from PIL import Image

        model, processor = self._model, self._processor
        last = len(frames_THWC) - 1
        shown = [Image.fromarray(frames_THWC[last * k // (SHOWN - 1)]) for k in range(SHOWN)]
        asks = getattr(processor, "chat_template", None) is not None
        if asks:
            content = [*({"type": "image", "image": one} for one in shown), {"type": "text", "text": ASK}]
            inputs = processor.apply_chat_template(  # type: ignore[attr-defined]
                [{"role": "user", "content": content}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            )
        else:
            inputs = processor(images=shown[SHOWN // 2], return_tensors="pt")  # type: ignore[operator]
        inputs = inputs.to(self.device, model.dtype)  # type: ignore[attr-defined]
        with torch.no_grad():
            tokens = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False)  # type: ignore[attr-defined]
        said = tokens[:, inputs["input_ids"].shape[1] :] if asks else tokens
        text: str = processor.batch_decode(said, skip_special_tokens=True)[0]  # type: ignore[attr-defined]
        return " ".join(text.split())


def token_counter(text_encoder: str) -> Callable[[str], int]:
    """How many tokens of the text encoder's own tokenizer a prompt has; only the tokenizer is loaded."""
    from transformers import AutoTokenizer

    folder = Path(text_encoder)
    if folder.is_file():
        tokens = load_umt5_tokens(folder)
        return lambda text: len(tokens(text))
    folder = folder / "tokenizer" if (folder / "tokenizer").is_dir() else folder
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError) as error:
        raise TrainError(
            f"models.text_encoder is {text_encoder!r}, but its tokenizer cannot be loaded ({first_line(error)}); copy the whole folder."
        ) from error
    return lambda text: len(tokenizer(text)["input_ids"])


def fitting(text: str, count: Callable[[str], int], most: int = TEXT_TOKENS) -> tuple[str, int]:
    """The longest beginning of whole words that has at most `most` tokens, and how many tokens the whole text has."""
    total = count(text)
    if total <= most:
        return text, total
    words = text.split()
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if count(" ".join(words[:middle])) <= most:
            low = middle
        else:
            high = middle - 1
    return " ".join(words[:low]), total
