"""The plan of the 5B against figures that are known of it, what ranks share, and how a plan is printed."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from flashmotion_core.wan.conditioning import latent_shape
from flashmotion_core.wan.config import TI2V_5B
from flashmotion_core.wan.generator import WanGenerator
from train.config.load import load, parse
from train.errors import TrainError
from train.monitor.console import Console
from train.parallel import World
from train.plan.check import show_plan
from train.plan.device import Imitation
from train.plan.gpus import find_gpu
from train.plan.meter import Meter
from train.plan.plan import static_plans
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
    assert plans["stage2"].sum.gradients == pytest.approx(20e9, rel=0.01)  # of two generators, of which one at a time is there
    assert plans["stage2"].peak < 116e9, "activations take 8 GB more"


def test_an_unknown_gpu_is_named_with_its_neighbour() -> None:
    assert find_gpu("rtx 4090").name == "4090"
    with refuses(TrainError, key="--gpu", value="'H201'", remedy="did you mean H20"):
        find_gpu("H201")
    with refuses(TrainError, key="--gpu", value="'A100'", remedy="did you mean A100-80G or A100-40G"):
        find_gpu("A100")


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
