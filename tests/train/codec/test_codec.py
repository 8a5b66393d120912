"""The tiny codec: a start that is not grey, frames grouped as the generator needs them, and training that resumes where it stopped."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from flashmotion_core.codec.taehv import TAEHV, encode_clip
from flashmotion_core.codec.taehv_file import load_taehv
from flashmotion_core.wan.conditioning import normalise
from train.codec import codec_checkpoint
from train.codec.codec_budget import fastest_threads, steps_that_fit
from train.codec.codec_checkpoint import BEFORE, CHECKPOINT
from train.codec.codec_training import CodecTraining
from train.codec.crops import Crops
from train.codec.linear_start import components, decode_whole, encode_whole, start
from train.codec.muon import orthogonalise
from train.codec.quality import spread
from train.codec.train_codec import FILE, train_codec
from train.config.codec_settings import CodecSettings
from train.errors import TrainError, TrainingStopped
from train.world import synthetic

from ...support.sentences import names, refuses

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

SHORT = CodecSettings(
    difficulty="easy",
    steps=5,
    start_steps=3,
    crop=32,
    frames=5,
    batch=2,
    clips=4,
    clip_frames=9,
    checkpoint_every=2,
)


@pytest.fixture(autouse=True)
def small_and_soon_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.codec.codec_training.DECODER_WIDTHS", (32, 32, 32, 32))
    monkeypatch.setattr("train.codec.codec_training.WARMUP_STEPS", 2)


def narrow() -> TAEHV:
    torch.manual_seed(0)
    return TAEHV(encoder_width=64, decoder_widths=(16, 16, 16, 16))


def crops(keep: int) -> Crops:
    return Crops(3, "easy", (128, 128), 9, crop=64, length=9, keep=keep)


@cache
def pictures(step: int) -> Tensor:
    return crops(keep=12).batch(step, 24)


@cache
def started(whitening: float = 1.0, stays: bool = False) -> TAEHV:
    """A codec at its start; its decoder is narrow."""
    codec = narrow().requires_grad_(False)
    start(codec, pictures(0), torch.Generator().manual_seed(0), whitening, stays)
    return codec


def decibels(squares: Tensor) -> float:
    return -10 * math.log10(squares.mean().item())


# The linear start


def test_components_are_those_of_the_covariance() -> None:
    rows = torch.randn(500, 6, generator=torch.Generator().manual_seed(0)) @ torch.diag(
        torch.tensor([5.0, 1, 3, 0, 2, 4])
    )
    vectors, deviations = components(rows, 6)
    torch.testing.assert_close(deviations[:5], (rows @ vectors[:, :5]).std(dim=0, correction=0), rtol=1e-4, atol=1e-4)
    assert deviations.diff().max() <= 0
    torch.testing.assert_close(vectors[:, :5].T @ vectors[:, :5], torch.eye(5), atol=1e-5, rtol=0)
    assert (vectors[:, 5] == 0).all()  # there the rows do not vary


def test_the_first_latents_tell_more_than_the_mean_of_a_block() -> None:
    def latents_and_blocks(step: int) -> tuple[Tensor, Tensor]:
        pixels = pictures(step)
        latents = normalise(encode_whole(started(), pixels)).movedim(1, -1).flatten(0, -2)
        whole = torch.cat([pixels[:, :, :1].expand(-1, -1, 3, -1, -1), pixels], dim=2)
        blocks = whole.unflatten(4, (-1, 16)).unflatten(3, (-1, 16)).unflatten(2, (-1, 4))
        return latents, blocks.permute(0, 2, 4, 6, 3, 5, 7, 1).reshape(len(latents), -1, 3)

    latents, blocks = latents_and_blocks(0)
    with_one = torch.cat([latents, torch.ones(len(latents), 1)], dim=1)
    inverse = torch.linalg.solve(with_one.T @ with_one, with_one.T @ blocks.flatten(1))
    latents, blocks = latents_and_blocks(1)  # of other places
    decoded = torch.cat([latents, torch.ones(len(latents), 1)], dim=1) @ inverse
    linear = decibels((decoded - blocks.flatten(1)).square())
    mean_colour = decibels((blocks - blocks.mean(dim=1, keepdim=True)).square())
    assert linear > 20
    assert linear > mean_colour + 2


def test_the_first_latents_are_normal() -> None:
    latents = normalise(encode_whole(started(), pictures(0)))
    assert spread(latents) < 0.01
    assert spread(2 * latents) > 1


@pytest.mark.parametrize("whitening", [0.0, 0.5])
def test_channels_may_vary_as_their_components_do(whitening: float) -> None:
    channels, white, component_channels = (
        normalise(encode_whole(codec, pictures(0))).transpose(0, 1).flatten(1)
        for codec in (started(whitening), started(), started(0.0))
    )
    deviations = channels.std(dim=1)
    assert channels.square().mean() == pytest.approx(1, abs=0.05)
    assert (deviations.diff() < 0.02).all()
    # The same code, channel by channel.
    torch.testing.assert_close(channels / deviations[:, None], white / white.std(dim=1)[:, None], atol=1e-2, rtol=0)
    wanted = component_channels.std(dim=1) ** (1 - whitening)
    torch.testing.assert_close(deviations / deviations[0], wanted / wanted[0], atol=1e-3, rtol=1e-2)


def test_a_start_that_stays_is_linear_for_other_clips_too() -> None:
    one, other = pictures(1)[:12], pictures(2)[12:]
    off = {}
    for stays, codec in ((False, started()), (True, started(stays=True))):
        halfway = encode_whole(codec, (one + other) / 2)
        off[stays] = (halfway - (encode_whole(codec, one) + encode_whole(codec, other)) / 2).abs().max().item()
    assert off[True] < 1e-3
    assert off[False] > 10 * off[True]


def test_without_memory_blocks_the_start_is_the_same() -> None:
    pixels = pictures(1)[:2]
    latents = encode_whole(started(), pixels)
    torch.testing.assert_close(encode_whole(started(), pixels, memory=False), latents)
    torch.testing.assert_close(decode_whole(started(), latents, memory=False), decode_whole(started(), latents))


# Whole clips at once


def test_all_frames_at_once_give_what_the_codec_gives() -> None:
    codec = narrow().requires_grad_(False)
    pixels = torch.rand(2, 3, 9, 32, 48, generator=torch.Generator().manual_seed(0))
    latents = encode_whole(codec, pixels)
    torch.testing.assert_close(latents, encode_clip(codec, pixels))
    torch.testing.assert_close(decode_whole(codec, latents), codec.decode(latents))


def test_the_first_latent_frame_is_of_the_first_frame_alone() -> None:
    codec = narrow().requires_grad_(False)
    pixels = torch.rand(1, 3, 9, 32, 32, generator=torch.Generator().manual_seed(0))
    later, first = pixels.clone(), pixels.clone()
    later[:, :, 1:] = 0.5
    first[:, :, 0] = 0.5
    latents = encode_whole(codec, pixels)
    torch.testing.assert_close(encode_whole(codec, later)[:, :, :1], latents[:, :, :1])
    torch.testing.assert_close(encode_whole(codec, pixels[:, :, :1]), latents[:, :, :1])
    assert (encode_whole(codec, later) - latents)[:, :, 1:].abs().min() > 0
    assert (encode_whole(codec, first) - latents)[:, :, 0].abs().max() > 1e-4


# Crops


def test_crops_do_not_depend_on_the_steps_before() -> None:
    one, other = crops(keep=3), crops(keep=3)
    batches = [one.batch(step, 4) for step in range(6)]
    assert torch.equal(other.batch(5, 4), batches[5])
    assert not torch.equal(batches[4], batches[5])


def test_every_step_brings_a_new_clip() -> None:
    source = crops(keep=3)
    numbers = [{source._clip(step, slot).number for slot in range(3)} for step in range(4)]
    assert numbers == [{0, 1, 2}, {1, 2, 3}, {2, 3, 4}, {3, 4, 5}]


def test_the_second_half_of_a_batch_shows_sprites() -> None:
    source = crops(keep=8)
    sprites = {number: synthetic.clip(3, number, "easy", (128, 128), 9) for number in range(8)}
    for kept in (source._clip(0, slot) for slot in range(8)):
        painted = (sprites[kept.number].owner_THW > 0)[..., None].repeat(3, axis=-1)
        source._slots[kept.number] = kept._replace(frames_THWC=painted.astype(np.uint8) * 255)
    shares = source.batch(0, 64)[:, :, 0].mean(dim=(1, 2, 3))
    assert shares[32:].min() > 0
    assert shares[32:].mean() > 1.2 * shares[:32].mean()


# Muon


@pytest.mark.parametrize("shape", [(6, 40), (40, 6)])
def test_steps_are_about_orthogonal(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * torch.logspace(-1, 1, shape[1])
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    values = torch.linalg.svdvals(orthogonalise(matrix))
    assert values.min() > 0.6
    assert values.max() < 1.3
    assert ((left.T @ orthogonalise(matrix) @ right.T).diagonal() > 0.6).all()


# What is decided before the first step


def test_steps_fit_the_budget() -> None:
    assert steps_that_fit(1000, 10**6, 10**6, 1.0, 2.0) == (315 + 292, 315)  # 900 s: 35 % of them, then the rest
    assert steps_that_fit(1000, 10**6, 100, 1.0, 2.0) == (500, 100)
    assert steps_that_fit(1000, 300, 100, 1.0, 2.0) == (300, 100)
    assert steps_that_fit(0, 300, 100, 1.0, 2.0) == (2, 1)


@pytest.mark.parametrize("slow", [1, 3])
def test_the_threads_that_are_faster_win(slow: int, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = [3]
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads[-1])
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    fast = fastest_threads(lambda: 2.0 if threads[-1] == slow else 1.0)
    assert {slow, fast} == {1, 3}
    assert threads[-1] == fast


# Training


def trained(settings: CodecSettings, folder: Path, stop: int | None = None) -> list[float]:
    """The losses of a run; `stop` kills it after that many steps."""
    losses: list[float] = []

    def report(step: int, steps: int, loss: float, seconds: float) -> None:
        losses.append(loss)
        if step == stop:
            raise KeyboardInterrupt

    try:
        train_codec(settings, folder, report=report)
    except KeyboardInterrupt:
        assert stop is not None
    return losses


def test_a_killed_run_goes_on_with_equal_losses(tmp_path: Path) -> None:
    whole = trained(SHORT, tmp_path / "whole")
    assert len(whole) == 5
    assert trained(SHORT, tmp_path / "killed", stop=3) == whole[:3]  # checkpoint after 2, with the linear encoder
    assert trained(SHORT, tmp_path / "killed", stop=3 + 2) == whole[2:]
    file, other = (tmp_path / name / FILE for name in ("killed", "whole"))
    assert not file.exists()
    assert trained(SHORT, tmp_path / "killed") == whole[4:]  # checkpoint after 4, with all layers
    weights = load_taehv(other).state_dict()
    assert all(torch.equal(weight, weights[name]) for name, weight in load_taehv(file).state_dict().items())
    assert {weight.dtype for weight in weights.values()} == {torch.float16}
    assert trained(SHORT, tmp_path / "killed") == []
    with refuses(TrainError, key="checkpoint.pt", value="other codec settings (lr)", remedy="delete its folder"):
        trained(SHORT.model_copy(update={"lr": 1.0}), tmp_path / "killed")


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path) -> None:
    losses, said = trained(SHORT, tmp_path, stop=5), list[str]()
    newest = (tmp_path / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(newest[: len(newest) // 2])
    again: list[float] = []
    train_codec(SHORT, tmp_path, report=lambda step, steps, loss, seconds: again.append(loss), say=said.append)
    assert again == losses[2:]  # checkpoints after 2 and 4
    assert len(said) == 1
    names(said[0], key=CHECKPOINT, value="is damaged", remedy="continues from the checkpoint before, after 2 steps")


@pytest.mark.parametrize(
    "content", [b"", b"no zip", b"PK\x03\x04" + bytes(99), [1], {"settings": {}, "step": 3}, {"step": 3}]
)
def test_checkpoints_that_are_none(content: object, tmp_path: Path) -> None:
    whole = {"settings": {}, "step": 7, "codec": {}, "muon": {}, "adam": {}}
    codec_checkpoint.save(tmp_path, whole)
    codec_checkpoint.save(tmp_path, {**whole, "step": 8})
    newest = tmp_path / CHECKPOINT
    newest.write_bytes(content) if isinstance(content, bytes) else torch.save(content, newest)
    state, said = codec_checkpoint.load(tmp_path, torch.device("cpu"))
    assert state is not None
    assert state["step"] == 7
    names(said, key=CHECKPOINT, value="is damaged", remedy="after 7 steps")
    (tmp_path / BEFORE).unlink()
    with refuses(TrainError, key=CHECKPOINT, value="is damaged", remedy="delete it"):
        codec_checkpoint.load(tmp_path, torch.device("cpu"))
    newest.unlink()
    assert codec_checkpoint.load(tmp_path, torch.device("cpu")) == (None, "")


def test_a_checkpoint_that_cannot_be_written_leaves_the_earlier_ones(tmp_path: Path) -> None:
    whole = {"settings": {}, "step": 7, "codec": {}, "muon": {}, "adam": {}}
    codec_checkpoint.save(tmp_path, whole)
    with pytest.raises(Exception, match="pickle"):
        codec_checkpoint.save(tmp_path, {**whole, "step": lambda: 8})
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]
    # Killed between the two moves: the older name is all that is there.
    (tmp_path / CHECKPOINT).rename(tmp_path / BEFORE)
    assert codec_checkpoint.exists(tmp_path)
    found, said = codec_checkpoint.load(tmp_path, torch.device("cpu"))
    assert found == whole
    assert said == ""


def test_the_decoder_goes_on_alone(tmp_path: Path) -> None:
    settings = SHORT.model_copy(update={"encoder_part": 0.8})
    whole = trained(SHORT, tmp_path / "whole")
    assert trained(settings, tmp_path / "a") == whole[:4]
    settled = load_taehv(tmp_path / "a" / FILE).state_dict()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    file = train_codec(settings, tmp_path / "b", rest=True)
    changed = {
        name.partition(".")[0]
        for name, weight in load_taehv(file).state_dict().items()
        if not torch.equal(weight, settled[name])
    }
    assert changed == {"decoder"}
    assert trained(settings, tmp_path / "a") == []
    assert all(
        torch.equal(weight, settled[name]) for name, weight in load_taehv(tmp_path / "a" / FILE).state_dict().items()
    )


def test_the_encoder_may_stay_linear(tmp_path: Path) -> None:
    settings = SHORT.model_copy(update={"encoder_part": 0.0})
    assert trained(settings, tmp_path) == []
    linear = load_taehv(tmp_path / FILE).state_dict()
    losses: list[float] = []
    train_codec(settings, tmp_path, rest=True, report=lambda step, steps, loss, seconds: losses.append(loss))
    assert len(losses) == settings.steps
    after = load_taehv(tmp_path / FILE).state_dict()
    changed = {name.partition(".")[0] for name, weight in after.items() if not torch.equal(weight, linear[name])}
    assert changed == {"decoder"}


def test_a_still_clip_has_one_latent(tmp_path: Path) -> None:
    still = pictures(1)[:4, :, :1].expand(-1, -1, 9, -1, -1)

    def change(codec: TAEHV) -> float:
        latents = encode_whole(codec.requires_grad_(False), still)
        return (latents[:, :, 1:] - latents[:, :, :1]).abs().max().item()

    run = CodecTraining(SHORT.model_copy(update={"start_steps": 1}), tmp_path, torch.device("cpu"))
    run.load()
    for step in range(3):
        run.step(step)
    assert change(run.codec) < 1e-5
    for weight, width in run._encoder_memory():  # as the layout allows
        weight[:, width:] = weight[:, :width]
    assert change(run.codec) > 1e-3


def test_photographs_are_among_the_clips() -> None:
    plain, mixed = crops(keep=4), Crops(3, "easy", (128, 128), 9, crop=64, length=9, keep=4, photographs=2)
    equal = [np.array_equal(plain._clip(0, slot).frames_THWC, mixed._clip(0, slot).frames_THWC) for slot in range(4)]
    assert equal == [False, True, False, True]


def test_training_lowers_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.codec.codec_training.START_CROPS", 64)  # a worse start, so that few steps show
    monkeypatch.setattr("train.codec.codec_training.CROPS_OF_A_CLIP", 6)
    settings = SHORT.model_copy(update={"steps": 45, "start_steps": 30, "batch": 4, "clips": 12, "lr": 1e-3})
    run = CodecTraining(settings, tmp_path, torch.device("cpu"))
    run.load()
    pixels = pictures(1)[:16]

    def quality(memory: bool) -> float:
        with torch.no_grad():
            decoded = decode_whole(run.codec, encode_whole(run.codec, pixels, memory=memory), memory=memory)
        return decibels((decoded - pixels).square())

    before = quality(False)
    for step in range(settings.steps):
        run.step(step)
    assert quality(True) > before + 1.5


def test_a_budget_settles_the_steps_once(tmp_path: Path) -> None:
    seen: list[int] = []
    report: Callable[[int, int, float, float], None] = lambda step, steps, loss, seconds: seen.append(steps)  # noqa: E731
    settings = SHORT.model_copy(update={"steps": 10**6, "start_steps": 10**6, "checkpoint_every": 1})

    def stop(step: int, steps: int, loss: float, seconds: float) -> None:
        seen.append(steps)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_codec(settings, tmp_path, minutes=0.03, report=stop)
    assert 2 <= seen[0] < 1000
    assert not (tmp_path / CHECKPOINT).exists() or seen[0] > 1
    train_codec(settings, tmp_path, minutes=60, report=report)
    assert set(seen) == {seen[0]}


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path) -> None:
    with refuses(TrainingStopped, key="the codec's loss is", value="1e+30", remedy="lower codec.lr"):
        trained(SHORT.model_copy(update={"lr": 1e30}), tmp_path)
