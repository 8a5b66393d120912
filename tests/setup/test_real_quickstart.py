"""`quickstart.py` from the picture to the video, with the ComfyUI that the tests have: `--comfyui PATH`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from importlib import metadata
from pathlib import Path

import pytest
from PIL import Image

from tools.comfy_server import answers
from tools.environment import REPOSITORY
from tools.overlay import read_frames

DOCUMENT = {
    "version": 1,
    "size": [128, 96],
    "frames": 9,
    "fps": 8,
    "objects": [
        {
            "id": "box",
            "keyframes": [
                {"frame": 0, "x": 0.3, "y": 0.5, "w": 0.25, "h": 0.5},
                {"frame": 8, "x": 0.7, "y": 0.5, "w": 0.25, "h": 0.5},
            ],
        }
    ],
}


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    folder = os.environ.get("FLASHMOTION_COMFYUI")
    if not folder:
        pytest.skip("needs ComfyUI: run python run_tests.py, or set FLASHMOTION_COMFYUI to its folder")
    return [sys.executable, str(REPOSITORY / "quickstart.py"), "--comfyui", folder, "--python", sys.executable]


def run(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FLASHMOTION_HOME": str(home)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.server
def test_a_photograph_and_a_trajectory_become_a_video(command: list[str], tmp_path: Path) -> None:
    trajectory = tmp_path / "moves.json"
    trajectory.write_text(json.dumps(DOCUMENT), encoding="utf-8")
    photograph = tmp_path / "photo.png"
    Image.effect_noise((160, 120), 60.0).convert("RGB").save(photograph)
    out = tmp_path / "out"
    given = ["--image", str(photograph), "--trajectory", str(trajectory), "--out", str(out)]
    done = run([*command, *given], tmp_path / "home")
    assert done.returncode == 0, done.stderr
    (video,) = out.glob("*.mp4")
    (picture,) = out.glob("*_boxes.png")
    assert str(video) in done.stdout
    assert str(picture) in done.stdout
    frames = read_frames(video)
    assert (len(frames), frames[0].size) == (9, (128, 96))
    with Image.open(picture) as sheet:
        assert sheet.width > 3 * 128
    assert (tmp_path / "home" / "run" / "input" / "photo.png").is_file()


@pytest.mark.server
def test_a_trajectory_that_is_wrong_is_one_sentence(command: list[str], tmp_path: Path) -> None:
    trajectory = tmp_path / "wrong.json"
    trajectory.write_text(json.dumps({**DOCUMENT, "frames": -3}), encoding="utf-8")
    done = run([*command, "--trajectory", str(trajectory)], tmp_path / "home")
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert said.startswith("quickstart: The workflow failed in DrawTrajectory: ")
    assert "frames" in said
    assert "-3" in said


@pytest.mark.server
@pytest.mark.skipif(os.name != "posix", reason="asks it to terminate by a POSIX signal")
def test_an_open_server_ends_with_its_command(command: list[str], tmp_path: Path) -> None:
    environment = {**os.environ, "FLASHMOTION_HOME": str(tmp_path / "home")}
    url = ""
    with subprocess.Popen([*command, "--ui"], env=environment, stdout=subprocess.PIPE, text=True) as quickstart:
        for line in quickstart.stdout or ():
            if "ComfyUI is open at " in line:
                url = line.split()[4]
                break
        assert answers(url)
        with urllib.request.urlopen(f"{url}/api/userdata?dir=workflows") as reply:
            assert json.load(reply) == ["flashmotion_tiny_cpu.json"]
        quickstart.send_signal(signal.SIGTERM)
        assert quickstart.wait(timeout=30) == 128 + signal.SIGTERM
    assert not answers(url)


def test_the_installed_project_does_not_hide_comfyuis_nodes() -> None:
    try:
        metadata.distribution("flashmotion")
    except metadata.PackageNotFoundError:
        pytest.skip("the project is not installed here: run python run_tests.py")
    ask = (
        "from importlib.util import find_spec as f; print([bool(f(n)) for n in ('flashmotion_core', 'nodes', 'tools')])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[True, False, False]"
