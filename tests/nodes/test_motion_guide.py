"""ApplyMotionGuide inside ComfyUI: identities, samplers, batches, windows, adapters, cost, and what it says to bad input."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch

from ..support.sentences import refuses
from .helpers import DOCUMENT, SIZE, Rig, start_picture
from .test_nodes import EMPTY, draw


def guide(rig: Rig, model: Any = None, **changed: Any) -> Any:
    """ApplyMotionGuide's output; without ``model``, on the tiny generator."""
    values = {
        "model": rig.generator if model is None else model,
        "vae": rig.vae,
        "image": start_picture(),
        "trajectory": DOCUMENT,
        "follow": 0.75,
        "hold_object": -1.0,
        "hold_background": -1.0,
        **changed,
    }
    return rig.pack.nodes.ApplyMotionGuide.execute(**values).args[0]


def stock(model: Any, latent: dict[str, Any], sampler: str, cfg: float = 1.0, steps: int = 4) -> torch.Tensor:
    """ComfyUI's own KSampler."""
    import nodes

    prompts = [[[torch.randn(1, 12, 64, generator=torch.Generator().manual_seed(seed)), {}]] for seed in (1, 2)]
    with torch.inference_mode():
        (out,) = nodes.KSampler().sample(model, 3, steps, cfg, sampler, "simple", *prompts, latent, 1.0)
    return out["samples"].clone()  # type: ignore[no-any-return]


def animatic_latent(rig: Rig) -> torch.Tensor:
    """What the VAE makes of MotionAnimatic's frames."""
    frames, _ = rig.pack.nodes.MotionAnimatic.execute(
        image=start_picture(), trajectory=DOCUMENT, mask_shows="objects", first_frame_shapes="boxes"
    ).args
    pieces = sys.modules[f"{rig.pack.__name__}.nodes.control_encoding"]
    encoded: torch.Tensor = pieces.encode(rig.vae, (frames * 255).round().byte())
    return encoded


def test_no_follow_is_the_model_itself(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(rig.vae), "encode", None)
    assert guide(rig, follow=0.0) is rig.generator
    assert guide(rig, follow=1.0, hold_object=0.0, hold_background=0.0) is rig.generator


def test_it_guides_all_but_the_first_frame_and_leaves_nothing_behind(rig: Rig) -> None:
    before = rig.plain
    model = guide(rig)
    out = rig.sample(model)
    assert (out[:, :, 1:] - before[:, :, 1:]).abs().mean() > 0.05
    torch.testing.assert_close(out[:, :, :1], rig.image_latent["samples"][:, :, :1], atol=1e-5, rtol=0)
    assert torch.equal(rig.sample(model), out)
    assert torch.equal(rig.sample(rig.generator), before)
    assert "sampler_post_cfg_function" not in rig.generator.model_options


def test_held_to_the_end_it_is_the_animatic(rig: Rig) -> None:
    out = rig.sample(guide(rig, follow=1.0))
    torch.testing.assert_close(out[:, :, 1:], animatic_latent(rig)[:, :, 1:], atol=1e-4, rtol=1e-4)


def test_levels_win_over_follow_and_masks_are_followed(rig: Rig) -> None:
    usual = rig.sample(guide(rig))
    assert torch.equal(rig.sample(guide(rig, follow=0.0, hold_object=0.75, hold_background=0.5)), usual)
    assert torch.equal(rig.sample(guide(rig, masks=draw(rig)["masks"])), usual)  # filled boxes count as none
    masks = torch.zeros(2, SIZE[1], SIZE[0])
    masks[0, 40:60, 20:50] = 1
    masks[1, 70:85, 96:110] = 1
    assert not torch.allclose(rig.sample(guide(rig, masks=masks)), usual, atol=1e-2)


@pytest.mark.parametrize(("sampler", "cfg"), [("euler", 1.0), ("uni_pc", 4.0), ("lcm", 1.0), ("res_multistep", 4.0)])
def test_stock_samplers_make_no_further_pass(sampler: str, cfg: float, rig: Rig) -> None:
    calls: dict[str, int] = {}
    outs = {}
    for name, model in (("bare", rig.generator.clone()), ("guided", guide(rig, follow=1.0))):

        def count(executor: Any, *args: Any, name: str = name, **kwargs: Any) -> Any:
            calls[name] = calls.get(name, 0) + 1
            return executor(*args, **kwargs)

        model.add_wrapper_with_key("diffusion_model", "test", count)
        outs[name] = stock(model, rig.image_latent, sampler, cfg)
    assert calls["bare"] == calls["guided"] > 0
    bare, guided, wanted = outs["bare"], outs["guided"], animatic_latent(rig)
    assert (guided - wanted)[:, :, 1:].abs().mean() < 0.2 * (bare - wanted)[:, :, 1:].abs().mean()


def test_a_batch_is_guided_as_one_clip_is(rig: Rig) -> None:
    model = guide(rig)
    both = stock(model, rig.latent(start_picture(), batch=2), "euler")
    torch.testing.assert_close(both[:1], stock(model, rig.image_latent, "euler"), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(both[0], both[1])


def test_context_windows_get_the_whole_guide(rig: Rig) -> None:
    from comfy_extras.nodes_context_windows import WanContextWindowsManualNode

    def windowed(model: Any) -> torch.Tensor:
        options = (9, 4, "standard_static", 1, False, "pyramid", False)
        return rig.sample(WanContextWindowsManualNode.execute(model, *options).args[0])

    out = windowed(guide(rig, follow=1.0))
    torch.testing.assert_close(out[:, :, 1:], animatic_latent(rig)[:, :, 1:], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(windowed(guide(rig, follow=0.25)), rig.sample(guide(rig, follow=0.25)), atol=1e-2)


def test_previews_show_the_guided_estimate(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    import latent_preview

    seen: list[torch.Tensor] = []
    real = latent_preview.prepare_callback

    def prepare(model: Any, steps: int) -> Any:
        callback = real(model, steps)

        def watched(step: int, x0: torch.Tensor, x: torch.Tensor, total: int) -> Any:
            seen.append(x0.clone())
            return callback(step, x0, x, total)

        return watched

    model = guide(rig, follow=1.0)
    quiet = rig.sample(model)
    monkeypatch.setattr(latent_preview, "prepare_callback", prepare)
    assert torch.equal(rig.sample(model), quiet)
    assert len(seen) == 4
    shown = rig.generator.get_model_object("latent_format").process_out(seen[0])
    torch.testing.assert_close(shown[:, :, 1:], animatic_latent(rig)[:, :, 1:], atol=1e-4, rtol=1e-4)


def test_guide_and_adapter_in_either_order(rig: Rig) -> None:
    first = rig.sample(rig.apply("resnet", guide(rig, follow=0.25), start=0.25))
    assert torch.equal(rig.sample(guide(rig, rig.apply("resnet", start=0.25), follow=0.25)), first)
    for other in (guide(rig, follow=0.25), rig.apply("resnet", start=0.25)):
        assert not torch.allclose(rig.sample(other), first, atol=1e-2)


def test_two_guides_and_other_packs_functions_are_chained(rig: Rig) -> None:
    model = rig.generator.clone()
    model.set_model_sampler_post_cfg_function(lambda args: args["denoised"] * 0)
    out = rig.sample(guide(rig, guide(rig, model, follow=0.25), follow=1.0))
    torch.testing.assert_close(out[:, :, 1:], animatic_latent(rig)[:, :, 1:], atol=1e-4, rtol=1e-4)


def test_the_clip_is_encoded_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    patch = sys.modules[f"{rig.pack.__name__}.nodes.control_encoding"]
    encoded: list[str] = []
    real = patch.encode

    def counted(vae: Any, frames: Any) -> torch.Tensor:
        encoded.append(str(frames.shape))
        return real(vae, frames)  # type: ignore[no-any-return]

    monkeypatch.setattr(patch, "encode", counted)
    picture = 1 - start_picture()
    rig.sample(guide(rig, image=picture))
    rig.sample(guide(rig, image=picture, follow=0.4))
    assert encoded == ["(17, 96, 128, 3)"]
    guide(rig, image=start_picture().flip(1))
    assert len(encoded) == 2


def test_what_cannot_be_used_is_one_sentence(rig: Rig) -> None:
    with refuses(
        key="trajectory was drawn for 128 x 96 pixels, 17 frames",
        value="the latent being sampled is 128 x 96 pixels, 9 frames",
        remedy="connect width, height and length of DrawTrajectory",
    ):
        rig.sample(guide(rig), rig.latent(frames=9))
    with refuses(key="ApplyMotionGuide: the trajectory", value="no objects", remedy="add one"):
        guide(rig, trajectory=EMPTY)
    with refuses(key="ApplyMotionGuide", value="3 masks for 2 objects", remedy="disconnect them"):
        guide(rig, masks=torch.ones(3, 8, 8))
    with refuses(key="hold_object", value=-0.5, remedy="from 0 to 1"):
        guide(rig, hold_object=-0.5)
    with refuses(key="ApplyMotionGuide's image", value="None", remedy="connect a node"):
        guide(rig, image=None)
