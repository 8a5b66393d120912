"""Prompts beyond the 512 tokens of the text encoder: cut with a note that names the clip, or refused, as the maker chooses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from flashmotion_core.generation.text_encoder import TEXT_TOKENS
from tests.support.encoding import STYLE, Plain, Zeros
from tests.support.filmed import film, write_film
from tests.support.videos import document
from train.config.data_settings import Data, Prepare, Videos
from train.data.encode import encode_clips
from train.errors import TrainError
from train.prepare.captions import fitting, token_counter
from train.prepare.clip_record import PreparedVideo
from train.prepare.prepare_folder import prepare_videos
from train.prepare.prepare_video import VideoWork
from train.prepare.video_marks import VideoMarks

from ...support.sentences import names, refuses

SIZE, FRAMES = (96, 64), 9


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as of a text encoder, with a tokenizer that has a token for each word, and one for the end."""
    folder = tmp_path_factory.mktemp("umT5")
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "</s>": 1, "word": 2}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>").save_pretrained(folder / "tokenizer")
    return folder


def prepared(videos: Path, pool: Path, encoder: Path | None, rules: Prepare) -> PreparedVideo:
    data = Data(size=SIZE, frames=FRAMES, fps=10, train=Videos(folder="x"), prepare=rules)
    work = VideoWork(data, None if encoder is None else str(encoder), "cpu")
    marks = VideoMarks(pool.with_name("videos.txt"))
    return prepare_videos(videos, pool, work, marks, workers=0, report=lambda done, total: None)[0]


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """A film with a prompt of 600 words; boxes of the maker's, so that no rule counts."""
    folder = tmp_path / "videos"
    folder.mkdir()
    video = write_film(folder / "film.mp4", film(((10.0, 20.0, 30.0, 34.0, 4.0, 0.0),), frames=FRAMES)[0])
    document(video, FRAMES, (160, 96))
    (folder / "film.txt").write_text(" ".join(["word"] * 600))
    return folder


def test_the_beginning_that_fits_is_kept() -> None:
    def count(text: str) -> int:
        return len(text.split()) + 1

    exactly = " ".join(f"w{number}" for number in range(TEXT_TOKENS - 1))
    assert fitting(exactly, count) == (exactly, TEXT_TOKENS)
    cut, tokens = fitting(f"{exactly} more words", count)
    assert (cut, tokens) == (exactly, TEXT_TOKENS + 2)
    assert fitting("one", lambda text: 9999 if text else 1) == ("", 9999)


def test_a_long_prompt_is_cut_with_a_note_or_refused(videos: Path, encoder: Path, tmp_path: Path) -> None:
    cut = prepared(videos, tmp_path / "pool", encoder, Prepare())
    assert token_counter(str(encoder))(cut.clips[0].caption) == TEXT_TOKENS
    assert (tmp_path / "pool/film.mp4/film.txt").read_text() == " ".join(["word"] * 511)
    assert "the prompt of 601 tokens is cut after 511 words" in cut.clips[0].notes
    refused = prepared(videos, tmp_path / "pool", encoder, Prepare(long_prompts="refuse"))
    names(
        refused.reason,
        key="the prompt of film",
        value="601 tokens",
        remedy="shorten it, or set data.prepare.long_prompts",
    )
    assert prepared(videos, tmp_path / "pool", None, Prepare()).clips[0].caption == " ".join(["word"] * 600)


def test_tokens_of_a_single_file_are_counted_too(tmp_path: Path) -> None:
    import io

    import sentencepiece

    written = io.BytesIO()
    sentences = iter(["a cat runs over a hill", "a dog sleeps on a mat"] * 20)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=sentences, model_writer=written, vocab_size=30, model_type="char", minloglevel=2
    )
    model = torch.from_numpy(np.frombuffer(written.getvalue(), np.uint8).copy())
    save_file({"spiece_model": model, "other": torch.zeros(2)}, tmp_path / "umt5.safetensors")
    count = token_counter(str(tmp_path / "umt5.safetensors"))
    assert count("cat") == len("_cat") + 1
    save_file({"other": torch.zeros(2)}, tmp_path / "none.safetensors")
    with refuses(key="none.safetensors", value="holds no tokenizer", remedy="Comfy-Org"):
        token_counter(str(tmp_path / "none.safetensors"))
    with refuses(TrainError, key="models.text_encoder", value=str(tmp_path), remedy="copy the whole folder"):
        token_counter(str(tmp_path))


def test_the_data_phase_names_a_clip_whose_prompt_is_too_long(tmp_path: Path) -> None:
    left_out: dict[int, str] = {}

    class Lenient(Plain):
        def leave_out(self, problems: dict[int, str]) -> None:  # type: ignore[override]
            left_out.update(problems)

    def text(prompt: str) -> Tensor:
        if not list((tmp_path / "clips").glob("*.safetensors")):
            return torch.zeros(1, 4)
        raise ValueError("the prompt has 601 tokens, but at most 512 fit; shorten it.")

    encode_clips(
        Lenient(1, 2, "easy", (32, 32), 5), Zeros(), tmp_path / "clips", style=STYLE, fingerprint="f", text=text
    )  # type: ignore[arg-type]
    assert list(left_out) == [1]
    names(left_out[1], key="clip 1", value="601 tokens", remedy="shorten it")
