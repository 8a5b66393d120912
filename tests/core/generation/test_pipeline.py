"""Headless generation with tiny random models that the tests make: loading, sampling with adapters."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from flashmotion_core.adapters import ControlNetAdapter, ResNetAdapter
from flashmotion_core.codec.vae import load_vae
from flashmotion_core.generation.adapter_control import Control
from flashmotion_core.generation.loading import load_generator
from flashmotion_core.generation.pipeline import sample_latent
from flashmotion_core.generation.text_encoder import TextEncoder, encode_text, no_text
from flashmotion_core.sampling.schedule import PRESETS, Schedule
from flashmotion_core.wan.conditioning import LATENT_MEAN, LATENT_STD
from flashmotion_core.wan.config import generator_shapes
from flashmotion_core.wan.keys import to_diffusers

from ...support.headless_models import (
    SHAPE,
    SIZE,
    TINY,
    frames_of,
    random_adapter,
    random_weights,
    write_diffusers_folder,
    write_generator,
)
from ...support.sentences import refuses


@pytest.fixture(scope="module")
def folder(headless_models):
    return headless_models


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
