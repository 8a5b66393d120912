"""The launch files start the real command as several ranks; those that need a cluster are at least complete."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = ROOT / "train" / "launch"
TOOLS = Path(sys.executable).parent
TWO_RANKS = ("base.micro_batch=2", "stage2.micro_batch=1", "stage3.micro_batch=1")

needs_bash = pytest.mark.skipif(sys.platform == "win32" or not shutil.which("bash"), reason="needs bash")


def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the repository, with this Python's programs first on the path and one thread per process."""
    path = os.pathsep.join([variables.pop("first", ""), str(TOOLS), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"} | variables
    line = [str(part) for part in command]
    return subprocess.run(
        line, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )


def program(path: Path, text: str) -> None:
    """A shell script that can be run by its name."""
    path.write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    "name", ["torchrun.sh", "accelerate.yaml", "slurm.sh", "ray_job.py", "ray_encode.py", "sky.yaml"]
)
def test_every_file_starts_the_command_as_it_is(name: str) -> None:
    text = (LAUNCH / name).read_text(encoding="utf-8")
    assert "train/run_all.py" in text or "from train.command import main" in text
    assert text.isascii()


def test_there_are_no_others() -> None:
    assert {path.name for path in LAUNCH.iterdir() if path.is_file()} == {
        *("torchrun.sh", "accelerate.yaml", "slurm.sh", "ray_job.py", "ray_encode.py", "sky.yaml")
    }


@needs_bash
@pytest.mark.parametrize("name", ["torchrun.sh", "slurm.sh"])
def test_shell_files_are_whole(name: str) -> None:
    done = run("bash", "-n", LAUNCH / name)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_ray_job_compiles() -> None:
    file = LAUNCH / "ray_job.py"
    assert compile(file.read_text(encoding="utf-8"), str(file), "exec").co_consts


def test_sky_runs_a_script_that_exists() -> None:
    task = yaml.safe_load((LAUNCH / "sky.yaml").read_text(encoding="utf-8"))
    lines = [line.split() for line in task["run"].splitlines() if line.startswith("bash ")]
    assert [(ROOT / words[1]).is_file() for words in lines] == [True]
    assert (ROOT / "train/configs" / f"{task['envs']['CONFIG']}.yaml").is_file()


@needs_bash
def test_torchrun_makes_one_run_of_two_processes(tmp_path: Path) -> None:
    # device=cpu in the configuration; torchrun would take `--run` as its own option if the script did not prevent it.
    options = ("--config", "smoke", "--run", tmp_path / "run", "--dry-run", *TWO_RANKS)
    done = run("bash", LAUNCH / "torchrun.sh", *options, NPROC="2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "processes  2" in done.stdout
    assert done.stdout.count("a small codec for the synthetic world") == 1, "the main rank alone speaks"
    assert not (tmp_path / "run").exists()


def test_accelerate_starts_ranks_and_nothing_else(tmp_path: Path) -> None:
    script = tmp_path / "ranks.py"
    script.write_text(
        "import os, pathlib, sys\n"
        "names = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK')\n"
        "assert os.environ['MASTER_ADDR'] and os.environ['MASTER_PORT'].isdecimal()\n"
        "assert 'torch' not in sys.modules and 'accelerate' not in sys.modules\n"
        "pathlib.Path(sys.argv[1], os.environ['RANK']).write_text(' '.join(os.environ[name] for name in names))\n",
        encoding="utf-8",
    )
    options = ("--config_file", LAUNCH / "accelerate.yaml", "--num_processes", "2")
    done = run(sys.executable, "-m", "accelerate.commands.launch", *options, script, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [(tmp_path / rank).read_text() for rank in "01"] == ["0 2 0", "1 2 1"]


@needs_bash
@pytest.mark.parametrize(("code", "comes_back"), [(0, False), (1, False), (130, True), (143, True)])
def test_slurm_hands_out_ranks_and_requeues_what_was_interrupted(tmp_path: Path, code: int, comes_back: bool) -> None:
    # srun, scontrol and the command are stand-ins for a cluster's: the test tries the script.
    program(
        tmp_path / "srun",
        'shift; for rank in 0 1; do SLURM_PROCID=$rank SLURM_LOCALID=$rank "$@"; code=$?; done; exit $code',
    )
    program(tmp_path / "scontrol", f'[ "$1" = show ] && echo first || echo "$@" >> {tmp_path}/log')
    names = " ".join(f"${name}" for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"))
    program(tmp_path / "python", f'echo "{names} $@" >> {tmp_path}/log; exit {code}')
    job = {"SLURM_JOB_NODELIST": "first,second", "SLURM_JOB_ID": "7", "SLURM_NTASKS": "2"}
    done = run("bash", LAUNCH / "slurm.sh", "--config", "h100x8", "data.train.folder=a b", first=str(tmp_path), **job)
    assert done.returncode == code, done.stderr
    command = "train/run_all.py --config h100x8 data.train.folder=a b"
    expected = [f"{rank} 2 {rank} first 20007 {command}" for rank in (0, 1)] + ["requeue 7"] * comes_back
    assert (tmp_path / "log").read_text().splitlines() == expected
