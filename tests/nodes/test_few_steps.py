"""FewStepSampler: as many passes as steps whatever other nodes ask for, presets and their steps, and numbers that are not finite."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch

from flashmotion_core.sampling.schedule import preset_schedule

from ..support.sentences import names, refuses
from .helpers import Rig


def counted(model: Any) -> tuple[Any, list[tuple[list[int], int]]]:
    """A clone of a MODEL that notes each forward pass: what is in its batch, and how large that is."""
    passes: list[tuple[list[int], int]] = []

    def note(executor: Any, *args: Any, **kwargs: Any) -> Any:
        passes.append((list(args[5]["cond_or_uncond"]), len(args[0])))
        return executor(*args, **kwargs)

    clone = model.clone()
    clone.add_wrapper_with_key("diffusion_model", "test", note)
    return clone, passes


def guided(model: Any) -> Any:
    from comfy_extras.nodes_nag import NAGuidance

    return NAGuidance.execute(model, 5.0, 0.5, 1.5).args[0]


def test_a_node_that_disables_the_shortcut_doubles_nothing(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Core's NAGuidance asks for the negative pass that CFG 1 leaves out; there is no negative, as in core's BasicGuider."""
    latent = rig.latent(frames=5)
    plain, few = counted(rig.generator)
    expected = rig.sample(plain, latent)
    patched, many = counted(guided(rig.generator))
    assert patched.model_options["disable_cfg1_optimization"]
    out = rig.sample(patched, latent)
    assert few == many == [([0], 1)] * 4
    assert torch.equal(out, expected)
    names(caplog.text, key="FewStepSampler", value="NAGuidance", remedy="no step is doubled")


def test_it_samples_as_cores_basic_guider(rig: Rig) -> None:
    import comfy.samplers
    from comfy_extras.nodes_custom_sampler import BasicGuider, Noise_RandomNoise, SamplerCustomAdvanced

    model, latent = rig.generator, rig.image_latent
    empty = [[torch.zeros(1, 512, 64), {}]]
    with torch.inference_mode():
        guider = BasicGuider.execute(model, empty).args[0]
        sigmas = torch.tensor([*preset_schedule("turbo").sigmas, 0.0])
        lcm = comfy.samplers.sampler_object("lcm")
        core = SamplerCustomAdvanced.execute(Noise_RandomNoise(11), guider, lcm, sigmas, latent).args[0]["samples"]
    assert torch.equal(rig.sample(model, latent), core)


@pytest.mark.parametrize(
    ("changed", "sigmas", "said"),
    [
        ({"preset": "fastwan", "steps": 0}, (1.0, 0.757, 0.522), ""),
        ({"preset": "fastwan", "steps": 3}, (1.0, 0.757, 0.522), ""),
        ({"preset": "fastwan", "steps": 4}, (1.0, 0.757, 0.522), "steps = 4 is not used"),
        ({"preset": "turbo", "steps": 0}, (1.0, 0.9375, 5 / 6, 0.625), ""),
        ({"preset": "from model", "steps": 0}, (1.0, 0.9375, 5 / 6, 0.625), ""),
        ({"preset": "from model", "steps": 2}, (1.0, 5 / 6), "2 steps"),
    ],
)
def test_steps_follow_the_preset(
    changed: dict[str, Any], sigmas: tuple[float, ...], said: str, rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    latent = rig.latent(frames=5)
    model, passes = counted(rig.generator)
    custom = ", ".join(map(str, sigmas))
    expected = rig.sample(rig.generator, latent, preset="custom", custom_sigmas=custom)
    caplog.clear()
    assert torch.equal(rig.sample(model, latent, **changed), expected)
    assert len(passes) == len(sigmas)
    assert said in caplog.text
    if not said and changed["preset"] == "from model":
        assert "FewStepSampler" not in caplog.text


def test_a_generator_with_fastwans_schedule_runs_three_steps_in_an_old_workflow(rig: Rig) -> None:
    """Saved workflows say steps 4."""
    model, passes = counted(rig.load(schedule="fastwan"))
    rig.sample(model, rig.latent(frames=5), preset="from model", steps=4)
    assert len(passes) == 3


def test_a_model_of_another_loader_takes_the_adapters_schedule(rig: Rig) -> None:
    """ComfyUI-GGUF's loader gives a MODEL without a schedule; the adapter brings one, and without it the error says turbo."""
    import comfy.sd

    other = comfy.sd.load_diffusion_model(str(rig.tiny["generator"]))
    rig.pack.nodes.attachments.attach_needs_text(other, False)
    with refuses(key="model", value="no schedule", remedy="choose the preset turbo or fastwan"):
        rig.sample(other)
    assert torch.isfinite(rig.sample(rig.apply("resnet", other))).all()


@pytest.mark.parametrize("text", ["nan", "1, nan", "inf, 1", "1, -inf"])
def test_sigmas_that_are_not_finite_are_refused(text: str, rig: Rig) -> None:
    with refuses(key="sigmas", value=text.split(", ")[-1].split("-")[-1], remedy="fall strictly"):
        rig.sample(rig.generator, rig.latent(frames=5), preset="custom", custom_sigmas=text)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_latent_that_is_not_finite_is_refused(bad: float, rig: Rig) -> None:
    latent = rig.latent(frames=5)
    samples = latent["samples"].clone()
    samples[0, 3, 0, 0, :2] = bad
    with refuses(key="latent", value="2 of", remedy="check the start image and the VAE"):
        rig.sample(rig.generator, {**latent, "samples": samples})


def test_a_clip_that_comes_out_not_finite_is_refused(rig: Rig) -> None:
    latent = rig.latent(frames=5)

    def broken(executor: Any, *args: Any, **kwargs: Any) -> Any:
        return executor(*args, **kwargs) * float("nan")

    model = rig.generator.clone()
    model.add_wrapper_with_key("diffusion_model", "test", broken)
    with refuses(key="latent came out", value="NaN or infinite", remedy="try weight_dtype default"):
        rig.sample(model, latent)


def test_broken_weights_are_named(rig: Rig) -> None:
    from safetensors.torch import save_file

    from flashmotion_core.files.weights import read_tensors

    tensors, metadata = read_tensors(rig.tiny["generator"])
    tensors["blocks.1.ffn.0.weight"] = torch.full_like(tensors["blocks.1.ffn.0.weight"], torch.nan)
    save_file(tensors, rig.tiny["generator"].with_name("nan.safetensors"), metadata)
    with refuses(key="FewStepSampler", value="blocks.1.ffn.0.weight", remedy="download the file again"):
        rig.sample(rig.load(generator_name="nan.safetensors"), rig.latent(frames=5))


def test_no_log_line_is_written_for_the_usual_run(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        rig.sample(rig.generator, rig.latent(frames=5))
    assert caplog.text == ""
