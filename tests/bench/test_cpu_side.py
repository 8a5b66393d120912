"""The processor's benchmark: what it compares, and its table."""

import json
import os
import subprocess
import sys

import pytest

from bench import cpu_side
from flashmotion_core.trajectory import parse, sample

from ..conftest import ROOT


def test_the_dense_document_has_every_key():
    text = cpu_side.dense_document(objects=3, keys=20)
    objects = json.loads(text)["objects"]
    assert [len(tracked["keyframes"]) for tracked in objects] == [20] * 3
    assert sample(parse(text)).boxes_TN4.shape == (20, 3, 4)
    largest = cpu_side.dense_document()
    assert len(parse(largest).objects) == 64


def test_both_sides_take_turns():
    order = []
    ours, other = cpu_side.typical(lambda: order.append("ours"), lambda: order.append("other"), runs=2)
    assert order == ["ours", "other", "other", "ours", "ours", "other"]
    assert ours >= 0
    assert other >= 0


def test_the_command_without_comfyui():
    command = [sys.executable, str(ROOT / "bench/cpu_side.py"), "--runs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) == 4
    assert "its JSON" in rows[3]


def test_a_folder_without_comfyui_is_named(tmp_path):
    command = [sys.executable, str(ROOT / "bench/cpu_side.py"), "--comfyui", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{tmp_path} is not a ComfyUI folder" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(
    "FLASHMOTION_COMFYUI" not in os.environ, reason="needs FLASHMOTION_COMFYUI: run python run_tests.py"
)
def test_sampling_runs_inside_comfyui():
    comfyui = os.environ["FLASHMOTION_COMFYUI"]
    command = [
        sys.executable,
        str(ROOT / "bench/cpu_side.py"),
        "--comfyui",
        comfyui,
        "--runs",
        "1",
        "--only",
        "KSampler",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (row,) = (line for line in done.stdout.splitlines() if line.startswith("| FewStepSampler / KSampler"))
    ratio = float(row.split("|")[4])
    assert 0.1 < ratio < 10
