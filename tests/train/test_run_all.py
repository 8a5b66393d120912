"""The whole command as a user runs it: from scratch to exported files, again, and into every error."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from flashmotion_core.adapters import ResNetAdapter, build_adapter, read_adapter, read_generator_info, save_adapter
from flashmotion_core.codec.vae import load_vae
from flashmotion_core.files.weights import read_tensors
from flashmotion_core.generation.loading import load_generator
from train.command import main, parser
from train.config.load import load
from train.config.settings import Adapter
from train.data.encoded import EncodedClips
from train.errors import TrainError
from train.monitor.run_log import read_log
from train.plan.given_adapters import check_adapter

from ..support.sentences import names, refuses

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
TRAINED = ("base", "stage1_resnet", "stage1_controlnet", "stage2", "stage3_resnet", "stage3_controlnet")


def command(run: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python train/run_all.py --config smoke` in its own process, with one thread."""
    line = [sys.executable, str(ROOT / "train/run_all.py"), "--config", "smoke", "--run", str(run), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(line, capture_output=True, text=True, encoding="utf-8", env=environment, check=False)


def the_error(code: int, printed: str) -> str:
    """The error of a command that failed as it should: exit code 1 and one line, no traceback."""
    assert code == 1, printed
    assert "Traceback" not in printed
    lines = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, printed
    return lines[0]


class Here:
    """The same command in this process: a new one takes 3 s to start."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def main(self, run: Path, *arguments: str, only: str | None = None) -> tuple[int, str]:
        """The exit code, and what is printed."""
        self.capsys.readouterr()
        code = main(["--config", "smoke", "--run", str(run), *arguments], only)
        printed = self.capsys.readouterr()
        return code, printed.out + printed.err

    def refused(self, run: Path, *arguments: str, only: str | None = None) -> str:
        """The error of a command that fails as it should."""
        return the_error(*self.main(run, *arguments, only=only))

    def done(self, run: Path, *arguments: str) -> str:
        """What a command prints that ends well."""
        code, printed = self.main(run, *arguments)
        assert code == 0, printed
        return printed


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], one_thread: None) -> Here:
    return Here(capsys)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "smoke"
    done = command(run)
    assert done.returncode == 0, done.stdout + done.stderr
    return run


def test_exported_files_load(finished: Path) -> None:
    export = finished / "export"
    generator = load_generator(export / "diffusion_models/smoke_fast_generator.safetensors", "cpu", torch.float32)
    info = read_generator_info(export / "diffusion_models/smoke_fast_generator.safetensors")
    assert not info.text
    assert info.schedule is not None
    assert len(info.schedule.sigmas) == 4
    for kind in ("resnet", "controlnet"):
        file = read_adapter(export / f"model_patches/smoke_fast_{kind}.safetensors")
        assert file.base_fingerprint == generator.fingerprint
        assert file.map_style.thickness == 3
        assert build_adapter(file, info.config).kind == kind
    load_vae(export / "vae/smoke_vae.safetensors", "cpu", torch.float32)


def test_the_exported_codec_encodes_as_the_clips_were_encoded(finished: Path) -> None:
    first, _ = read_tensors(finished / "models/vae/smoke_vae.safetensors")
    last, _ = read_tensors(finished / "export/vae/smoke_vae.safetensors")
    changed = {name.partition(".")[0] for name, weight in first.items() if not torch.equal(weight, last[name])}
    assert changed == {"decoder"}


def test_every_phase_leaves_its_traces(finished: Path) -> None:
    assert (finished / "report/index.html").stat().st_size > 10_000
    rows = json.loads((finished / "report/metrics.json").read_text(encoding="utf-8"))["rows"]
    assert {row["adapter"] for row in rows} >= {"resnet", "controlnet"}
    for phase in TRAINED:
        folder = finished / "phases" / phase
        assert (folder / "curves.png").is_file()
        assert list(folder.glob("tensorboard/events*"))
        log = read_log(folder / "log.csv")
        assert any(name.startswith("loss/") for name in log)
        assert any(name.startswith("loss_by_sigma/") for name in log)
    assert (finished / "phases/stage3_resnet/validation/step_000008.png").is_file()
    assert yaml.safe_load((finished / "config.yaml").read_text(encoding="utf-8"))["stage3"]["gan"]["width"] == 64


def test_training_changed_what_it_should_and_nothing_else(finished: Path) -> None:
    models = finished / "models"
    slow, fast = (
        load_file(models / f"diffusion_models/smoke_{which}_generator.safetensors") for which in ("slow", "fast")
    )
    assert any(not torch.equal(slow[key], fast[key]) for key in slow)
    before, after = (
        load_file(models / f"model_patches/smoke_{which}_resnet.safetensors") for which in ("slow", "fast")
    )
    assert any(not torch.equal(before[key], after[key]) for key in before)
    assert before["zero_convs.0.weight"].any()


def test_again_everything_is_done(finished: Path, here: Here) -> None:
    times = {path: path.stat().st_mtime_ns for path in finished.rglob("*.safetensors")}
    assert here.done(finished).count("done before") == len(TRAINED) + 5  # codec, data, decoder, evaluate, export
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*.safetensors")} == times


def test_a_stage_can_be_done_again_and_the_earlier_result_is_kept(finished: Path, tmp_path: Path, here: Here) -> None:
    run = tmp_path / "copy"
    shutil.copytree(finished, run)
    names(
        here.refused(run, "stage3.optim.lr=7e-5", only="stage3"),
        key="stage3_resnet",
        value="was done with other settings",
        remedy="--redo stage3_resnet",
    )
    here.done(run, "--redo", "stage3_resnet", "--only", "stage3_resnet", "stage3.optim.lr=1e-4")
    kept = run / "phases/stage3_resnet.previous-1/smoke_fast_resnet.safetensors"
    assert kept.read_bytes() == (finished / "models/model_patches/smoke_fast_resnet.safetensors").read_bytes()
    assert (run / "models/model_patches/smoke_fast_resnet.safetensors").read_bytes() != kept.read_bytes()


def test_a_dry_run_and_a_plan_do_nothing(tmp_path: Path, here: Here) -> None:
    for option in ("--dry-run", "--plan"):
        assert "stage3_resnet" in here.done(tmp_path / "run", option)
    assert not (tmp_path / "run").exists()


def test_export_into_comfyui(finished: Path, tmp_path: Path, here: Here) -> None:
    (tmp_path / "models").mkdir()
    run = tmp_path / "copy"
    shutil.copytree(finished, run)
    here.done(run, "--only", "export", "--export-to", str(tmp_path / "models"))
    assert (tmp_path / "models/model_patches/smoke_fast_resnet.safetensors").is_file()


@pytest.mark.parametrize(
    ("arguments", "key", "value", "remedy"),
    [
        (["stage1.optim.lrr=1"], "there is no setting", "stage1.optim.lrr", "did you mean lr?"),
        (["--only", "stage4"], "--only", "is 'stage4'", "use one of codec, data"),
        (["device=cuda"], "device is cuda", "torch finds no GPU here", "set device to cpu"),
        (["data.frames=1"], "data.frames", 1, "use at least 5"),
        (["data.frames=10"], "frame count", 10, "use 9 or 13"),
        (["data.size=[60, 64]"], "width", 60, "use 32 or 64"),
        (["base.global_batch=5"], "global_batch", 5, "must be a multiple of"),
        (["models.vae=nowhere.safetensors"], "models.vae", "nowhere.safetensors", ""),
        (
            ["memory.optimizer=adamw8bit"],
            "memory.optimizer: the optimizer is adamw8bit",
            "the device is cpu",
            "use adamw",
        ),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    tmp_path: Path, here: Here, arguments: list[str], key: str, value: object, remedy: str
) -> None:
    if "device=cuda" in arguments and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    names(here.refused(tmp_path / "run", *arguments), key=key, value=value, remedy=remedy)


@pytest.mark.parametrize("budget", ["soon", "0", "-5", "inf"])
def test_a_budget_is_a_positive_number_of_minutes(budget: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([f"--budget={budget}"])
    names(
        capsys.readouterr().err, key="--budget", value=f"is {budget!r}", remedy="must be a positive number of minutes"
    )


def test_a_phase_without_those_before_it(tmp_path: Path, here: Here) -> None:
    found = here.refused(tmp_path / "run", "--only", "data")
    names(found, key="data needs codec", value="not done in", remedy="do codec first, or leave out --only")


def test_a_given_slow_adapter_needs_no_stage_1(finished: Path, tmp_path: Path, here: Here) -> None:
    run, given = tmp_path / "run", finished / "models/model_patches/smoke_slow_resnet.safetensors"
    shutil.copytree(finished, run)
    for name in ("stage1_resnet", "stage3_resnet"):
        shutil.rmtree(run / "phases" / name)
    found = here.refused(
        run, "--only", "stage3", f"models.adapters=[{{kind: resnet, from_base: true, slow: {given.as_posix()}}}]"
    )
    names(found, key="the resnet adapter", value="both from_base and slow", remedy="leave the others out")
    own = f"models.adapters=[{{kind: resnet, width: 32, slow: {given.as_posix()}}}]"
    generator = f"models.generator={finished / 'models/diffusion_models/smoke_slow_generator.safetensors'}"
    fast = f"models.fast_generator={finished / 'models/diffusion_models/smoke_fast_generator.safetensors'}"
    assert "stage1" not in here.done(run, "--only", "stage3", own, generator, fast)
    trained = read_tensors(run / "models/model_patches/smoke_fast_resnet.safetensors")[0]
    before = read_tensors(given)[0]
    assert trained.keys() == before.keys()
    assert any(not torch.equal(trained[key], before[key]) for key in before)


def test_stage_1_starts_from_a_given_adapter(finished: Path, tmp_path: Path, here: Here) -> None:
    run, given = tmp_path / "run", finished / "models/model_patches/smoke_slow_controlnet.safetensors"
    shutil.copytree(finished, run)
    shutil.rmtree(run / "phases/stage1_controlnet")
    generator = f"models.generator={finished / 'models/diffusion_models/smoke_slow_generator.safetensors'}"
    shorter = ["stage1.steps=1", "stage1.optim.warmup=1000", "stage1.ema.start=10"]
    own = f"models.adapters=[{{kind: controlnet, start: {given.as_posix()}}}]"
    here.done(run, "--only", "stage1", own, generator, *shorter)
    trained = read_tensors(run / "models/model_patches/smoke_slow_controlnet.safetensors")[0]
    before = read_tensors(given)[0]
    assert before["zero_convs.0.weight"].any()
    # After one update with a thousandth of the learning rate it is still the given adapter; a fresh one would differ.
    for key, value in before.items():
        torch.testing.assert_close(trained[key].float(), value.float(), atol=1e-4, rtol=0)
    other = given.with_name("smoke_fast_controlnet.safetensors").as_posix()
    changed = f"models.adapters=[{{kind: controlnet, start: {other}}}]"
    assert "--redo stage1_controlnet" in here.refused(run, "--only", "stage1", changed, generator, *shorter)


@pytest.mark.parametrize(
    ("adapter", "value", "remedy"),
    [
        ({"kind": "resnet", "width": 64, "slow": "slow_resnet"}, 32, "64"),
        ({"kind": "controlnet", "slow": "slow_resnet"}, "a resnet adapter", "controlnet; change one of them"),
    ],
)
def test_a_given_adapter_of_other_sizes(finished: Path, adapter: dict[str, Any], value: object, remedy: str) -> None:
    files = {
        key: f"{finished}/models/model_patches/smoke_{adapter[key]}.safetensors"
        for key in ("slow", "start")
        if key in adapter
    }
    with refuses(TrainError, key="models.adapters", value=value, remedy=remedy):
        check_adapter(Adapter.model_validate({**adapter, **files}), load("smoke").models.sizes.config())


def test_a_given_adapter_of_fewer_blocks(tmp_path: Path) -> None:
    sizes = load("smoke").models.sizes.config()
    save_adapter(tmp_path / "shallow.safetensors", ResNetAdapter(sizes, inject_after=(0, 2), width=32))
    given = Adapter(kind="resnet", width=32, start=str(tmp_path / "shallow.safetensors"))
    with refuses(
        TrainError, key="shallow.safetensors", value="2 of the generator's 3 blocks", remedy="give such a file"
    ):
        check_adapter(given, sizes)


def test_a_given_adapter_that_is_none_is_said_at_the_start(finished: Path, tmp_path: Path, here: Here) -> None:
    generator = finished / "models/diffusion_models/smoke_slow_generator.safetensors"
    found = here.refused(tmp_path / "run", f"models.adapters=[{{kind: controlnet, slow: {generator.as_posix()}}}]")
    names(found, key=generator.name, remedy="an adapter (controlnet or resnet)")
    missing = finished / "models/model_patches/smoke_slow_resnett.safetensors"
    assert "did you mean" in here.refused(
        tmp_path / "run", f"models.adapters=[{{kind: resnet, start: {missing.as_posix()}}}]"
    )


def test_an_empty_folder_of_videos(finished: Path, tmp_path: Path, here: Here) -> None:
    (tmp_path / "clips").mkdir()
    found = here.refused(
        tmp_path / "run",
        f"models.vae={finished / 'models/vae/smoke_vae.safetensors'}",
        "--only",
        "data",
        "data.train={kind: videos, folder: '" + (tmp_path / "clips").as_posix() + "'}",
        "data.prepare=null",
    )
    names(found, key=str(tmp_path / "clips"), value="holds no videos", remedy="put clips and their trajectories there")


def test_a_run_folder_that_cannot_be_written(tmp_path: Path, here: Here) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    found = here.refused(tmp_path / "file" / "run")
    names(found, key="the run folder", value=str(tmp_path / "file" / "run"), remedy="--run")


def test_a_nan_in_a_latent_is_named(finished: Path, tmp_path: Path, here: Here) -> None:
    run = tmp_path / "copy"
    shutil.copytree(finished, run)
    shutil.rmtree(run / "phases/stage1_resnet")
    file = run / "data/train" / EncodedClips(run / "data/train").records[3].file
    tensors, metadata = read_tensors(file)
    tensors["latent"][0, 1, 0, 0] = float("nan")
    save_file(tensors, file, metadata=metadata)
    found = here.refused(run, "--only", "stage1_resnet")
    names(found, key=file.name, value="not what was written", remedy="run the command again")


def test_a_checkpoint_of_another_configuration_is_refused(finished: Path, tmp_path: Path, here: Here) -> None:
    run = tmp_path / "copy"
    shutil.copytree(finished, run)
    (run / "phases/stage1_resnet/done.json").unlink()
    found = here.refused(run, "--only", "stage1_resnet", "stage1.optim.lr=3e-3")
    names(found, key="stage1_resnet", value="another configuration (step 8)", remedy="config.yaml")
    here.done(run, "--only", "stage1_resnet")


def test_a_full_disk_keeps_what_was_there(finished: Path, tmp_path: Path, here: Here) -> None:
    run = tmp_path / "copy"
    shutil.copytree(finished, run)
    shutil.rmtree(run / "phases/stage3_controlnet")
    small = run / "phases/stage3_controlnet"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        found = here.refused(run, "--only", "stage3_controlnet")
    finally:
        subprocess.run(["umount", str(small)], check=True)
    names(found, key="stage3_controlnet", remedy="free some space")
    assert (run / "models/model_patches/smoke_fast_resnet.safetensors").is_file()
