"""The command for a GPU, rehearsed on a CPU: its steps, what it leaves out, its limits, its files and its goals."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import on_gpu, speed
from bench.gpu_steps import training_steps, wheels
from bench.gpu_steps.card import slug
from bench.gpu_steps.goals import GOALS, SIZE
from bench.gpu_steps.gpu_run import GpuRun, results_folder
from bench.gpu_steps.gpu_step import GRACE_S, LIMIT_S, GpuStep, Surroundings, choose
from bench.gpu_steps.gpu_step_list import CORE, MODULES, STEPS, TRAINING
from bench.gpu_steps.marked_tests import marked_files
from bench.gpu_steps.step_record import StepRecord
from train.packages import PACKAGES

from ..conftest import ROOT
from ..support.sentences import refuses

CARD = {
    "name": "NVIDIA H100 80GB HBM3",
    "memory_bytes": 85_000_000_000,
    "torch": "2.11.0",
    "cuda": "12.8",
    "driver": "580.1",
}
BARE = frozenset(MODULES) - {*CORE, "transformers", "peft", "pytest", "yaml"}


def there(tmp_path: Path, **changes: Any) -> Surroundings:
    found = Surroundings(sys.executable, CARD, frozenset(), False, None, tmp_path / "work")
    return dataclasses.replace(found, **changes)


# The steps


def test_steps_are_chosen_by_number_name_or_group() -> None:
    assert choose(STEPS, []) == list(STEPS)
    assert [step.name for step in choose(STEPS, ["training", "1"])] == [
        "tests",
        *(f"training_stage{n}" for n in (1, 2, 3)),
    ]
    assert [step.name for step in choose(STEPS, ["speed_jobs"])] == ["speed_jobs"]
    with refuses(key="the step", value="'sped'", remedy="must be a number from 1 to"):
        choose(STEPS, ["sped"])


def test_a_step_stays_under_9_minutes() -> None:
    assert LIMIT_S + GRACE_S < 9 * 60


def test_a_bare_machine_runs_what_it_can_and_names_the_rest(tmp_path: Path) -> None:
    bare = there(tmp_path, missing=BARE)
    lacking = {step.name: step.lacks(bare) for step in STEPS}
    assert [name for name, lack in lacking.items() if not lack] == [
        "tests", "speed_eager", "speed_compiled", "speed_fp8", *(f"memory_{cap}" for cap in (12, 16, 24, 48, 80))
    ]  # fmt: skip
    assert lacking["speed_jobs"] == "needs diffusers, av"
    assert "pydantic" in lacking["training_stage1"]
    memory = next(step for step in STEPS if step.name == "memory_24")
    assert memory.reduced(bare) == "without diffusers, av: no text and no codecs"
    assert memory.reduced(there(tmp_path)) == ""
    assert (
        "text"
        not in list(memory.command(bare, tmp_path / "x"))[list(memory.command(bare, tmp_path / "x")).index("--parts") :]
    )


def test_a_small_card_or_no_comfyui_is_named(tmp_path: Path) -> None:
    small = there(tmp_path, card={**CARD, "memory_bytes": 25_000_000_000})
    lacking = {step.name: step.lacks(small) for step in STEPS}
    assert lacking["memory_48"] == "needs a card with 48 GB, and this one has 25"
    assert lacking["memory_24"] == ""
    assert lacking["peers_comfyui"] == "needs --comfyui FOLDER"


@pytest.mark.parametrize("rehearse", [True, False])
def test_the_benchmark_knows_every_option_it_is_given(tmp_path: Path, rehearse: bool) -> None:
    counted = 0
    for step in STEPS:
        script, *arguments = map(
            str, step.command(there(tmp_path, rehearse=rehearse, comfyui=tmp_path), tmp_path / "result")
        )
        assert Path(script).is_file()
        if Path(script).name == "speed.py":
            counted += 1
            options = speed.read_options(arguments)
            plan = speed._plan(options, options.sizes, not rehearse, ())
            assert "jobs" not in plan.parts or plan.job_settings
            assert "decoders" not in plan.parts or plan.decoders
            assert {setting.mode for setting in plan.settings} == {"eager"} or not rehearse
            assert (options.memory is not None) == (step.name.startswith("memory") and not rehearse)
    assert counted == 15


def test_training_needs_what_it_says_it_needs() -> None:
    assert set(PACKAGES.split(", ")) == {*TRAINING, "safetensors", "einops"}


def test_tests_marked_gpu_are_found() -> None:
    assert {"test_gpu_networks.py", "test_gpu_training.py"} <= {file.name for file in marked_files()}


# Running steps


def program(name: str, text: str, **changes: Any) -> GpuStep:
    """A step that runs a line of Python, with `stem` in it."""
    start = "import json, os, pathlib, signal, subprocess, sys, time; stem = pathlib.Path(sys.argv[1])\n"
    wrote = "\ndef wrote(**found): stem.with_suffix('.json').write_text(json.dumps(found)); stem.with_suffix('.md').write_text('| a |')\n"
    return GpuStep(name, "a program", lambda _, stem: ["-c", start + wrote + text, stem], **changes)


@pytest.fixture
def gpu_run(tmp_path: Path) -> GpuRun:
    found = there(tmp_path)
    return GpuRun(found, results_folder(tmp_path / "out", found), lambda _: None, limit_s=20, grace_s=2)


def test_a_step_leaves_its_results_with_card_versions_date_and_command(gpu_run: GpuRun) -> None:
    record = gpu_run.do(program("speed_x", "wrote(rows=[], found=1)"), again=False)
    assert (record.outcome, record.result) == ("done", {"rows": [], "found": 1})
    assert gpu_run.results.name == "nvidia-h100-80gb-hbm3" == slug(CARD["name"])
    kept = json.loads((gpu_run.results / "speed_x.json").read_text())
    assert kept["card"] == CARD
    assert kept["date"].startswith("20")
    assert kept["result"]["found"] == 1
    page = (gpu_run.results / "speed_x.md").read_text()
    for word in ("NVIDIA H100 80GB HBM3 (85 GB)", "torch 2.11.0", "driver 580.1", "`python -c", "Done after", "| a |"):
        assert word in page
    assert str(gpu_run.there.work) not in page + json.dumps(kept)


def test_a_failed_step_says_why_and_the_next_one_runs(gpu_run: GpuRun) -> None:
    steps = [program("one", "wrote(half=1); raise ValueError('the thing is 3')"), program("two", "wrote(ok=1)")]
    failed, done = (gpu_run.do(step, again=False) for step in steps)
    assert failed.outcome == "failed"
    assert failed.note == "exit code 1: ValueError: the thing is 3"
    assert failed.result == {"half": 1}
    assert done.outcome == "done"


def test_a_finished_step_is_skipped_unless_it_is_named(gpu_run: GpuRun) -> None:
    step = program("one", "wrote(time=time.time())")
    first = gpu_run.do(step, again=False)
    assert gpu_run.do(step, again=False).result == first.result
    assert gpu_run.do(step, again=True).result != first.result
    wrong = gpu_run.do(program("one", "sys.exit(3)"), again=True)
    assert wrong.outcome == "failed"
    assert gpu_run.do(step, again=False).outcome == "done"


def test_a_step_is_ended_at_its_limit_with_all_that_it_started(gpu_run: GpuRun, tmp_path: Path) -> None:
    gpu_run.limit_s, gpu_run.grace_s = 2, 1
    beat = tmp_path / "beat"
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    child += f"while True: open({str(beat)!r}, 'w').write(str(time.time())); time.sleep(0.1)"
    record = gpu_run.do(
        program("slow", f"wrote(half=1); subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"),
        again=False,
    )
    assert record.outcome == "ended at its limit"
    assert record.result == {"half": 1}
    assert record.seconds < 10
    time.sleep(0.5)
    last = beat.read_text()
    time.sleep(0.5)
    assert beat.read_text() == last


def test_a_step_that_saves_its_work_is_continued(gpu_run: GpuRun) -> None:
    gpu_run.limit_s, gpu_run.grace_s = 2, 5
    text = "signal.signal(signal.SIGTERM, lambda *_: (wrote(step=7), sys.exit(75)))\nwhile True: time.sleep(0.1)"
    record = gpu_run.do(program("tiny_gpu", text), again=False)
    assert record.outcome == "to be continued"
    assert record.result == {"step": 7}
    assert gpu_run.do(program("tiny_gpu", "wrote(step=9)"), again=False).outcome == "done"


def test_rows_without_a_time_are_counted_and_a_missing_peer_is_a_failure(gpu_run: GpuRun) -> None:
    rows = [
        {"group": "peers", "error": "ComfyUI ended with: no module"},
        {"group": "job", "error": "not enough memory"},
    ]
    record = gpu_run.do(program("memory_x", f"wrote(rows={rows!r})"), again=False)
    assert (record.outcome, record.note) == ("done", "2 rows without a time")
    record = gpu_run.do(program("peers_x", f"wrote(rows={rows!r})", must="peers"), again=False)
    assert (record.outcome, record.note) == ("failed", "ComfyUI ended with: no module")


def test_no_step_starts_that_might_last_too_long(gpu_run: GpuRun) -> None:
    gpu_run.minutes = 0.1
    assert gpu_run.do(program("one", "wrote()"), again=False).outcome == "to do"


# Goals


def result(**values: Any) -> StepRecord:
    return StepRecord("x", "x", "done", result={"shapes": "real", "rows": [], "ratios": [], **values})


def row(
    group: str, seconds: float, adapter: str = "resnet", dtype: str = "bf16", peak: float = 1e9, **more: Any
) -> dict[str, Any]:
    settings = {
        "dtype": dtype,
        "mode": "eager",
        "adapter": adapter,
        **({"vae": more.pop("vae")} if "vae" in more else {}),
    }
    return {
        "group": group,
        "size": SIZE,
        "settings": settings,
        "seconds": seconds,
        "peak_bytes": peak,
        "error": None,
        **more,
    }


def verdicts(records: list[StepRecord], card: str) -> list[str]:
    return [goal.verdict(records, card) for goal in GOALS]


def test_goals_are_met_missed_by_how_much_or_not_measured() -> None:
    rows = [
        row("denoise", 3.4),
        row("denoise", 4.7),
        row("denoise", 4.0, adapter="controlnet", overhead=1.0),
        row("denoise", 4.0, adapter="controlnet-1st-step", overhead=0.27),
        row("job", 10.0, vae="full", peak=23e9),
        row("job", 4.0, vae="small"),
        row("job", 10.0, dtype="fp8", vae="full", peak=18e9),
    ]
    ratios = [
        {"what": "ComfyUI, picture to mp4 / ours (bf16, eager, resnet, core, full)", "size": SIZE, "time": 1.6},
        {"what": "diffusers, picture to mp4 / ours (bf16, eager, resnet, core, full)", "size": SIZE, "time": 1.5},
    ]
    found = verdicts([result(rows=rows[:4]), result(rows=rows[4:], ratios=ratios)], "NVIDIA H200")
    starts = [
        "met: 3.4 s",
        "missed by 1 s: 10 s",
        "met: 4 s",
        "met: 1.6 times",
        "missed by 0.5 times: 1.5",
        "met: 27 %",
        "met: 23 GB",
    ]
    for verdict, start in zip(found, [*starts, "missed by 2 GB: 18 GB"], strict=True):
        assert verdict.startswith(start)
    other = verdicts([result(rows=rows)], "NVIDIA H100")
    assert other[0].startswith("not measured on an H200; NVIDIA H100: 3.4 s")
    assert other[5].startswith("met: 27 %")
    assert other[3] == "not measured"


def test_tiny_shapes_and_small_sizes_meet_no_goal() -> None:
    small = {**row("denoise", 0.1), "size": "480x832x49"}
    assert set(verdicts([result(rows=[row("denoise", 0.1)], shapes="tiny"), result(rows=[small])], "NVIDIA H200")) == {
        "not measured"
    }


# Wheels


@pytest.mark.slow
def test_wheels_go_into_an_environment_that_also_finds_what_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("pip")
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "smallthing-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("smallthing.py", "VALUE = 7\n")
        info = "smallthing-1.0.dist-info"
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: smallthing\nVersion: 1.0\nRequires-Dist: numpy\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    python = wheels.environment(tmp_path / "environment")
    problems = wheels.install(python, folder, ["smallthing", "missing-thing"])
    assert len(problems) == 1
    assert problems[0].startswith(f"missing-thing could not be installed from {folder}")
    code = "import numpy, torch, smallthing; print(smallthing.VALUE, smallthing.__file__)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    value, file = done.stdout.split()
    assert value == "7"
    assert Path(file).is_relative_to(tmp_path / "environment")


def test_what_a_comfyui_requires_is_read_without_versions(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("torch\ntorchsde\nav>=14.2\n#extra\npydantic~=2.0 # why\n\nyarl\n")
    assert wheels.required(tmp_path) == ["av", "pydantic", "yarl"]


# The command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch"], "the step is 'nosuch'"),
        (["--comfyui", "/nowhere"], "--comfyui is /nowhere, which lacks"),
        (["--wheels", "/nowhere"], "--wheels is /nowhere, which holds no .whl"),
        (["--limit", "900"], "--limit is 900, but must be above 0 and at most 510"),
    ],
)
def test_wrong_words_are_one_sentence(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert on_gpu.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


@pytest.mark.slow
def test_a_machine_without_a_gpu_is_told_how_to_rehearse(capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert on_gpu.main(["tests"]) == 2
    assert "torch finds no CUDA device here; run it on a machine with a GPU, or try" in capsys.readouterr().err
    assert on_gpu.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(step.name in listed for step in STEPS)


def rehearse(tmp_path: Path, *arguments: str, hidden: str = "") -> tuple[str, dict[str, StepRecord]]:
    """Run the command with some modules hidden; its table, and the records."""
    (tmp_path / "hide").mkdir(exist_ok=True)
    (tmp_path / "hide/sitecustomize.py").write_text(HIDE)
    environment = os.environ | {"HIDDEN": hidden, "OMP_NUM_THREADS": "1"}
    if hidden:
        environment["PYTHONPATH"] = str(tmp_path / "hide")
    folders = ["--work", tmp_path / "work", "--out", tmp_path / "out"]
    command = [sys.executable, ROOT / "bench/on_gpu.py", "--rehearse", *arguments, *folders]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode in (0, 1), done.stderr
    kept = [StepRecord.read(tmp_path / "out/cpu", step.name) for step in STEPS]
    return done.stdout, {record.step: record for record in kept if record is not None}


HIDE = """
import os, sys
from importlib.machinery import PathFinder
class Less(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in os.environ["HIDDEN"].split() else PathFinder.find_spec(name, path, target)
sys.meta_path[:] = [Less if finder is PathFinder else finder for finder in sys.meta_path]
"""


@pytest.mark.slow
def test_a_bare_machine_is_rehearsed(tmp_path: Path) -> None:
    hidden = " ".join([*BARE, "scipy", "skimage", "cv2", "hypothesis_jsonschema"])
    steps = ["tests", "speed_eager", "memory_12", "speed_jobs", "training_stage1"]
    said, records = rehearse(tmp_path, *steps, hidden=hidden)
    assert {name: record.outcome for name, record in records.items()} == dict.fromkeys(steps[:3], "done")
    counts = records["tests"].result["counts"]
    assert counts["failed"] == 0
    assert counts["passed"] > 10
    assert {found["settings"]["adapter"] for found in records["speed_eager"].result["rows"]} >= {
        "none",
        "resnet",
        "controlnet",
    }
    assert records["memory_12"].note == "without diffusers, av: no text and no codecs"
    assert "needs diffusers, av" in said
    assert "needs pydantic, tensorboard, rich" in said
    assert "four steps with ResNet: at most 3.5 s" in said


def here(name: str, folder: Path, run: Callable[[list[str]], int]) -> dict[str, Any]:
    """What a step leaves, run by its program's function in this process: a new one takes 4 s to start."""
    step = next(step for step in STEPS if step.name == name)
    _, *arguments = map(str, step.command(there(folder, rehearse=True), folder / name))
    assert run(arguments) == 0
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_whole_jobs_peers_training_and_a_run_are_rehearsed(tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    comfyui = os.environ.get("FLASHMOTION_COMFYUI")
    host = ["peers_comfyui", "--comfyui", comfyui] if comfyui else []
    said, records = rehearse(tmp_path, "training_stage3", *host)
    done = dict.fromkeys(["training_stage3", *host[:1]], "done")
    assert {name: record.outcome for name, record in records.items()} == done, said
    peers = here("peers_diffusers", tmp_path, speed.main)
    assert {found["settings"]["vae"] for found in peers["rows"] if found["group"] == "job"} == {
        "full",
        "small",
        "small decoder",
    }
    assert [found["error"] for found in peers["rows"] if found["group"] == "peers"] == [None]
    assert any(ratio["what"].startswith("diffusers, picture to mp4 / ours") for ratio in peers["ratios"])
    if comfyui:
        assert any(
            ratio["what"].startswith("ComfyUI, picture to mp4 / ours")
            for ratio in records["peers_comfyui"].result["ratios"]
        )
    for number, updates in ((1, 1), (2, 2), (3, 2)):
        name = f"training_stage{number}"
        found = records[name].result if name in records else here(name, tmp_path, training_steps.main)
        assert found["steps"] == 8
        assert found["seconds_per_step"] > 0
        assert found["planned_peak_bytes"] > 1e6
        assert len(found["seconds_by_update"]) == updates


@pytest.mark.slow
def test_a_training_run_is_continued_by_the_next_call(tmp_path: Path) -> None:
    for name in ("diffusers", "optimi", "av", "peft"):
        pytest.importorskip(name)
    where = there(tmp_path, rehearse=True)
    gpu_run = GpuRun(where, results_folder(tmp_path / "out", where), lambda _: None)
    step = next(step for step in STEPS if step.name == "tiny_gpu")

    def called_until(some: str, count: int) -> StepRecord:
        """A call whose limit is reached when there are so many of these files."""
        began, gpu_run.limit_s = time.monotonic(), LIMIT_S

        def say(_: str) -> None:
            if len(list((where.work / "smoke/phases").glob(some))) >= count:
                gpu_run.limit_s = min(gpu_run.limit_s, time.monotonic() - began)

        gpu_run.say = say
        return gpu_run.do(step, again=False)

    first = called_until("codec", 1)
    assert first.outcome == "to be continued"
    later = called_until("*/done.json", len(first.result["done"]) + 1)
    assert later.outcome == "to be continued"
    assert later.result["done"].keys() > first.result["done"].keys()
    assert "codec" in later.result["done"]
