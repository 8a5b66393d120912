"""Exported files: loaded as users load them, they do what the trained ones do; nothing of the user's is lost on the way."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from flashmotion_core.adapters import build_adapter, read_adapter
from flashmotion_core.cli.convert import main as convert_main
from flashmotion_core.cli.diffusers_folder import to_diffusers_folder
from flashmotion_core.files.weights import read_tensors, save_whole
from flashmotion_core.files.whole_file import write_whole
from flashmotion_core.generation.loading import load_adapter, load_generator
from flashmotion_core.sampling.schedule_sources import known_schedule
from tests.conftest import ROOT
from train.engine import lora
from train.engine.roles import Denoiser
from train.errors import TrainError
from train.publish.export import cast, copy_to_comfyui, export, same_weights
from train.run_folder.artifacts import FAST, SLOW, Artifacts
from train.run_folder.run import Run

from ...support.sentences import refuses
from ...support.tiny_run import open_run, trained_run

pytestmark = pytest.mark.slow

CARD = "README.md"
FILES = [
    "diffusion_models/tiny_fast_generator.safetensors",
    "diffusion_models/tiny_slow_generator.safetensors",
    "model_patches/tiny_fast_controlnet.safetensors",
    "model_patches/tiny_fast_resnet.safetensors",
    "model_patches/tiny_slow_controlnet.safetensors",
    "model_patches/tiny_slow_resnet.safetensors",
    "vae/tiny_vae.safetensors",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_run(tmp_path_factory.mktemp("run")).folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Run:
    """A run with its own copy of those models."""
    shutil.copytree(trained / "models", tmp_path / "run/models")
    return open_run(tmp_path / "run")[0]


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def with_export(run: Run, **settings: str) -> Run:
    return open_run(run.folder, export=settings)[0]


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    """Noisy latent, control latent, text."""
    random = torch.Generator().manual_seed(3)
    latent, control = (torch.randn(1, 48, 2, 4, 4, generator=random) for _ in range(2))
    return latent, control, torch.randn(1, 8, 32, generator=random)


@torch.no_grad()
def trained_velocity(run: Run, which: str, kind: str) -> Tensor:
    artifacts = Artifacts(run)
    file = artifacts.slow if which == SLOW else artifacts.fast
    generator = artifacts.builder.generator(file.sizes, file.weights)
    denoiser = Denoiser(generator, artifacts.builder.adapter(artifacts.adapter(which, kind), file.sizes))
    latent, control, context = inputs()
    velocity: Tensor = denoiser(latent, torch.tensor([0.7]), context, control)
    return velocity


@torch.no_grad()
def exported_velocity(run: Run, which: str, kind: str) -> Tensor:
    """The same by diffusers' transformer and the exported adapter, in float32 arithmetic."""
    folder = run.folder / "export"
    host = load_generator(folder / f"diffusion_models/tiny_{which}_generator.safetensors", "cpu", torch.float32)
    file = read_adapter(folder / f"model_patches/tiny_{which}_{kind}.safetensors")
    assert file.base_fingerprint == host.fingerprint
    adapter = build_adapter(file, host.info.config, dtype=torch.float32)
    latent, control, context = inputs()
    timestep_BF = torch.tensor([[0.0, 700.0]])
    state = adapter.begin(adapter.prepare(control), latent, timestep_BF, context)
    for index, block in enumerate(adapter.inject_after):
        residual = adapter.residual(index, state)
        host.transformer.blocks[block].register_forward_hook(
            lambda module, args, out, residual=residual: out + residual
        )
    per_token_BL = timestep_BF.repeat_interleave(4, dim=1)  # 2 x 2 patches of a latent frame
    velocity: Tensor = host.transformer(latent, per_token_BL, context, return_dict=False)[0]
    return velocity


def test_stage_2s_lora_is_exported_as_a_lora(run: Run) -> None:
    pytest.importorskip("peft")
    run = open_run(run.folder, stage2={"lora": {"rank": 4, "alpha": 8}})[0]
    artifacts = Artifacts(run)
    slow = artifacts.slow
    generator = artifacts.builder.generator(slow.sizes, slow.weights, loras={"fast": None}, rank=4, alpha=8.0)
    for _, parameter in lora.trainable(generator, "fast"):
        torch.nn.init.normal_(parameter, std=0.1)
    save_whole(artifacts.lora_path, lora.lora_state_dict(generator, "fast"), {})
    export(run)
    path = run.folder / "export/loras/tiny_fast_lora.safetensors"
    tensors, metadata = read_tensors(path)
    known = known_schedule(path.name, tensors, metadata)
    assert known is not None
    assert known.schedule == artifacts.schedule
    expected = lora.merged(slow.weights, generator, "fast")
    layers = {key.removesuffix(".alpha") for key in tensors if key.endswith(".alpha")}
    changed = {key for key, value in expected.items() if not torch.equal(value, slow.weights[key])}
    assert {f"{layer.removeprefix('diffusion_model.')}.weight" for layer in layers} == changed
    assert len(tensors) == 3 * len(layers)
    for layer in layers:  # as ComfyUI reads it: alpha over the rank
        down, up = (tensors[f"{layer}.lora_{half}.weight"].float() for half in "AB")
        key = f"{layer.removeprefix('diffusion_model.')}.weight"
        difference = float(tensors[f"{layer}.alpha"]) / down.shape[0] * up @ down
        torch.testing.assert_close(slow.weights[key] + difference, expected[key], rtol=0.02, atol=0.01)


@pytest.mark.parametrize(("dtype", "tolerance"), [("fp32", 1e-4), ("bf16", 0.03), ("fp16", 0.005)])
def test_exported_files_load_and_give_the_trained_velocity(run: Run, dtype: str, tolerance: float) -> None:
    run = with_export(run, dtype=dtype)
    export(run)
    assert files_of(run.folder / "export") == [CARD, *FILES]
    for which, kind in ((FAST, "resnet"), (SLOW, "controlnet")):
        wanted, found = trained_velocity(run, which, kind), exported_velocity(run, which, kind)
        assert (found - wanted).norm() < tolerance * wanted.norm()
    assert filecmp.cmp(run.folder / "export/vae/tiny_vae.safetensors", Artifacts(run).vae_path, shallow=False)


def test_metadata_is_kept(run: Run) -> None:
    export(run)
    for name in FILES[:6]:
        tensors, metadata = read_tensors(run.folder / "export" / name)
        _, before = read_tensors(run.folder / "models" / name)
        assert {value.dtype for value in tensors.values()} == {torch.bfloat16}
        assert metadata == before  # bf16 keeps the fingerprint too


def test_the_adapter_names_the_exported_generator_where_rounding_changed_it(run: Run) -> None:
    artifacts = Artifacts(run)
    tensors, metadata = read_tensors(artifacts.generator_path(FAST))
    # Just above the middle of two bf16 numbers; float16 rounds it to the middle, and bf16 from there to the even one, down.
    tensors["head.modulation"] = torch.full_like(tensors["head.modulation"], 1 + 2**-8 + 2**-14)
    save_whole(artifacts.generator_path(FAST), tensors, metadata)
    for kind in ("resnet", "controlnet"):
        file = artifacts.adapter(FAST, kind)
        artifacts.save_adapter(artifacts.adapter_path(FAST, kind), file, file.state_dict, artifacts.fast)
    marks = {}
    for dtype in ("bf16", "fp16"):
        export(with_export(run, dtype=dtype))
        folder = run.folder / "export"
        marks[dtype] = load_generator(folder / FILES[0], "cpu", torch.float32).fingerprint
        assert read_adapter(folder / "model_patches/tiny_fast_resnet.safetensors").base_fingerprint == marks[dtype]
    assert marks["bf16"] == artifacts.fast.fingerprint != marks["fp16"]


def test_given_files_are_not_copied(run: Run, trained: Path) -> None:
    given = {"generator": str(trained / "models" / FILES[1]), "vae": str(trained / "models" / FILES[6])}
    models = {**run.config.models.model_dump(mode="json"), **given}
    run, said = open_run(run.folder, models=models)
    export(run)
    assert files_of(run.folder / "export") == [CARD, FILES[0], *FILES[2:6]]
    kept = read_adapter(run.folder / "export/model_patches/tiny_slow_resnet.safetensors")
    assert kept.base_fingerprint == Artifacts(run).slow.fingerprint
    assert [line.split()[1] for line in said.getvalue().splitlines()] == [
        "MB",
        *(
            f"{(run.folder / 'export' / name).stat().st_size / 1e6:.1f}"
            for name in (FILES[0], FILES[3], FILES[2], *FILES[5:3:-1])
        ),
    ]


def test_an_adapter_of_another_generator_is_refused(run: Run) -> None:
    artifacts = Artifacts(run)
    shutil.copy(artifacts.adapter_path(SLOW, "resnet"), artifacts.adapter_path(FAST, "resnet"))
    with refuses(
        TrainError, key="tiny_fast_resnet.safetensors", value="was trained on the generator", remedy="with --redo"
    ):
        export(run)


def test_what_a_type_cannot_hold_is_refused() -> None:
    tensors = {"fine": torch.ones(2), "large": torch.tensor([1.0, -1e5])}
    assert cast(tensors, torch.bfloat16, "a.safetensors").keys() == tensors.keys()
    with refuses(TrainError, key="large of a.safetensors", value="1e+05", remedy="bf16") as refused:
        cast(tensors, torch.float16, "a.safetensors")
    assert "6.55e+04" in str(refused.value)  # where float16 ends
    with refuses(TrainError, key="bad of a.safetensors", value="not finite", remedy="--redo"):
        cast({"bad": torch.tensor([float("nan")])}, torch.bfloat16, "a.safetensors")


def test_another_file_in_comfyuis_folder_is_kept(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "models"
    theirs = target / "model_patches/tiny_fast_resnet.safetensors"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"somebody's work")
    export(run)
    copy_to_comfyui(run, target)
    copy_to_comfyui(run, target)  # files that hold the same are left alone, whatever the order of their metadata
    aside = "model_patches/tiny_fast_resnet.previous-1.safetensors"
    assert files_of(target) == sorted([*FILES, aside])
    assert (target / aside).read_bytes() == b"somebody's work"
    assert all(same_weights(target / name, run.folder / "export" / name) for name in FILES)
    export(with_export(run, dtype="fp32"))
    copy_to_comfyui(run, target)
    assert (target / aside).read_bytes() == b"somebody's work"
    assert read_adapter(target / aside.replace("-1", "-2")).state_dict["stem.weight"].dtype == torch.bfloat16
    assert not [name for name in files_of(target) if name.startswith("vae") and "previous" in name]


def test_files_are_the_same_by_what_they_hold(tmp_path: Path) -> None:
    def file(name: str, value: float, **metadata: str) -> Path:
        save_whole(tmp_path / name, {"a": torch.full((4,), value)}, metadata)
        return tmp_path / name

    first = file("a", 1.0, x="1", y="2", z="3")
    assert all(same_weights(first, file("b", 1.0, z="3", y="2", x="1")) for _ in range(8))
    assert not same_weights(first, file("b", 2.0, x="1", y="2", z="3"))
    assert not same_weights(first, file("b", 1.0, x="1", y="2", z="4"))
    (tmp_path / "text").write_bytes(b"x" * first.stat().st_size)
    assert not same_weights(first, tmp_path / "text")
    assert same_weights(tmp_path / "text", tmp_path / "text")


def test_folders_that_cannot_be_used(run: Run, tmp_path: Path) -> None:
    with refuses(
        TrainError, key="--export-to", value=tmp_path / "nowhere", remedy="give the models folder of a ComfyUI"
    ):
        copy_to_comfyui(run, tmp_path / "nowhere")
    target = tmp_path / "models"
    target.mkdir()
    (target / "vae").touch()  # stands in the way as a folder without rights does, for root too
    export(run)
    with refuses(TrainError, key="exported files", value=target, remedy="make room"):
        copy_to_comfyui(run, target)
    assert files_of(run.folder / "export") == [CARD, *FILES]


def test_a_full_disk_is_one_sentence_and_leaves_no_half_file(run: Run) -> None:
    # A limit on the size of any file that the process writes fails as a full disk does.
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        f"import runpy, sys; sys.argv[1:] = [{str(run.folder)!r}];"
        "runpy.run_module('tests.support.tiny_run', run_name='__main__')"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("train.errors.TrainError: exported files cannot be written to"), done.stderr
    assert files_of(run.folder / "export") == []
    export(run)
    assert files_of(run.folder / "export") == [CARD, *FILES]


def test_the_card_names_files_training_and_what_was_measured(run: Run, tmp_path: Path) -> None:
    export(run)
    card = (run.folder / "export" / CARD).read_text()
    assert all(f"`{name}`" in card for name in FILES)
    assert "Nothing was measured" in card
    assert f"stage1_resnet: {run.config.stage1.steps:,} steps" in card
    assert str(run.folder) not in card
    figures = dict.fromkeys(("mask_iou", "frechet", "sharpness", "lost", "seconds"))
    row = {"name": "flashmotion", "adapter": "resnet", "steps": 4, "set": "", "clips": 12, **figures}
    row |= {"box_iou": 0.512, "box_iou_low": 0.4, "box_iou_high": 0.6}
    write_whole(run.folder / "report/metrics.json", json.dumps({"rows": [row], "bars": []}))
    given = tmp_path / "somewhere/wan_turbo.safetensors"
    given.parent.mkdir()
    shutil.copy(run.folder / "models" / FILES[0], given)
    models = {**run.config.models.model_dump(mode="json"), "fast_generator": str(given)}
    export(open_run(run.folder, models=models)[0])
    card = (run.folder / "export" / CARD).read_text()
    assert "Generator: `wan_turbo.safetensors`" in card
    assert "0.512 (0.400 to 0.600)" in card
    assert "12 held-out clips" in card
    assert str(tmp_path) not in card


def test_workflow_and_start_picture_go_where_comfyui_looks(run: Run, tmp_path: Path) -> None:
    comfyui = tmp_path / "ComfyUI"
    for name in ("models", "input", "user/default"):
        (comfyui / name).mkdir(parents=True)
    export(run)
    for name in ("tiny_start.png", "tiny_resnet.json", "tiny_controlnet.json"):
        write_whole(run.folder / "report" / name, name)
    (comfyui / "input/tiny_start.png").write_text("somebody's picture", encoding="utf-8")
    copy_to_comfyui(run, comfyui / "models")
    assert files_of(comfyui / "user") == [
        "default/workflows/tiny_controlnet.json",
        "default/workflows/tiny_resnet.json",
    ]
    assert files_of(comfyui / "input") == ["tiny_start.png", "tiny_start.previous-1.png"]
    assert (comfyui / "input/tiny_start.png").read_text() == "tiny_start.png"


def test_a_generator_as_a_folder_for_plain_diffusers(run: Run, tmp_path: Path) -> None:
    from diffusers import WanTransformer3DModel

    source = run.folder / "models" / FILES[0]
    to_diffusers_folder(source, tmp_path / "wan")
    plain, loading = WanTransformer3DModel.from_pretrained(
        tmp_path / "wan", subfolder="transformer", torch_dtype=torch.float32, output_loading_info=True
    )
    assert not any(loading.values())
    assert files_of(tmp_path / "wan") == ["transformer/config.json", "transformer/diffusion_pytorch_model.safetensors"]
    ours = load_generator(source, "cpu", torch.float32).transformer
    latent, _, context = inputs()
    timestep = torch.full((1, 8), 500.0)
    with torch.no_grad():
        assert torch.equal(plain(latent, timestep, context)[0], ours(latent, timestep, context)[0])
    with refuses(key="transformer", value=tmp_path / "wan", remedy="choose another folder"):
        to_diffusers_folder(source, tmp_path / "wan")
    half = ["--diffusers", "--dtype", "bf16"]
    assert convert_main([str(source), str(tmp_path / "half"), *half]) == 0
    weights = tmp_path / "half/transformer/diffusion_pytorch_model.safetensors"
    assert read_tensors(weights)[0]["blocks.0.attn1.to_q.weight"].dtype == torch.bfloat16
    assert convert_main([str(source), str(tmp_path / "half2"), *half, "--schedule", "turbo"]) == 2
    assert not (tmp_path / "half2").exists()


def test_a_small_file_stands_for_the_exported_adapter(run: Run) -> None:
    run, said = open_run(run.folder, export={"lora_rank": 4})
    export(run)
    name = "model_patches/tiny_fast_controlnet_lora.safetensors"
    assert files_of(run.folder / "export") == sorted([CARD, *FILES, name])
    full, small = (read_adapter(run.folder / "export" / each) for each in (FILES[2], name))
    host = load_generator(run.folder / "export" / FILES[0], "cpu", torch.float32, "core")
    made = load_adapter(small, host, "cpu", torch.float32).state_dict()
    assert small.low_rank is not None
    key = "blocks.0.ffn.0.weight"
    began = host.transformer.state_dict()[key]
    share = (made[key] - full.state_dict[key].float()).norm() / (full.state_dict[key].float() - began).norm()
    assert share <= small.low_rank.worst_error + 0.01
    assert torch.equal(made["zero_convs.1.weight"], full.state_dict["zero_convs.1.weight"].float())
    assert f"loses {small.low_rank.mean_error:.0%} on average" in said.getvalue()
    assert name.rpartition("/")[2] in (run.folder / "export" / CARD).read_text(encoding="utf-8")
