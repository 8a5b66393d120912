"""`quickstart.py` from the picture to the video, with the ComfyUI that the tests have: `--comfyui PATH`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from importlib import metadata
from pathlib import Path

import pytest
from PIL import Image

from tools.comfy.server import answers
from tools.quickstart.overlay import read_frames
from tools.quickstart.scenes import draw
from tools.setup.environment import REPOSITORY

from ..support.sentences import names
from ..support.tiny import FLOOR

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
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)


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
    names(done.stdout, key="Not measured", value="drawn scenes", remedy="photographs are not part of")
    frames = read_frames(video)
    assert (len(frames), frames[0].size) == (9, (128, 96))
    with Image.open(picture) as sheet:
        assert sheet.width > 3 * 128
    assert (tmp_path / "home" / "run" / "input" / "photo.png").is_file()


def box_iou(said: str) -> tuple[float, float]:
    """(the clip's, that of standing still) from what the command prints."""
    pattern = r"^Box IoU between where the 2 objects went and the boxes: (\d\.\d\d) on average \(.*still would give (\d\.\d\d)"
    found = re.search(pattern, said, re.MULTILINE)
    assert found is not None, said
    return float(found[1]), float(found[2])


@pytest.mark.server
def test_a_scene_along_other_boxes_is_measured_shown_and_compared_with_the_guide(
    command: list[str], tmp_path: Path
) -> None:
    # Along a scene's own boxes: test_the_example_follows_its_boxes_and_an_open_server_ends_with_its_command.
    other = json.loads(draw(1).document)
    other["objects"][0]["keyframes"][-1].update(x=0.75, y=0.25)
    asked, out = tmp_path / "other.json", tmp_path / "out"
    asked.write_text(json.dumps(other), encoding="utf-8")
    given = ["--scene", "1", "--trajectory", str(asked), "--guide", "--out", str(out)]
    done = run([*command, *given], tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert f"Scene 1: {draw(1).objects}.\n" in done.stdout
    assert len(re.findall(r"^  from picture and boxes to mp4 in \d+\.\d s$", done.stdout, re.MULTILINE)) == 2
    assert "with the motion guide" in done.stdout
    found = dict(re.findall(r"^  (standing still|adapter|motion guide) +(\d\.\d\d)$", done.stdout, re.MULTILINE))
    assert float(found["adapter"]) > FLOOR
    assert float(found["motion guide"]) > FLOOR
    clip, still = box_iou(done.stdout)
    assert [f"{clip:.2f}", f"{still:.2f}"] == [found["motion guide"], found["standing still"]]
    assert 0.1 < still < 0.5
    (video,) = out.glob("*.mp4")
    frames = read_frames(video)
    assert (len(frames), frames[0].size) == (17, (128, 128))
    (animation,) = out.glob("*.gif")
    with Image.open(animation) as moving:
        assert moving.n_frames == 17
        assert moving.width > 2 * 3 * 128
    (trajectory,) = out.glob("*_trajectory.json")
    assert trajectory.read_text(encoding="utf-8") == asked.read_text(encoding="utf-8")
    assert str(animation) in done.stdout
    assert str(trajectory) in done.stdout


@pytest.mark.parametrize(
    ("option", "name", "content", "value", "remedy"),
    [
        ("--trajectory", "wrong.json", json.dumps({**DOCUMENT, "frames": -3}), "-3", "give a whole number"),
        ("--image", "dög.png", "no picture", "dög.png", "choose an undamaged picture"),
    ],
)
def test_a_file_that_is_wrong_is_one_sentence_before_a_server_starts(
    option: str, name: str, content: str, value: str, remedy: str, command: list[str], tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    done = run([*command, option, str(file)], tmp_path / "home")
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    names(said, key=f"quickstart: {option}", value=value, remedy=remedy)
    assert "Starting" not in done.stdout


@pytest.mark.server
@pytest.mark.skipif(os.name != "posix", reason="asks it to terminate by a POSIX signal")
def test_the_example_follows_its_boxes_and_an_open_server_ends_with_its_command(
    command: list[str], tmp_path: Path
) -> None:
    environment = {**os.environ, "FLASHMOTION_HOME": str(tmp_path / "home")}
    url, said = "", ""
    with subprocess.Popen([*command, "--ui"], env=environment, stdout=subprocess.PIPE, text=True) as quickstart:
        for line in quickstart.stdout or ():
            said += line
            if "ComfyUI is open at " in line:
                url = line.split()[4]
                break
        assert answers(url)
        with urllib.request.urlopen(f"{url}/api/userdata?dir=workflows") as reply:
            assert json.load(reply) == ["flashmotion_tiny_cpu.json"]
        quickstart.send_signal(signal.SIGTERM)
        assert quickstart.wait(timeout=30) == 128 + signal.SIGTERM
    assert not answers(url)
    (moves,) = (tmp_path / "home" / "run" / "output").rglob("*_trajectory.json")
    assert moves.read_text(encoding="utf-8") == draw(0).document
    clip, still = box_iou(said)
    assert clip > FLOOR > still


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
