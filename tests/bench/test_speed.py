"""The benchmark of full size: its arithmetic against published numbers, and a whole run on tiny shapes."""

import json
from functools import partial

import pytest
import torch

from bench import speed
from bench.full_size import models, timing
from bench.full_size.cases import Plan, Setting, full_plan, quick_plan
from bench.full_size.clip_job import STEPS, ClipSize, control_map, decoding, document, encoding, latent_of
from bench.full_size.clock import Clock, is_out_of_memory
from bench.full_size.flops import adapter_flops, codec_flops, generator_flops
from bench.full_size.rows import Recorder, SpeedRow
from bench.full_size.speed_report import markdown, overhead, ratios, share
from bench.full_size.variants import VARIANTS, Variant
from train.plan.meter import Meter

from ..support.memory import traced_peak
from ..support.sentences import refuses

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
LARGE = ClipSize(704, 1280, 121)


# Arithmetic


def test_the_real_shapes_have_the_published_numbers_of_parameters():
    assert models.parameter_counts(models.REAL) == {
        "generator": 4_999_787_712,
        "vae": 704_688_668,
        "small_vae": 11_418_108,
        "resnet": 20_783_744,
        "controlnet": 10_282_783_104 + 589_824 - 4_999_787_712,
        "text": 5_680_910_336,
    }


@pytest.mark.parametrize(
    ("size", "tera"),
    # Counts with one row of modulation per token (3.7 at the largest) less those rows.
    [("704x1280x121", 520.6 - 3.7), ("704x1280x81", 292.9 - 2.4), ("480x832x121", 163.4 - 1.6), ("480x832x49", 55.7 - 0.7)],
)  # fmt: skip
def test_flops_of_one_pass(size, tera):
    clip = ClipSize.parse(size)
    assert generator_flops(models.REAL.generator, clip.latent) / 1e12 == pytest.approx(tera, abs=0.15)


@pytest.mark.parametrize("shapes", [models.TINY, models.REAL], ids=lambda shapes: shapes.name)
def test_the_formulas_count_what_the_modules_do(shapes):
    clip = ClipSize(64, 96, 9)
    generator = models.on_meta("generator", shapes)
    latent = torch.empty(1, *clip.latent, device="meta")
    inputs = (latent, torch.empty(1, 1, device="meta"), torch.empty(1, 512, shapes.generator.text_dim, device="meta"))
    with torch.no_grad(), Meter() as meter:
        generator(*inputs)
    assert meter.flops == generator_flops(shapes.generator, clip.latent)
    for kind in VARIANTS:
        adapter = models.on_meta(kind, shapes)
        with torch.no_grad(), Meter() as meter:
            prepared = adapter.prepare(latent)
        once = meter.flops
        with torch.no_grad(), Meter() as meter:
            state = adapter.begin(prepared, *inputs)
            for index in range(len(adapter.inject_after)):
                adapter.residual(index, state)
        assert (once, meter.flops) == adapter_flops(adapter, clip.latent)


@pytest.mark.parametrize(
    ("kind", "part", "clip", "tera"),
    [
        ("vae", "decode", LARGE, 2011),
        ("vae", "encode", LARGE, 382.6),
        ("vae", "encode", ClipSize(704, 1280, 1), 4.2),
        ("vae", "decode", ClipSize(480, 832, 49), 361.8),
        ("small_vae", "decode", LARGE, 9.8),
    ],
    ids=str,
)
def test_flops_of_the_codecs(kind, part, clip, tera):
    counted = codec_flops(models.REAL, kind, part, clip.width, clip.height, clip.frames)
    assert counted / 1e12 == pytest.approx(tera, rel=5e-3)


def test_a_long_clip_is_counted_from_short_ones():
    direct = models.on_meta("vae", models.TINY)
    with torch.no_grad(), Meter() as meter:
        direct.decode(torch.empty(1, 48, 5, 2, 2, device="meta"))
    assert meter.flops == codec_flops(models.TINY, "vae", "decode", 32, 32, 17)


def test_what_cheaper_controlnets_are_predicted_to_add():
    """Of four steps without an adapter; the counts are of the modules, see above."""
    bare, added = 4 * generator_flops(models.REAL.generator, LARGE.latent), {}
    for name, variant in VARIANTS.items():
        once, each = adapter_flops(models.on_meta(name, models.REAL), LARGE.latent)
        added[name] = (once + variant.computed_steps(4) * each) / bare
    assert added == pytest.approx(
        {
            "resnet": 0.0015,
            "controlnet": 1.0299,
            "controlnet-2nd-step": 0.5150,
            "controlnet-1st-step": 0.2575,
        },
        abs=5e-4,
    )


def test_a_variant_says_in_how_many_steps_it_is_computed():
    assert [Variant("controlnet", compute_every=every).computed_steps(4) for every in (1, 2, 3, 4, 9)] == [
        4,
        2,
        2,
        1,
        1,
    ]


def test_the_share_is_of_the_devices_own_rate():
    assert share(SpeedRow("denoise", "x", seconds=2.0, flops=10), rate=20.0) == 0.25
    assert share(SpeedRow("denoise", "x", seconds=2.0), rate=20.0) is None


# Pieces


def test_a_size_that_is_none_is_named():
    assert str(ClipSize.parse("704x1280x121")) == "704x1280x121"
    for text, key, value in (("704x1280", "the size", "is '704x1280'"), ("700x1280x121", "height", "is 700")):
        with refuses(key=key, value=value):
            ClipSize.parse(text)


def test_weights_are_finite_tied_where_they_should_be_and_of_one_type():
    encoder = models.made("text", models.TINY, CPU, torch.float32)
    assert encoder.shared.weight is encoder.encoder.embed_tokens.weight
    transformer = models.made("diffusers", models.TINY, CPU, torch.bfloat16)
    assert transformer.scale_shift_table.dtype == torch.float32
    assert transformer.proj_out.weight.dtype == torch.bfloat16
    assert all(not value.is_meta and value.isfinite().all() for value in transformer.state_dict().values())


def test_boxes_stand_still_from_where_they_should():
    frames = control_map(ClipSize(64, 96, 17), still_from=0.25)
    assert (frames[5:] == frames[5]).all()
    assert not (frames[3] == frames[5]).all()
    assert len(document(LARGE).objects) == 3


def test_medians_parts_and_patience():
    marks = []
    timing = Clock(CPU, warm_up=2, repeat=3).measure(lambda mark: (marks.append(1), mark()))
    assert len(marks) == 5
    assert len(timing.part_seconds) == 2
    assert timing.seconds >= 0
    assert timing.peak_bytes is None
    assert len(Clock(CPU, 0, 3, patience=-1).measure(lambda _: None).parts) == 0


def test_traced_memory_is_what_the_work_allocates():
    x, layer = torch.randn(1000, 500), torch.nn.Linear(500, 800)
    # The layer's result and what relu makes of it, at once; what was there before does not count.
    with torch.no_grad():
        peak = traced_peak(lambda: torch.relu(layer(x)))
    assert peak == pytest.approx(2 * 1000 * 800 * 4, rel=1e-3)
    assert traced_peak(lambda: None) == 0


def test_what_an_earlier_trace_saw_does_not_count():
    kept = [torch.empty(0)]

    def keep() -> None:
        kept[0] = torch.empty(100_000)

    def let_go() -> None:
        kept.clear()
        torch.empty(50_000)

    assert traced_peak(keep) == 400_000
    assert traced_peak(let_go) == 200_000


def no_mark():
    """Where parts end is not measured."""


def test_a_longer_clip_takes_the_full_vae_no_more_memory():
    vae = models.codecs(models.TINY, CPU, torch.float32)["full"]
    clips = (ClipSize(32, 32, 17), ClipSize(32, 32, 65))
    with torch.no_grad():
        encode = [traced_peak(partial(encoding(vae, control_map(clip)), no_mark)) for clip in clips]
        decode = [traced_peak(partial(decoding(vae, latent_of(clip, CPU)), no_mark)) for clip in clips]
    assert encode[1] < 1.05 * encode[0]
    assert decode[1] < 1.05 * decode[0]


def test_a_full_memory_becomes_a_row_and_the_run_continues():
    said = []
    recorder = Recorder(Clock(CPU, 0, 1), said.append)

    def full():
        raise torch.OutOfMemoryError("CUDA out of memory")

    row = recorder.measure(SpeedRow("denoise", "four steps", "704x1280x121"), full)
    assert row.seconds is None
    assert row.error == "not enough memory on this computer."
    assert "not enough memory" in said[0]
    with recorder.guard([SpeedRow("denoise", "a"), SpeedRow("denoise", "b")]):
        full()
    assert [row.name for row in recorder.rows] == ["four steps", "a", "b"]
    with refuses(RuntimeError, key="illegal memory access"), recorder.guard([]):
        raise RuntimeError("an illegal memory access")
    assert not is_out_of_memory(ValueError("out of memory"))


def test_plans():
    sizes = ("704x1280x121", "480x832x49")
    plan = full_plan(sizes, ("bf16", "fp8"), ("eager",), ("none", "resnet"), ("core",), 3)
    assert [str(clip) for clip in plan.clips] == ["480x832x49", "704x1280x121"]
    assert len(plan.settings) == 4
    assert plan.decoders == ("channels last",)
    more = full_plan(sizes, ("bf16",), ("eager", "compiled"), ("resnet",), ("core", "diffusers"), 3, ("sdpa",))
    assert [
        (s.mode, s.attention) for s in more.settings if s.as_dict().keys() - {"dtype", "mode", "adapter", "host"}
    ] == [
        ("eager", "sdpa"),
        ("compiled", "sdpa"),
    ]
    assert len(more.decoders) == 3
    quick = quick_plan(sizes, ("eager", "compiled"), 3)
    assert [str(clip) for clip in quick.clips] == ["704x1280x121"]
    assert quick.job_settings[0].mode == "compiled"
    assert len(set(quick.settings)) == len(quick.settings)
    assert [s.attention for s in quick_plan(sizes, ("eager",), 3, ("sage",)).settings].count("sage") == 1


def row(adapter, seconds, group="denoise", peak=None, dtype="bf16", mode="eager", **more):
    settings = {"dtype": dtype, "mode": mode, "adapter": adapter, "host": "core", **more}
    return SpeedRow(group, "four steps", "s", settings, seconds, peak_bytes=peak)


def test_ratios():
    found = ratios(
        [
            row("none", 2.0, peak=10),
            row("resnet", 2.2, peak=11),
            row("controlnet", 4.0, peak=20),
            row("resnet", 2.42, dtype="fp8", peak=5),
            row("resnet", 2.42, attention="sdpa"),
            row("resnet", 8.0, group="job", vae="full"),
            row("resnet", 4.0, group="job", vae="small decoder"),
            SpeedRow("parts", "decode", "s", {"vae": "full"}, 10.0),
            SpeedRow("parts", "decode", "s", {"vae": "small"}, 1.0),
            SpeedRow("parts", "decode, channels last", "s", {"vae": "full"}, 9.0),
            SpeedRow("peers", "diffusers", "s", {"vae": "full"}, 20.0),
        ]
    )
    times = {ratio["what"].split(" (")[0]: (ratio["time"], ratio["memory"]) for ratio in found}
    assert times["resnet adapter / none"] == (pytest.approx(1.1), pytest.approx(1.1))
    assert times["controlnet adapter / none"] == (pytest.approx(2), pytest.approx(2))
    assert times["resnet: fp8 / bf16"] == (pytest.approx(1.1), pytest.approx(5 / 11))
    assert times["diffusers / ours"] == (pytest.approx(2.5), None)
    assert times["resnet: sdpa / auto"] == (pytest.approx(1.1), None)
    assert times["picture and boxes to mp4: small decoder / full VAE"] == (pytest.approx(0.5), None)
    assert times["decode, channels last / decode"] == (pytest.approx(0.9), None)
    assert len(times) == 7


def test_what_an_adapter_adds_is_compared_with_the_same_settings_without_one():
    bare, other = row("none", 2.0), row("none", 1.0, dtype="fp8")
    found = row("controlnet", 4.0)
    bare.flops, found.flops = 100, 203
    assert overhead(found, [other, bare, found]) == {"overhead": 1.0, "predicted": pytest.approx(1.03)}
    assert overhead(bare, [other, bare, found]) == {"overhead": None, "predicted": None}
    assert overhead(found, [other, found]) == {"overhead": None, "predicted": None}


# The command


def test_a_whole_run_on_tiny_shapes(tmp_path, capsys):
    assert (
        speed.main(
            ["--quick", "--repeat", "1", "--sizes", "32x64x5", "--out", str(tmp_path / "found"), "--device", "cpu"]
        )
        == 0
    )
    report = json.loads((tmp_path / "found.json").read_text())
    assert report["format"] == 1
    assert report["shapes"] == "tiny"
    assert report["versions"]["torch"]
    assert report["command"].startswith("python bench/speed.py --quick")
    groups = {row["group"] for row in report["rows"]}
    assert groups == {"parts", "denoise", "job", "peers"}
    for found in report["rows"]:
        assert found["error"] is None
        assert found["seconds"] > 0
        if found["group"] == "denoise":
            assert len(found["parts"]) == STEPS
            assert found["share"] == pytest.approx(found["flops"] / found["seconds"] / report["matmul"]["flops"])
            bare = found["settings"]["adapter"] == "none"
            like_bare = [row for row in report["rows"] if row["settings"] == {**found["settings"], "adapter": "none"}]
            assert bare or not like_bare or (found["overhead"] > -1 and found["predicted"] > 0)
            assert not bare or found["overhead"] is None
    adapters = {found["settings"]["adapter"] for found in report["rows"] if found["group"] == "denoise"}
    assert adapters == {"none", *VARIANTS}
    assert {found["settings"]["vae"] for found in report["rows"] if found["group"] == "job"} == {
        "full",
        "small",
        "small decoder",
    }
    assert "decode, channels last" in {found["name"] for found in report["rows"]}
    assert any(ratio["what"].startswith("diffusers, picture to mp4 / ours") for ratio in report["ratios"])
    text = (tmp_path / "found.md").read_text()
    assert text == markdown(report)
    assert "say nothing about the real ones" in text
    assert "tiny shapes" in capsys.readouterr().out


def test_a_device_without_8_bit_products_is_a_row(monkeypatch):
    said = []
    measurement = timing.SpeedMeasurement(models.TINY, CPU, Recorder(Clock(CPU, 0, 1), said.append))
    monkeypatch.setattr(timing, "products_lacking", lambda device, dtype: "this torch has no 8-bit product")
    settings = (Setting("fp8-products", "eager", "resnet", "core"),)
    clips = (ClipSize(32, 64, 5),)
    measurement.denoise(Plan(clips, settings, clips, (), (), 0, 1, 0.0), {})
    assert [found.error for found in measurement.recorder.rows] == ["this torch has no 8-bit product."]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sizes", "700x1280x121"], "height is 700"),
        (["--repeat", "0"], "--repeat is 0"),
        (["--attention", "sdpa", "flash3", "--device", "cpu"], "the attention is flash3, but FlashAttention 3 needs"),
        (["--memory", "12", "--device", "cpu"], "--memory is 12"),
        (["--comfyui", "/nowhere"], "/nowhere is not a ComfyUI folder"),
    ],
)
def test_wrong_options_are_one_sentence(arguments, message, capsys):
    assert speed.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
