"""The plan of the 5B against figures that are known of it, what ranks share, and how a plan is printed."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from flashmotion_core.wan.conditioning import latent_shape
from flashmotion_core.wan.config import TI2V_5B
from flashmotion_core.wan.generator import WanGenerator
from train.config.load import load, parse
from train.errors import TrainError
from train.monitor.console import Console
from train.parallel import World
from train.plan.around import around
from train.plan.codec_costs import CodecCosts, codec_costs
from train.plan.device import Imitation
from train.plan.figures import PhasePlan
from train.plan.gpus import find_gpu
from train.plan.meter import Meter
from train.plan.plan import static_plans
from train.plan.show import show_plan
from train.plan.table import knobs
from train.run_folder.run import Run

from ...support.sentences import refuses

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]


def test_a_look_at_the_5b_takes_what_is_known_of_it() -> None:
    with torch.device("meta"):
        generator = WanGenerator(TI2V_5B).requires_grad_(False)
        latent, context = torch.empty(1, *latent_shape(1280, 704, 121)), torch.empty(1, 512, 4096)
        timestep = torch.empty(1, latent.shape[2])
    meter = Meter()
    with meter, Imitation(meter, "cuda"):
        assert generator(latent, timestep, context).shape == latent.shape
    assert sum(parameter.numel() for parameter in generator.parameters()) == 4_999_787_712
    assert meter.flops == pytest.approx(520.6e12, rel=0.02)


PLAN_5B = """
import resource
from flashmotion_core.wan.config import TI2V_5B
from flashmotion_core.wan.generator import WanGenerator
from train.config.load import parse
from train.plan.plan import plan
config = parse({"name": "x", "models": {"generator": "g", "vae": "v", "text_encoder": "t", "fast_generator": "f"}, "stage3": {"method": "none"}})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
(found,) = plan(config, TI2V_5B, TI2V_5B, ranks=1, device="cuda")
print(found.sum.frozen, found.peak, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory in KiB")
def test_planning_the_5b_takes_no_memory() -> None:
    done = subprocess.run([sys.executable, "-c", PLAN_5B], cwd=ROOT, capture_output=True, text=True, check=True)
    frozen, peak, grown_mb = map(int, done.stdout.split())
    assert frozen == 4_999_787_712
    assert peak > 20e9
    assert grown_mb < 300


def test_ranks_share_what_stays() -> None:
    config = parse({"name": "shared", "models": {"sizes": {"dim": 64, "num_layers": 3}}})
    sizes = config.models.sizes.config()
    alone, shared = (next(static_plans(config, sizes, sizes, ranks=ranks, device="cuda")) for ranks in (1, 2))
    assert shared.sum.static == pytest.approx(alone.sum.static / 2, abs=8)
    assert shared.sum.trained == alone.sum.trained


def test_stage_2_leaves_room_on_an_h200() -> None:
    plans = {found.name: found for found in static_plans(load("h200"), TI2V_5B, TI2V_5B, ranks=1, device="cuda")}
    assert plans["stage2"].sum.gradients == pytest.approx(
        20e9, rel=0.01
    )  # of two generators, of which one at a time is there
    assert plans["stage2"].peak < 116e9, "activations take 8 GB more"


def test_an_unknown_gpu_is_named_with_its_neighbour() -> None:
    assert find_gpu("rtx 4090").name == "4090"
    with refuses(TrainError, key="--gpu", value="'H201'", remedy="did you mean H20"):
        find_gpu("H201")
    with refuses(TrainError, key="--gpu", value="'A100'", remedy="did you mean A100-80G or A100-40G"):
        find_gpu("A100")


def test_a_plan_needs_no_weights_and_no_clips(tmp_path: Path) -> None:
    missing = {key: f"nowhere/{key}" for key in ("generator", "fast_generator", "vae", "text_encoder")}
    phase = {"steps": 8, "global_batch": 16, "validate_every": 4}
    values = {
        "name": "nothing",
        "machine": {"gpu": "H100", "gpus": 8, "nodes": 2},
        "data": {"size": [64, 64], "frames": 5, "train": {"kind": "videos", "folder": "nowhere/clips"}},
        "models": {**missing, "adapters": [{"kind": "resnet", "start": "nowhere/adapter"}]},
        "stage1": phase,
        "stage3": {"method": "none"},
        "evaluate": {"clips": 4, "slow_steps": 10, "guidance_scale": 5},
    }
    run = Run(parse(values), tmp_path / "run", World(0, 1, 0, torch.device("cpu")), Console(text := io.StringIO()))
    show_plan(run)
    said = text.getvalue()
    assert "models.generator: there is no nowhere/generator yet; planned with the sizes of Wan2.2-TI2V-5B." in said
    assert "data.train: there is no nowhere/clips yet" in said
    assert "plan for 2 machines with 8 x H100 with 80 GB" in said
    assert all(f"\n  {part} " in said for part in ("data", "pictures", "evaluate"))
    with refuses(TrainError, key="stage1.global_batch is 16", value="3 ranks", remedy="use 18"):
        show_plan(run, "h100", 3, 1)


def test_what_is_around_training_is_counted() -> None:
    """By hand: 3 encodings and a prompt per clip; 2 x 2 pictures in 20 steps with guidance; 6 rows of 4 clips, 4 more to time each but one."""
    settings = {"generator": "g", "fast_generator": "f", "vae": "v", "text_encoder": "t"}
    values = {"models": settings, "stage1": {"steps": 8, "validate_every": 4}, "stage3": {"method": "none"}}
    config = parse({"name": "x", **values, "evaluate": {"clips": 4, "slow_steps": 10, "guidance_scale": 5}})
    plans = [PhasePlan("stage1_resnet", 8, {}, 0, 0, look_flops=1e15)]
    data, pictures, evaluation = around(config, plans, 100, 4096, 2)
    assert data.flops == pytest.approx(100 * (3 * 382.6e12 + 4.8e12) / 2)
    assert pictures.flops == pytest.approx(2 * 2 * (20 * 2 * 1e15 + 2011e12))
    sampled = 8 * (10 * 2 + 4 * 2 + 4 + 4 + 4) * 1e15 + 4 * 4 * 1e15
    coded = 7 * 4 * 2011e12 + 4 * 382.6e12
    assert evaluation.flops == pytest.approx((sampled + coded) / 2)
    # A row more for each rhythm of a ControlNet, and all of it for each set.
    values["models"] = {**settings, "adapters": [{"kind": "controlnet"}]}
    evaluate = {"clips": 4, "slow_steps": 10, "guidance_scale": 5, "compute_every": [2, 3]}
    config = parse({"name": "x", **values, "evaluate": {**evaluate, "sets": [{"seed": 1}, {"seed": 2}]}})
    plans = [PhasePlan("stage1_controlnet", 8, {}, 0, 0, look_flops=1e15)]
    evaluation = around(config, plans, 100, 4096, 1)[2]
    assert evaluation.flops == pytest.approx(2 * (sampled + coded + 2 * (8 * 4 * 1e15 + 4 * 2011e12)))


def test_a_given_codec_counts_as_what_it_is(tmp_path: Path) -> None:
    """The tiny codec as a two-hundredth of the VAE of Wan 2.2, not as that; and a pruned one by its weights."""
    tiny = codec_costs(str(ROOT / "assets/tiny/vae/flashmotion_tiny_vae.safetensors"))
    whole = codec_costs("nowhere")
    assert whole.encode == pytest.approx(382.6e12 / (1280 * 704 * 121))
    assert tiny.encode < whole.encode / 300
    assert tiny.decode < whole.decode / 150
    assert tiny.weights == pytest.approx(22.8e6, rel=0.01)
    assert codec_costs(None) == CodecCosts(0, 0, 0)
    light = {
        "decoder.up_blocks.0.upsampler.resample.1.weight": torch.zeros(555, 1000),
        "encoder.conv_in.weight": torch.zeros(1496, 100),
    }
    save_file(light, tmp_path / "light.safetensors")
    costs = codec_costs(str(tmp_path / "light.safetensors"))
    assert costs.decode == pytest.approx(whole.decode / 1000)
    assert costs.encode == pytest.approx(whole.encode / 1000)


@pytest.mark.parametrize(
    ("name", "ranks", "changes", "phase", "advised"),
    [
        ("h100x8", 8, [], "stage2", ["memory.offload=true", "stage2.lora={rank: 128}"]),
        ("h200", 1, ["models.fast_generator=f"], "stage3_resnet", []),
        ("one_24g", 1, [], "stage2", []),
        ("one_80g", 1, ["precision=bf16_kahan"], "stage1_resnet", ["memory.offload=true", "memory.fp8=true"]),
        ("one_80g", 1, ["memory.checkpointing=false", "stage1.micro_batch=2"], "stage1_resnet",
         ["stage1.micro_batch=1", "memory.checkpointing=true", "memory.offload=true", "memory.fp8=true", "memory.optimizer=adamw8bit"]),
    ],
)  # fmt: skip
def test_advice_is_what_the_configuration_allows(
    name: str, ranks: int, changes: list[str], phase: str, advised: list[str]
) -> None:
    betas = [
        f"{key}.betas=[0, 0.95]"
        for key in ("stage1.optim", "stage2.optim", "stage2.fake_optim", "stage3.optim", "stage3.gan.optim")
    ]
    config = load(name, [*(betas if any("kahan" in change for change in changes) else []), *changes])
    assert knobs(config, phase, ranks) == advised


def test_the_printed_plan_names_what_is_too_much(tmp_path: Path) -> None:
    folder = tmp_path / "5b"
    folder.mkdir()
    rest = {"freq_dim": 256, "in_channels": 48, "out_channels": 48, "patch_size": [1, 2, 2], "eps": 1e-6}
    sizes = {"num_attention_heads": 24, "attention_head_dim": 128, "num_layers": 3, "ffn_dim": 14336, "text_dim": 4096}
    (folder / "config.json").write_text(json.dumps({"_class_name": "WanTransformer3DModel", **rest, **sizes}))
    given = {"generator": str(folder), "vae": str(folder), "fast_generator": str(folder)}
    phase = {"steps": 8, "global_batch": 2, "micro_batch": 2}
    config = parse({"name": "printed", "models": given, "stage1": phase, "stage3": {"method": "none"}})
    run = Run(config, tmp_path / "run", World(0, 1, 0, torch.device("cpu")), Console(text := io.StringIO()))
    show_plan(run, "4080")
    assert "does not fit into 16 GB; first set stage1.micro_batch=1, then memory.checkpointing=true" in text.getvalue()
    assert "stage1_resnet takes longest" in text.getvalue()
    assert "45%" in text.getvalue()
    assert not (tmp_path / "run").exists()
