"""`python -m flashmotion_core.generate` with tiny random models that the tests make."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from flashmotion_core.cli.generate import main
from flashmotion_core.cli.generate_inputs import choose_schedule
from flashmotion_core.codec.vae import load_vae
from flashmotion_core.generation import pipeline
from flashmotion_core.generation.pipeline import sample_latent
from flashmotion_core.guide.guide_clip import GuideClip
from flashmotion_core.sampling.schedule import PRESETS, Schedule
from flashmotion_core.trajectory import parse
from flashmotion_core.trajectory import sample as sample_boxes

from ...support.clips import read_clip
from ...support.headless_models import SIZE, frames_of, write_generator

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def folder(headless_models):
    return headless_models


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
        ({"vae": folder / "generator.safetensors"}, [], "--vae is generator.safetensors, which is a Wan generator"),
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


def test_schedule_choice():
    kept = Schedule("turbo", shift=3.0, sigmas=(1.0, 0.5))
    assert choose_schedule(None, None, kept) == kept
    assert choose_schedule(None, 2, kept) == kept
    assert choose_schedule("plain", None, kept) == Schedule("plain", (1.0, 0.75, 0.5, 0.25), 3.0)
    assert choose_schedule("turbo", 2, kept).sigmas == PRESETS["turbo"](2)
    assert choose_schedule("1, .5", None, kept) == Schedule("custom", (1.0, 0.5), 3.0)
