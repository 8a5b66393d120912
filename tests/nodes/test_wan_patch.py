"""The hook into ComfyUI's Wan model: identities, batches, chains, types and sizes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from flashmotion_core.sampling.schedule import Schedule

from ..support.sentences import refuses
from .helpers import DOCUMENT, SIZE, Rig, narrow_wan_vae, start_picture

BOTH = pytest.mark.parametrize("kind", ["resnet", "controlnet"])


def conditioning(seed: int, tokens: int = 12, width: int = 64) -> list[list[Any]]:
    return [[torch.randn(1, tokens, width, generator=torch.Generator().manual_seed(seed)), {}]]


def stock(
    model: Any, latent: dict[str, Any], cfg: float, negative_tokens: int = 12, steps: int = 2, seed: int = 3
) -> torch.Tensor:
    """ComfyUI's own KSampler."""
    import nodes

    with torch.inference_mode():
        (out,) = nodes.KSampler().sample(
            model, seed, steps, cfg, "euler", "simple", conditioning(1), conditioning(2, negative_tokens), latent, 1.0
        )
    return out["samples"].clone()  # type: ignore[no-any-return]


@BOTH
def test_control_changes_the_video_but_not_its_first_frame(kind: str, rig: Rig) -> None:
    plain = rig.plain
    out = rig.sample(rig.apply(kind))
    assert (out[:, :, 1:] - plain[:, :, 1:]).abs().mean() > 0.05
    torch.testing.assert_close(out[:, :, :1], rig.image_latent["samples"][:, :, :1], atol=1e-5, rtol=0)


@BOTH
@pytest.mark.parametrize(
    "changed", [{"strength": 0.0}, {"start": 0.5, "end": 0.5}, {"start": 0.9, "end": 1.0}], ids=str
)
def test_no_control_is_bit_identical(kind: str, changed: dict[str, float], rig: Rig) -> None:
    # .9 to 1: no step of four starts there.
    plain = rig.plain  # sampled before anything is applied
    assert torch.equal(rig.sample(rig.apply(kind, **changed)), plain)


@BOTH
def test_the_model_given_in_stays_as_it_was(kind: str, rig: Rig) -> None:
    before = rig.plain
    rig.sample(rig.apply(kind))
    assert torch.equal(rig.sample(rig.generator), before)


@BOTH
def test_range_counts_in_steps(kind: str, rig: Rig) -> None:
    """Control in the first step only equals control from step 0 to a quarter of the schedule, and nothing else."""
    outs = [rig.sample(rig.apply(kind, start=start, end=end)) for start, end in ((0.0, 0.25), (0.0, 0.2), (0.25, 0.5))]
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])


@BOTH
def test_positive_and_negative_in_one_batch_or_one_by_one(kind: str, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stock KSampler at CFG 4 gives the same whether ComfyUI batches both passes or, short of memory, splits them."""
    controlled = rig.apply(kind)
    passes: list[list[int]] = []

    def count(executor: Any, *args: Any, **kwargs: Any) -> Any:
        passes.append(args[5]["cond_or_uncond"])
        return executor(*args, **kwargs)

    controlled.add_wrapper_with_key("diffusion_model", "test", count)
    together = stock(controlled, rig.image_latent, cfg=4.0)
    monkeypatch.setattr(type(controlled), "get_free_memory", lambda *_: 0)
    split = stock(controlled, rig.image_latent, cfg=4.0)
    assert passes[:2] == [[1, 0]] * 2
    assert sorted(passes[2:]) == [[0], [0], [1], [1]]
    torch.testing.assert_close(split, together, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(together, stock(rig.generator, rig.image_latent, cfg=4.0), atol=1e-2)


@BOTH
def test_batch_of_two_and_prompts_of_two_lengths(kind: str, rig: Rig) -> None:
    controlled = rig.apply(kind)
    out = stock(controlled, rig.latent(start_picture(), batch=2), cfg=4.0, negative_tokens=7)
    one = stock(controlled, rig.latent(start_picture()), cfg=4.0, negative_tokens=7)
    torch.testing.assert_close(out[:1], one, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(out[0], out[1])


def levels_of(controlled: Any, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Collects the timesteps at which the adapter is computed."""
    adapter = controlled.get_additional_models()[0].model
    found: list[float] = []
    begin = adapter.begin

    def counted(*arguments: Any) -> Any:
        found.append(float(arguments[2].max()))
        return begin(*arguments)

    monkeypatch.setattr(adapter, "begin", counted)
    return found


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, [1000, 937.5, 833.333, 625]),
        ({"compute_every": 2}, [1000, 833.333]),
        ({"compute_every": 4}, [1000]),
        ({"compute_every": 2, "start": 0.25}, [937.5, 625]),
    ],
    ids=str,
)
def test_a_controlnet_is_computed_in_the_steps_that_compute_every_names(
    changed: dict[str, Any], expected: list[float], rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    controlled = rig.apply("controlnet", **changed)
    computed = levels_of(controlled, monkeypatch)
    first = rig.sample(controlled)
    assert computed == pytest.approx(expected, abs=0.1)
    hook = controlled.wrappers["diffusion_model"]["flashmotion"][0].__self__
    assert not hook.adapter._kept
    computed.clear()
    assert torch.equal(rig.sample(controlled), first)  # a further run starts from scratch
    assert computed == pytest.approx(expected, abs=0.1)


def test_a_resnet_gives_the_same_whatever_compute_every_says(rig: Rig) -> None:
    assert torch.equal(rig.sample(rig.apply("resnet", compute_every=4)), rig.sample(rig.apply("resnet")))


def test_positive_and_negative_are_kept_apart(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one batch or one by one: what a computed step gave to one prompt never goes to the other."""
    steps = 4
    controlled = rig.apply("controlnet", compute_every=2)
    computed = levels_of(controlled, monkeypatch)
    together = stock(controlled, rig.image_latent, cfg=4.0, steps=steps)
    assert len(computed) == steps // 2
    computed.clear()
    monkeypatch.setattr(type(controlled), "get_free_memory", lambda *_: 0)
    split = stock(controlled, rig.image_latent, cfg=4.0, steps=steps)
    assert len(computed) == steps
    torch.testing.assert_close(split, together, atol=1e-4, rtol=1e-4)


def test_windows_of_frames_are_kept_apart(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    from comfy_extras.nodes_context_windows import WanContextWindowsManualNode

    controlled = rig.apply("controlnet", compute_every=2)
    computed = levels_of(controlled, monkeypatch)
    model = WanContextWindowsManualNode.execute(controlled, 9, 4, "standard_static", 1, False, "pyramid", False).args[0]
    out = rig.sample(model)
    assert torch.isfinite(out).all()
    windows = len(computed) // 2
    assert windows > 1
    assert computed == pytest.approx([1000] * windows + [833.333] * windows, abs=0.1)


def test_stacked_adapters_both_count(rig: Rig) -> None:
    once = rig.apply("resnet", strength=0.5)
    twice = rig.apply("resnet", once, strength=0.5)
    whole = rig.sample(rig.apply("resnet", strength=1.0))
    torch.testing.assert_close(rig.sample(twice), whole, atol=1e-3, rtol=1e-3)
    mixed = rig.sample(rig.apply("controlnet", once))
    assert not torch.allclose(mixed, whole, atol=1e-2)


def test_other_packs_patches_are_chained(rig: Rig) -> None:
    calls: list[str] = []

    def replace(args: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
        calls.append("replace")
        out: dict[str, Any] = extra["original_block"](args)
        return {**out, "img": out["img"] * 0.5}

    def attention(options: dict[str, Any]) -> Any:
        calls.append("attention")
        return options["x"]

    theirs = rig.generator.clone()
    theirs.set_model_patch_replace(replace, "dit", "double_block", 1)
    theirs.set_model_patch(attention, "attn2_patch")
    before = rig.apply("resnet", theirs)
    after = rig.apply("resnet")
    after.set_model_patch_replace(replace, "dit", "double_block", 1)
    after.set_model_patch(attention, "attn2_patch")
    outs = [rig.sample(patched) for patched in (before, after)]
    assert torch.equal(outs[0], outs[1])
    assert calls.count("replace") == 8
    assert calls.count("attention") == 2 * 4 * len(rig.generator.model.diffusion_model.blocks)
    assert not torch.allclose(outs[0], rig.sample(theirs), atol=1e-2)


@BOTH
@pytest.mark.parametrize("weight_dtype", ["fp8_e4m3fn", "fp8_e5m2"])
def test_fp8_weights(kind: str, weight_dtype: str, rig: Rig) -> None:
    out = rig.sample(rig.apply(kind, rig.load(weight_dtype=weight_dtype)))
    assert torch.isfinite(out).all()
    assert not torch.allclose(out, rig.plain, atol=1e-2)


@BOTH
def test_an_adapter_stored_in_bf16(kind: str, rig: Rig) -> None:
    from flashmotion_core.cli.convert_file import convert

    half = rig.tiny[kind].with_name(f"{kind}_bf16.safetensors")
    convert(rig.tiny[kind], half, dtype=torch.bfloat16)
    full = rig.sample(rig.apply(kind))
    out = rig.sample(rig.apply(kind, adapter_name=half.name))
    assert not torch.equal(out, full)
    assert (out - full).abs().mean() < 0.1 * full.abs().mean()


@BOTH
def test_a_generator_that_computes_in_bf16(kind: str, rig: Rig) -> None:
    import comfy.sd

    half = comfy.sd.load_diffusion_model(str(rig.tiny["generator"]), model_options={"dtype": torch.bfloat16})
    half.model.manual_cast_dtype = None
    rig.pack.nodes.attachments.attach_needs_text(half, False)
    out = rig.sample(rig.apply(kind, half), preset="turbo")
    full = rig.sample(rig.apply(kind))
    assert half.model.get_dtype_inference() == torch.bfloat16
    assert (out - full).abs().mean() < 0.1 * full.abs().mean()


@BOTH
def test_an_adapter_that_is_only_partly_on_the_device(kind: str, rig: Rig) -> None:
    """What --lowvram and --novram do: weights stay behind and are cast when a layer runs."""
    import comfy.model_management

    controlled = rig.apply(kind)
    whole = rig.sample(controlled)
    comfy.model_management.unload_all_models()
    patcher = controlled.get_additional_models()[0]
    patcher.load(torch.device("cpu"), lowvram_model_memory=1000)
    left = [name for name, module in patcher.model.named_modules() if getattr(module, "comfy_cast_weights", False)]
    assert left
    assert torch.equal(rig.sample(controlled), whole)


def test_the_adapter_is_loaded_and_released_with_the_model(rig: Rig) -> None:
    import comfy.model_management

    controlled = rig.apply("resnet")
    patcher = controlled.get_additional_models()[0]
    comfy.model_management.unload_all_models()
    rig.sample(controlled)
    assert patcher.model in [
        loaded.model.model for loaded in comfy.model_management.current_loaded_models if loaded.model
    ]
    hook = next(wrapper.__self__ for wrapper in controlled.wrappers["diffusion_model"]["flashmotion"])
    assert hook._prepared == {}
    comfy.model_management.unload_all_models()
    assert not comfy.model_management.current_loaded_models


def test_features_are_computed_once_per_run_and_freed_after_an_error(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    controlled = rig.apply("resnet")
    adapter = controlled.get_additional_models()[0].model
    calls: list[int] = []
    real = adapter.prepare
    monkeypatch.setattr(adapter, "prepare", lambda control: calls.append(1) or real(control))
    rig.sample(controlled)
    assert len(calls) == 1

    def fail(*_: Any) -> None:
        raise RuntimeError("stop")

    monkeypatch.setattr(adapter, "residual", fail)
    with pytest.raises(RuntimeError) as raised:
        rig.sample(controlled)
    assert str(raised.value) == "stop"
    hook = controlled.wrappers["diffusion_model"]["flashmotion"][0].__self__
    assert hook._prepared == {}


@BOTH
def test_sliding_context_windows(kind: str, rig: Rig) -> None:
    from comfy_extras.nodes_context_windows import WanContextWindowsManualNode

    out, bare = (
        rig.sample(
            WanContextWindowsManualNode.execute(model, 9, 4, "standard_static", 1, False, "pyramid", False).args[0]
        )
        for model in (rig.apply(kind), rig.generator)
    )
    assert torch.isfinite(out).all()
    assert (out[:, :, 1:] - bare[:, :, 1:]).abs().mean() > 0.05


@BOTH
def test_a_latent_of_another_size_is_refused(kind: str, rig: Rig) -> None:
    controlled, latent = rig.apply(kind), rig.latent(frames=9)
    with refuses(
        key="trajectory was drawn for 128 x 96 pixels, 17 frames",
        value="the latent being sampled is 128 x 96 pixels, 9 frames",
        remedy="connect width, height and length of DrawTrajectory",
    ):
        rig.sample(controlled, latent)


def test_a_lora_loads_on_top(rig: Rig) -> None:
    import comfy.sd

    generator = torch.Generator().manual_seed(1)
    lora = {
        f"diffusion_model.blocks.0.self_attn.q.lora_{side}.weight": torch.randn(shape, generator=generator)
        for side, shape in (("A", (4, 128)), ("B", (128, 4)))
    }
    controlled = rig.apply("resnet")
    with_lora, _ = comfy.sd.load_lora_for_models(controlled, None, lora, 1.0, 0.0)
    assert not torch.allclose(rig.sample(with_lora), rig.sample(controlled), atol=1e-3)
    assert rig.pack.nodes.attachments.attached_schedule(with_lora).name == "turbo"


def test_another_architecture_is_refused(rig: Rig) -> None:
    import comfy.sd

    from flashmotion_core.wan.config import WanConfig, generator_shapes

    shapes = generator_shapes(
        WanConfig(dim=128, ffn_dim=128, num_heads=1, num_layers=1, in_channels=16, out_channels=16)
    )
    wan21 = comfy.sd.load_diffusion_model_state_dict({key: torch.zeros(shape) for key, shape in shapes.items()})
    with refuses(key="model", value="WAN21", remedy="load it with LoadFastGenerator"):
        rig.apply("resnet", wan21)


@BOTH
def test_the_wan_vae_groups_frames_as_the_map_means_them(kind: str, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 + 4 + 4 ... without copies in front: the first latent frame is that of the first picture alone."""
    vae = narrow_wan_vae(monkeypatch)
    control_map = torch.randint(0, 256, (17, SIZE[1], SIZE[0], 3), dtype=torch.uint8)
    encode = rig.pack.nodes.control_encoding.encode_control
    whole, first = encode(vae, rig.generator, control_map), encode(vae, rig.generator, control_map[:1])
    assert whole.shape == (1, 48, 5, SIZE[1] // 16, SIZE[0] // 16)
    torch.testing.assert_close(whole[:, :, :1], first)
    plain = rig.plain
    assert not torch.allclose(rig.sample(rig.apply(kind, vae=vae)), plain, atol=1e-2)


def test_the_tiny_vae_groups_a_clip_like_the_wan_vae(rig: Rig) -> None:
    """With a TAEHV the map gets three copies in front: its first latent frame is that of the first picture alone, too."""
    control_map = torch.randint(0, 256, (17, SIZE[1], SIZE[0], 3), dtype=torch.uint8)
    encode = rig.pack.nodes.control_encoding.encode_control
    whole, first = encode(rig.vae, rig.generator, control_map), encode(rig.vae, rig.generator, control_map[:1])
    assert whole.shape == (1, 48, 5, SIZE[1] // 16, SIZE[0] // 16)
    torch.testing.assert_close(whole[:, :, :1], first, atol=1e-4, rtol=1e-4)


def test_another_vae_is_refused(rig: Rig) -> None:
    class Other:
        latent_channels = 16
        first_stage_model = torch.nn.Identity()

        def encode(self, pixels: torch.Tensor) -> torch.Tensor:
            raise AssertionError("nothing is encoded")

    with refuses(key="VAE", value="16 latent channels, but 48", remedy="load the Wan 2.2 VAE"):
        rig.apply("resnet", vae=Other())


def test_masks_shape_the_first_frame(rig: Rig) -> None:
    masks = torch.zeros(2, SIZE[1], SIZE[0])
    masks[:, 30:60, 20:50] = 1
    boxes = rig.sample(rig.apply("resnet"))
    shaped = rig.sample(rig.apply("resnet", masks=masks))
    assert not torch.equal(boxes, shaped)
    # Of a larger picture, with a channel of their own: fitted as every node fits them.
    larger = masks.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)[..., None]
    torch.testing.assert_close(rig.sample(rig.apply("resnet", masks=larger)), shaped)


@pytest.mark.parametrize(
    ("changed", "key", "value", "remedy"),
    [
        ({"trajectory": ""}, "trajectory", "empty", "draw a box in the editor"),
        ({"trajectory": "{"}, "trajectory", "not valid JSON", "paste the whole document again"),
        ({"trajectory": '{"version": 1, "size": [128, 96], "frames": 17}'}, "trajectory", "no objects", "add one"),
        ({"trajectory": DOCUMENT.replace("[128, 96]", "[120, 96]")}, "width", 120, "use 96 or 128"),
        ({"trajectory": DOCUMENT.replace('"frames": 17', '"frames": 18')}, "frame count", 18, "use 17 or 21"),
        ({"start": 0.7, "end": 0.2}, "start", "is 0.7 and end is 0.2", "lower start or raise end"),
        ({"compute_every": 0}, "compute_every", 0, "a whole number from 1"),
        (
            {"masks": torch.zeros(3, 96, 128)},
            "ApplyFastAdapter",
            "3 masks for 2 objects",
            "connect one mask per object",
        ),
    ],
)
def test_bad_input_of_apply(changed: dict[str, Any], key: str, value: object, remedy: str, rig: Rig) -> None:
    with refuses(key=key, value=value, remedy=remedy):
        rig.apply("resnet", **changed)


def test_an_adapter_of_another_generator_is_mentioned(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    from flashmotion_core.adapters import read_adapter
    from flashmotion_core.files.weights import read_tensors, save_whole

    rig.apply("resnet")
    assert "another generator" not in caplog.text
    tensors, metadata = read_tensors(rig.tiny["resnet"])
    other = rig.tiny["resnet"].with_name("other.safetensors")
    save_whole(
        other,
        tensors,
        {
            **metadata,
            "flashmotion.base": "0" * 16,
            "flashmotion.schedule": Schedule("plain", (1.0, 0.5), 5.0).to_json(),
        },
    )
    assert read_adapter(other).base_fingerprint == "0" * 16
    rig.apply("resnet", adapter_name=other.name)
    assert "other.safetensors was trained on another generator (0000000000000000)" in caplog.text
    assert "the generator's are used" in caplog.text


def test_the_adapters_schedule_serves_a_generator_without_one(rig: Rig) -> None:
    from flashmotion_core.files.weights import read_tensors, save_whole

    tensors, metadata = read_tensors(rig.tiny["generator"])
    bare = rig.tiny["generator"].with_name("bare.safetensors")
    save_whole(bare, tensors, {key: value for key, value in metadata.items() if key != "flashmotion.schedule"})
    model = rig.load(generator_name=bare.name)
    assert rig.pack.nodes.attachments.attached_schedule(model).name == "turbo"
    tensors, metadata = read_tensors(rig.tiny["resnet"])
    plain = rig.tiny["resnet"].with_name("plain.safetensors")
    save_whole(
        plain, tensors, {**metadata, "flashmotion.schedule": Schedule("plain", (1.0, 0.75, 0.5, 0.25), 5.0).to_json()}
    )
    controlled = rig.apply("resnet", model, adapter_name=plain.name)
    assert rig.pack.nodes.attachments.attached_schedule(controlled).sigmas == (1.0, 0.75, 0.5, 0.25)
