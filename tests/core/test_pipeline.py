"""Headless generation with tiny random models that the tests make: loading, sampling with adapters, the command line."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from flashmotion_core.adapters import ControlNetAdapter, ResNetAdapter, save_adapter
from flashmotion_core.cli.generate import main
from flashmotion_core.cli.generate_inputs import choose_schedule
from flashmotion_core.codec.taehv import TAEHV
from flashmotion_core.codec.vae import load_vae
from flashmotion_core.generation import pipeline
from flashmotion_core.generation.adapter_control import Control
from flashmotion_core.generation.loading import load_generator
from flashmotion_core.generation.pipeline import sample_latent
from flashmotion_core.generation.text_encoder import TextEncoder, encode_text, no_text
from flashmotion_core.guide.guide_clip import GuideClip
from flashmotion_core.sampling.schedule import PRESETS, Schedule
from flashmotion_core.trajectory import parse
from flashmotion_core.trajectory import sample as sample_boxes
from flashmotion_core.wan.conditioning import LATENT_MEAN, LATENT_STD, latent_shape
from flashmotion_core.wan.config import WanConfig, generator_shapes
from flashmotion_core.wan.keys import to_diffusers

from ..support.clips import read_clip
from ..support.sentences import refuses

ROOT = Path(__file__).parents[2]
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The tiny models, as single files and as a diffusers folder."""
    folder = tmp_path_factory.mktemp("models")
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


@pytest.fixture(scope="module")
def generator(folder):
    return load_generator(folder / "generator.safetensors", "cpu", torch.float32)


@pytest.fixture
def control_latent():
    return torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(6))


@pytest.fixture
def clean():
    return torch.randn(1, SHAPE[0], 1, *SHAPE[2:], generator=torch.Generator().manual_seed(7))


def sample(generator, *controls, **options):
    return sample_latent(generator, no_text(generator.info.config), SHAPE, controls, **options)


# Loading


def test_all_layouts_and_types_give_the_same_generator(folder, generator, tmp_path):
    expected = generator.transformer.state_dict()
    others = [
        load_generator(write_generator(tmp_path / "renamed.safetensors", rename=to_diffusers), "cpu", torch.float32),
        load_generator(folder / "diffusers", "cpu", torch.float32),
        load_generator(folder / "diffusers" / "transformer", "cpu", torch.float32),
    ]
    for other in others:
        assert other.fingerprint == generator.fingerprint
        assert other.info.config == generator.info.config == TINY
        found = other.transformer.state_dict()
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_files_load_and_run(tmp_path, dtype):
    generator = load_generator(write_generator(tmp_path / "half.safetensors", dtype), "cpu", torch.bfloat16)
    assert generator.transformer.patch_embedding.weight.dtype == torch.bfloat16
    assert generator.transformer.scale_shift_table.dtype == torch.float32
    assert sample(generator).isfinite().all()


def test_wrong_generators_are_named(folder, tmp_path):
    weights = random_weights(generator_shapes(TINY))
    del weights["blocks.1.ffn.2.bias"]
    save_file(weights, tmp_path / "lacking.safetensors")
    save_file(
        {key: value.to(torch.int8) for key, value in random_weights(generator_shapes(TINY)).items()},
        tmp_path / "int8.safetensors",
    )
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut.safetensors").write_bytes((folder / "generator.safetensors").read_bytes()[:5000])
    for path, value, remedy in (
        (tmp_path / "lacking.safetensors", "blocks.1.ffn.2.bias", "download or export it again"),
        (tmp_path / "int8.safetensors", "torch.int8", "bf16, fp16 or fp32"),
        (tmp_path / "cut.safetensors", "not a complete safetensors file", "download or copy it again"),
        (tmp_path / "none.safetensors", "there is no file", "check the name and folder"),
        (folder / "resnet.safetensors", "a FlashMotion ResNet adapter", "choose another file"),
        (folder / "diffusers" / "vae", "AutoencoderKLWan, but a generator", "choose another folder"),
        (tmp_path, "3 safetensors files that are not the parts of one model", "name one of them"),
        (tmp_path / "empty", "holds no safetensors files", "download or export it again"),
    ):
        with refuses(key=path.name, value=value, remedy=remedy):
            load_generator(path, "cpu", torch.float32)


def test_diffusers_folder_that_lacks_weights_is_refused(folder, tmp_path):
    from safetensors.torch import load_file

    name = "diffusion_pytorch_model.safetensors"
    weights = load_file(folder / "diffusers" / "transformer" / name)
    del weights["proj_out.bias"]
    save_file(weights, tmp_path / name)
    (tmp_path / "config.json").write_text((folder / "diffusers" / "transformer" / "config.json").read_text())
    with refuses(key=tmp_path.name, value="head.head.bias", remedy="download or export it again"):
        load_generator(tmp_path, "cpu", torch.float32)


# VAE


@pytest.mark.parametrize("name", ["taehv.safetensors", "diffusers"])
def test_vae_sizes_and_picture_as_first_frame(folder, name):
    vae = load_vae(folder / name, "cpu", torch.float32)
    clip = frames_of(SIZE[2])
    latent = vae.encode(clip)
    assert latent.shape == (1, *SHAPE)
    torch.testing.assert_close(vae.encode(clip[:1]), latent[:, :, :1], rtol=0, atol=1e-5)
    frames = list(vae.decode(latent))
    assert [frame.shape for frame in frames] == [(SIZE[1], SIZE[0], 3)] * SIZE[2]
    assert frames[0].dtype == np.uint8


def test_wan_vae_latents_are_normalised_by_wan_22_statistics(folder):
    from diffusers import AutoencoderKLWan

    model = AutoencoderKLWan.from_pretrained(folder / "diffusers" / "vae")
    assert len(model.config.latents_mean) == 16  # diffusers' default, Wan 2.1's
    clip = frames_of(5)
    with torch.no_grad():
        pixels = torch.from_numpy(clip).movedim(-1, 0)[None].float() / 127.5 - 1
        raw = model.encode(pixels).latent_dist.mode()
    expected = (raw - torch.tensor(LATENT_MEAN).view(1, -1, 1, 1, 1)) / torch.tensor(LATENT_STD).view(1, -1, 1, 1, 1)
    torch.testing.assert_close(
        load_vae(folder / "diffusers", "cpu", torch.float32).encode(clip), expected, rtol=0, atol=1e-5
    )


def test_decoding_leaves_gradients_on_between_frames(folder):
    vae = load_vae(folder / "taehv.safetensors", "cpu", torch.float32)
    for _ in vae.decode(torch.zeros(1, *SHAPE)):
        assert torch.is_grad_enabled()


def test_wrong_vaes_are_named(folder, tmp_path):
    from diffusers import AutoencoderKLWan

    AutoencoderKLWan(base_dim=8, z_dim=16, num_res_blocks=1).save_pretrained(tmp_path)
    with refuses(key=str(tmp_path), value="16 latent channels, but 48", remedy="choose the VAE of Wan 2.2"):
        load_vae(tmp_path, "cpu", torch.float32)
    with refuses(key="generator.safetensors", value="a Wan generator of width 128", remedy="choose another file"):
        load_vae(folder / "generator.safetensors", "cpu", torch.float32)


# Text


def test_text_is_zero_after_its_true_length_and_matches_the_padded_encoding(folder):
    from transformers import AutoTokenizer, UMT5EncoderModel

    tokens = encode_text(folder / "diffusers", "a cat runs", "cpu", torch.float32)
    assert tokens.shape == (1, 512, TINY.text_dim)
    assert tokens[:, :4].abs().sum(dim=2).min() > 0
    assert torch.equal(tokens[:, 4:], torch.zeros(1, 508, TINY.text_dim))
    tokenizer = AutoTokenizer.from_pretrained(folder / "diffusers" / "tokenizer")
    encoder = UMT5EncoderModel.from_pretrained(folder / "diffusers" / "text_encoder").eval()
    batch = tokenizer("a cat runs", padding="max_length", max_length=512, return_tensors="pt")
    with torch.no_grad():
        padded = encoder(batch.input_ids, batch.attention_mask).last_hidden_state
    torch.testing.assert_close(tokens[:, :4], padded[:, :4], rtol=0, atol=1e-5)


def test_a_text_encoder_that_the_gpu_cannot_hold_runs_on_the_processor(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = encode_text(folder / "diffusers", "a cat runs", "cpu", torch.float32)
    encode, tried = TextEncoder.__call__, []

    def full_at_first(self: TextEncoder, prompt: str) -> torch.Tensor:
        tried.append(str(self.device))
        if len(tried) == 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return encode(self, prompt)

    monkeypatch.setattr(TextEncoder, "__call__", full_at_first)
    assert torch.equal(encode_text(folder / "diffusers", "a cat runs", "cpu:0", torch.float32), expected)
    assert tried == ["cpu:0", "cpu"]
    assert "the processor encodes the prompt" in capsys.readouterr().out


def test_prompts_change_the_video(folder, generator):
    videos = [
        sample_latent(generator, encode_text(folder / "diffusers", prompt, "cpu", torch.float32), SHAPE)
        for prompt in ("a cat runs", "a dog sleeps")
    ]
    assert (videos[0] - videos[1]).abs().max() > 1e-3


def test_weights_that_would_be_unpickled_are_refused(tmp_path):
    write_diffusers_folder(tmp_path)
    for part, name in (("text_encoder", "model"), ("vae", "diffusion_pytorch_model")):
        file = tmp_path / part / f"{name}.safetensors"
        torch.save(load_file(file), tmp_path / part / f"{'pytorch_model' if name == 'model' else name}.bin")
        file.unlink()
    with refuses(key=str(tmp_path), value="safetensors", remedy="copy both again"):
        encode_text(tmp_path, "a cat runs", "cpu", torch.float32)
    with refuses(key=str(tmp_path / "vae"), value="safetensors", remedy="download or export it again"):
        load_vae(tmp_path, "cpu", torch.float32)


def test_text_errors(folder, tmp_path):
    with refuses(key="prompt", value=601, remedy="at most 512 fit; shorten it"):
        encode_text(folder / "diffusers", " ".join(["cat"] * 600), "cpu", torch.float32)
    with refuses(key=str(tmp_path), value="no readable config.json, but a text encoder", remedy="check the path"):
        encode_text(tmp_path, "", "cpu", torch.float32)


def test_no_text_is_512_zeros():
    assert torch.equal(no_text(TINY), torch.zeros(1, 512, 64))


# Sampling


def test_one_step_is_the_generators_own_estimate(generator):
    noise = torch.randn(1, *SHAPE)
    schedule = Schedule("custom", (0.75,))
    video = sample(generator, schedule=schedule, noise=(noise, iter(())))
    with torch.no_grad():
        velocity = generator.transformer(0.75 * noise, torch.tensor([750.0]), no_text(TINY), return_dict=False)[0]
    torch.testing.assert_close(video, 0.75 * noise - 0.75 * velocity)


def test_frame_0_comes_out_as_it_went_in_and_steers_the_rest(generator, clean):
    video = sample(generator, clean_BCFHW=clean)
    assert video.shape == (1, *SHAPE)
    assert torch.equal(video[:, :, :1], clean)
    assert not torch.equal(video[:, :, 1:], sample(generator)[:, :, 1:])


def test_clean_frame_has_timestep_zero_and_is_seen_clean(generator, clean):
    seen = []
    handle = generator.transformer.register_forward_pre_hook(lambda module, args: seen.append(args[:2]))
    try:
        sample(generator, clean_BCFHW=clean)
    finally:
        handle.remove()
    tokens = SHAPE[2] // 2 * SHAPE[3] // 2
    assert [float(timestep[0, -1]) for _, timestep in seen] == pytest.approx([1000, 937.5, 833.333, 625])
    for x, timestep in seen:
        assert timestep.shape == (1, SHAPE[1] * tokens)
        assert torch.equal(timestep[0, :tokens], torch.zeros(tokens))
        assert (timestep[0, tokens:] == timestep[0, -1]).all()
        assert torch.equal(x[:, :, :1], clean)


def test_seeds_repeat_and_differ(generator):
    assert torch.equal(sample(generator, seed=3), sample(generator, seed=3))
    assert not torch.equal(sample(generator, seed=3), sample(generator, seed=4))


def test_callback_sees_every_step(generator):
    seen = []
    video = sample(
        generator, schedule=Schedule("plain", PRESETS["plain"](3)), callback=lambda index, x0: seen.append((index, x0))
    )
    assert [index for index, _ in seen] == [0, 1, 2]
    assert torch.equal(seen[-1][1], video)


ADAPTERS = [
    (ResNetAdapter, {"width": 32}),
    (ControlNetAdapter, {}),
    (ControlNetAdapter, {"inject_after": [1]}),
]


@pytest.mark.parametrize(("adapter_class", "options"), ADAPTERS)
@pytest.mark.parametrize("start_image", [False, True])
def test_adapters_change_the_video_and_their_identities_do_not(
    generator, control_latent, clean, adapter_class, options, start_image
):
    inputs = {"clean_BCFHW": clean} if start_image else {}
    plain = sample(generator, **inputs)
    adapter = random_adapter(adapter_class, **options)
    on = Control(adapter, control_latent)
    assert (sample(generator, on, **inputs) - plain).abs().max() > 1e-2
    for identity in (
        replace(on, strength=0.0),
        replace(on, start=0.5, end=0.5),
        replace(on, strength=[0] * len(adapter.inject_after)),
    ):
        assert torch.equal(sample(generator, identity, **inputs), plain)
    fresh = random_adapter(adapter_class, **options)
    for conv in fresh.zero_convs:
        torch.nn.init.zeros_(conv.weight)
        torch.nn.init.zeros_(conv.bias)
    assert torch.equal(sample(generator, Control(fresh, control_latent), **inputs), plain)
    # Nothing stays behind on the generator.
    assert torch.equal(sample(generator, **inputs), plain)


def test_the_map_matters(generator, control_latent):
    adapter = random_adapter(ResNetAdapter, width=32)
    videos = [sample(generator, Control(adapter, latent)) for latent in (control_latent, control_latent.flip(2))]
    assert (videos[0] - videos[1]).abs().max() > 1e-3


def test_control_range_covers_the_steps_it_names(generator, control_latent):
    adapter = random_adapter(ResNetAdapter, width=32)
    calls = []
    original = adapter.begin
    adapter.begin = lambda *args: calls.append(float(args[2].max())) or original(*args)
    for start, end, steps in (
        (0, 1, [1000, 937.5, 833.333, 625]),
        (0.25, 0.75, [937.5, 833.333]),
        (0, 0.5, [1000, 937.5]),
        (0.75, 1, [625]),
    ):
        calls.clear()
        sample(generator, Control(adapter, control_latent, start=start, end=end))
        assert calls == pytest.approx(steps), (start, end)


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({}, [1000, 937.5, 833.333, 625]),
        ({"compute_every": 2}, [1000, 833.333]),
        ({"compute_every": 4}, [1000]),
        ({"compute_every": 2, "start": 0.25}, [937.5, 625]),
    ],
    ids=str,
)
def test_a_controlnet_is_computed_in_the_steps_that_compute_every_names(generator, control_latent, options, steps):
    adapter = random_adapter(ControlNetAdapter)
    always = sample(generator, Control(adapter, control_latent, start=options.get("start", 0.0)))
    calls = []
    original = adapter.begin
    adapter.begin = lambda *args: calls.append(float(args[2].max())) or original(*args)
    video = sample(generator, Control(adapter, control_latent, **options))
    assert calls == pytest.approx(steps)
    assert torch.equal(video, always) == ("compute_every" not in options)
    assert torch.isfinite(video).all()


def test_block_strengths_of_a_controlnet_may_hold_zeros(generator, control_latent):
    adapter = random_adapter(ControlNetAdapter)
    videos = [sample(generator, Control(adapter, control_latent, strength)) for strength in ([0, 1], [1, 0], 1.0)]
    assert len({float(video.sum()) for video in videos}) == 3


def test_stacked_adapters_add_up(generator, control_latent):
    resnet, controlnet = random_adapter(ResNetAdapter, width=32), random_adapter(ControlNetAdapter)
    first, second = Control(resnet, control_latent), Control(controlnet, control_latent, 0.5)
    both = sample(generator, first, second)
    assert not torch.equal(both, sample(generator, first))
    assert not torch.equal(both, sample(generator, second))
    half = replace(first, strength=0.5)
    torch.testing.assert_close(sample(generator, half, half), sample(generator, first), rtol=0, atol=1e-4)


def test_hooks_are_removed_after_an_error(generator, control_latent):
    adapter = random_adapter(ResNetAdapter, width=32)
    adapter.residual = lambda index, state: 1 / 0
    with pytest.raises(ZeroDivisionError):
        sample(generator, Control(adapter, control_latent))
    assert all(not block._forward_hooks for block in generator.transformer.blocks)


def test_sizes_that_do_not_fit_are_named(generator, control_latent, clean):
    adapter = random_adapter(ResNetAdapter, width=32)
    with refuses(
        key="control 0's latent", value="[48, 2, 6, 4], but [48, 3, 6, 4]", remedy="encode it at the video's size"
    ):
        sample(generator, Control(adapter, control_latent[:, :, 1:]))
    with refuses(key="start image's latent", value="is [48, 3, 6, 4]", remedy="encode it at the video's size"):
        sample(generator, clean_BCFHW=control_latent)
    with refuses(key="text tokens", value="32 wide, but this generator takes 64", remedy="use the text encoder"):
        sample_latent(generator, torch.zeros(1, 512, 32), SHAPE)
    other = ResNetAdapter(replace(TINY, dim=256, num_layers=5), width=32)
    with refuses(
        key="adapter of width 256", value="after block 4", remedy="use the generator that the adapter was trained on"
    ):
        sample(generator, Control(other, control_latent))
    for options, key, value, remedy in (
        ({"start": -0.1}, "start", -0.1, "a fraction of the schedule from 0 to 1"),
        ({"end": 1.5}, "end", 1.5, "a fraction of the schedule from 0 to 1"),
        ({"start": 0.6, "end": 0.4}, "control", "starts at 0.6 and ends at 0.4", "lower the start or raise the end"),
        ({"strength": float("nan")}, "strength", "nan", "must be finite, such as 1"),
        ({"strength": [1, 2, 3]}, "block strengths", 3, "give one number or 2"),
        ({"compute_every": 0}, "compute_every", 0, "a whole number from 1"),
    ):
        with refuses(key=key, value=value, remedy=remedy):
            Control(adapter, control_latent, **options)


# Command line


@pytest.fixture
def command(folder, tmp_path):
    """Arguments of a working run, as a dict."""
    box = {"x": 0.3, "y": 0.4, "w": 0.3, "h": 0.3, "ease": "linear"}
    document = {
        "version": 1,
        "size": list(SIZE[:2]),
        "frames": SIZE[2],
        "fps": 12,
        "objects": [{"id": "cat", "keyframes": [{"frame": 0, **box}, {"frame": 8, **box, "x": 0.7}]}],
    }
    (tmp_path / "trajectory.json").write_text(json.dumps(document))
    return {
        "--generator": folder / "generator.safetensors",
        "--vae": folder / "taehv.safetensors",
        "--adapter": folder / "resnet.safetensors",
        "--trajectory": tmp_path / "trajectory.json",
        "--out": tmp_path / "out.mp4",
        "--device": "cpu",
    }


def arguments(command, **changes):
    merged = command | {f"--{key.replace('_', '-')}": value for key, value in changes.items()}
    return [str(part) for key, value in merged.items() if value is not None for part in (key, value)]


def test_command_writes_a_video(command, capsys):
    assert main(arguments(command)) == 0
    frames, fps = read_clip(command["--out"])
    assert frames.shape == (SIZE[2], SIZE[1], SIZE[0], 3)
    assert fps == 12
    assert "9 frames, 64 x 96, 12 frames per second" in capsys.readouterr().out


def test_command_takes_a_start_image_masks_and_a_diffusers_folder(command, folder, tmp_path, capsys):
    Image.fromarray(frames_of(1)[0]).resize((200, 96)).save(tmp_path / "wide.png")
    mask = Image.new("L", SIZE[:2])
    mask.paste(255, (10, 20, 30, 50))
    mask.save(tmp_path / "mask.png")
    options = arguments(
        command,
        generator=folder / "diffusers",
        vae=None,
        image=tmp_path / "wide.png",
        masks=tmp_path / "mask.png",
        prompt="a cat runs",
        steps=2,
    )
    assert main(options) == 0
    assert len(read_clip(command["--out"])[0]) == SIZE[2]
    out = capsys.readouterr().out
    assert "note: wide.png: 200 x 96 pixels are cut to the video's 64 x 96: 34% is lost at left and right each." in out


def test_command_encodes_by_the_full_vae_and_decodes_by_the_small_one(command, folder, monkeypatch):
    from flashmotion_core.codec import vae

    used = []

    def note(kind, part):
        own = getattr(kind, part)

        def noted(self, value):
            used.append((kind.__name__, part))
            return own(self, value)

        monkeypatch.setattr(kind, part, noted)

    for kind in (vae.WanVae, vae.TinyVae):
        for part in ("encode", "decode"):
            note(kind, part)
    changes = {"vae": folder / "diffusers" / "vae", "decoder": folder / "decoder_alone.safetensors"}
    assert main(arguments(command, **changes)) == 0
    assert used == [("WanVae", "encode"), ("TinyVae", "decode")]
    assert read_clip(command["--out"])[0].shape == (SIZE[2], SIZE[1], SIZE[0], 3)


def test_switches_leave_the_command_its_video(command, folder):
    command |= {"--vae": folder / "diffusers" / "vae", "--host": "core"}
    clips = []
    for switches in ([], ["--channels-last", "--attention", "sdpa"]):
        assert main([*arguments(command), *switches]) == 0
        clips.append(read_clip(command["--out"])[0].astype(int))
    # Rounding, then 8 bits, then a lossy file.
    assert abs(clips[0] - clips[1]).mean() < 0.5


def test_eight_bits_change_the_commands_video_a_little(command):
    clips = []
    for switches in ([], ["--fp8", "weights"]):
        assert main([*arguments(command), *switches]) == 0
        clips.append(read_clip(command["--out"])[0].astype(int))
    assert 0 < abs(clips[0] - clips[1]).mean() < 20


def test_switches_that_do_not_go_together_are_one_sentence(command, folder, capsys):
    full, small = folder / "diffusers" / "vae", folder / "taehv.safetensors"
    for changes, switches, message in (
        (
            {},
            ["--attention", "sage"],
            "--attention sage is for the core's transformer, but --host is diffusers; add --host core.",
        ),
        ({}, ["--attention", "fast"], "argument --attention: invalid choice: 'fast'"),
        (
            {"host": "core"},
            ["--attention", "flash3"],
            "--attention: the attention is flash3, but FlashAttention 3 needs an NVIDIA GPU, and the device is cpu; use sdpa.",
        ),
        ({}, ["--channels-last"], "--channels-last is for the full VAE's decoder, but taehv.safetensors decodes"),
        (
            {"vae": full, "decoder": small},
            ["--compile-vae"],
            "--compile-vae is for the full VAE's decoder, but taehv.safetensors decodes; leave it out.",
        ),
        (
            {"vae": folder / "decoder_alone.safetensors"},
            [],
            "--vae is decoder_alone.safetensors, which holds no encoder; give the full VAE as --vae and this file as --decoder.",
        ),
        ({"vae": full, "decoder": full}, [], "but must be a safetensors file of a TAEHV or LightVAE"),
        ({"decoder": "none.safetensors"}, [], "there is no file or folder none.safetensors"),
    ):
        assert main([*arguments(command, **changes), *switches]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


def test_a_device_without_8_bit_products_is_said_with_the_option(command, monkeypatch, capsys):
    from flashmotion_core.acceleration import switches

    monkeypatch.setattr(switches, "products_lacking", lambda device, dtype: "torch has no 8-bit product here")
    assert main([*arguments(command), "--fp8", "products"]) == 2
    assert capsys.readouterr().err == (
        "error: --fp8 products: torch has no 8-bit product here; store the weights alone in 8 bits.\n"
    )


def test_command_says_what_it_does_not_use(command, capsys):
    assert main(arguments(command, prompt="a cat", steps=1)) == 0
    assert "note: this generator was trained without text; the prompt is not used." in capsys.readouterr().out


def test_command_guides_without_an_adapter(command, tmp_path, capsys, monkeypatch):
    pixels = np.random.default_rng(4).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "start.png")
    latents = []

    def watched(*arguments, **options):
        latents.append(sample_latent(*arguments, **options))
        return latents[-1]

    monkeypatch.setattr(pipeline, "sample_latent", watched)
    for changes in ({"follow": 0}, {}, {"hold_object": 1, "hold_background": 1}):
        options = arguments(command, adapter=None, image=tmp_path / "start.png", **changes)
        assert main([*options, "--guide"]) == 0
    assert "names no schedule, so turbo is used" in capsys.readouterr().out
    drawn = GuideClip(pixels, sample_boxes(parse(command["--trajectory"].read_text())))
    wanted = load_vae(command["--vae"], "cpu", torch.float32).encode(drawn.all())
    off, usual, held = (float((latent - wanted).abs().mean()) for latent in latents)
    assert off > usual > 0.1
    assert held < 1e-5
    assert main([*arguments(command, image=tmp_path / "start.png", start=0.25), "--guide"]) == 0  # guide, then adapter
    assert len(read_clip(command["--out"])[0]) == SIZE[2]
    capsys.readouterr()
    for changes, message in (
        ({"adapter": None}, "--guide moves the start image's own objects, but --image is missing"),
        (
            {"image": tmp_path / "start.png", "adapter": None, "strength": 2},
            "--strength is 2.0, but it is for --adapter",
        ),
        ({"image": tmp_path / "start.png", "follow": 2}, "follow is 2.0, but must be from 0 (free) to 1"),
    ):
        assert main([*arguments(command, **changes), "--guide"]) == 2
        assert capsys.readouterr().err.startswith(f"error: {message}")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"generator": "none.safetensors"}, "there is no file or folder none.safetensors"),
        ({"vae": None}, "--vae is missing, and --generator is a single file"),
        ({"out": "out.avi"}, "the output is 'out.avi', but must end in .mp4"),
        ({"seed": -1}, "the seed is -1, but must be from 0 to 2^64 - 2"),
        ({"seed": "x"}, "argument --seed: invalid int value: 'x'; see --help"),
        ({"schedule": "1,2"}, "the sigmas are [1.0, 2.0], but must fall strictly"),
        ({"schedule": "fast"}, "the sigmas are 'fast', but must be numbers"),
        ({"schedule": "1,.5", "steps": 3}, "--steps is 3, but --schedule lists 2 sigmas"),
        ({"steps": 0}, "the number of steps is 0, but must be at least 1"),
        ({"compute_every": 0}, "compute_every is 0, but must be a whole number from 1"),
        ({"end": 2}, "the control's end is 2.0, but must be a fraction"),
        ({"strength": "inf"}, "--strength is inf, but must be a finite number"),
        ({"adapter": None}, "nothing makes the objects follow their boxes; give --adapter FILE, --guide, or both"),
        ({"follow": 0.5}, "--follow is 0.5, but it is for --guide; give --guide too, or leave it out"),
        ({"image": "none.png"}, "there is no file none.png"),
    ],
)
def test_wrong_options_are_one_sentence(command, capsys, changes, message):
    assert main(arguments(command, **changes)) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}")
    assert error.count("\n") == 1
    assert not command["--out"].exists()


def test_wrong_files_are_one_sentence(command, folder, tmp_path, capsys):
    (tmp_path / "odd.json").write_text(command["--trajectory"].read_text().replace("[64, 96]", "[64, 100]"))
    (tmp_path / "broken.json").write_text("{")
    write_generator(tmp_path / "texted.safetensors", text=True)
    for changes, message in (
        ({"trajectory": tmp_path / "odd.json"}, "height is 100, but must be a multiple of 32"),
        ({"trajectory": tmp_path / "broken.json"}, "broken.json: "),
        ({"trajectory": folder / "generator.safetensors"}, "generator.safetensors is not UTF-8 text"),
        ({"adapter": folder / "generator.safetensors"}, "a trajectory adapter was expected"),
        (
            {"generator": tmp_path / "texted.safetensors"},
            "--text-encoder is missing, and this generator was trained with text",
        ),
    ):
        assert main(arguments(command, **changes)) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


def test_help_names_units(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "fraction of the schedule where control begins, 0..1" in text
    assert "at most 512 tokens" in text


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a single process cannot be sent Ctrl+C on Windows")
def test_ctrl_c_ends_with_one_sentence_and_no_file(command, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "flashmotion_core.generate", *arguments(command, schedule="plain", steps=1000)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        seen = b""
        end = time.monotonic() + 180
        while b"denoise" not in seen and time.monotonic() < end:
            seen += process.stderr.read1()
        assert b"denoise" in seen
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=30)[1].decode()
    finally:
        process.kill()
    assert process.returncode == 130
    assert rest.rstrip().endswith("stopped by Ctrl+C; no file was written.")
    assert "Traceback" not in rest
    assert [path.name for path in tmp_path.iterdir()] == ["trajectory.json"]


def test_schedule_choice():
    kept = Schedule("turbo", shift=3.0, sigmas=(1.0, 0.5))
    assert choose_schedule(None, None, kept) == kept
    assert choose_schedule(None, 2, kept) == kept
    assert choose_schedule("plain", None, kept) == Schedule("plain", (1.0, 0.75, 0.5, 0.25), 3.0)
    assert choose_schedule("turbo", 2, kept).sigmas == PRESETS["turbo"](2)
    assert choose_schedule("1, .5", None, kept) == Schedule("custom", (1.0, 0.5), 3.0)
