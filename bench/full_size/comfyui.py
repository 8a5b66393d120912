"""ComfyUI's stock graph beside ours, in a separate process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tools.terminal import last_line

from .cases import Plan
from .models import Shapes
from .rows import Recorder, SpeedRow

WORKER = Path(__file__).with_name("comfyui_worker.py")


def measure(comfyui: Path, shapes: Shapes, plan: Plan, recorder: Recorder) -> None:
    """Add the rows of the largest size; a ComfyUI that fails becomes a row that says why."""
    clip = str(plan.clips[-1])
    recorder.clock.free()
    command = [
        sys.executable,
        str(WORKER),
        str(comfyui.resolve()),
        shapes.name,
        clip,
        str(plan.repeat),
        str(plan.patience),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        recorder.failed(
            SpeedRow("peers", "ComfyUI, picture to mp4", clip), f"ComfyUI ended with: {last_line(done.stderr)}"
        )
        return
    for found in json.loads(lines[-1]):
        row = SpeedRow(**found)
        recorder.rows.append(row)
        recorder.show(row)
