"""What the pack's import brings into ComfyUI's process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT

PROGRAM = """
import importlib.util, json, sys
sys.path.insert(0, sys.argv[1])
from comfy.cli_args import args
args.cpu = True
import nodes, comfy_extras.nodes_model_advanced, comfy_api.latest
before = set(sys.modules)
spec = importlib.util.spec_from_file_location("pack", sys.argv[2] + "/__init__.py", submodule_search_locations=[sys.argv[2]])
module = importlib.util.module_from_spec(spec)
sys.modules["pack"] = module
spec.loader.exec_module(module)
importlib.import_module("pack.nodes")
print("NEW", json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.mark.slow
def test_the_pack_imports_nothing_that_comfyui_has_not(comfyui: Path) -> None:
    """Nothing but our own modules and the standard library: no diffusers, transformers, cv2, pydantic; start-up stays fast."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(comfyui), str(ROOT)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT.parent,
    )
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("NEW "))
    new = json.loads(line.removeprefix("NEW "))
    assert "pack.nodes.wan_patch" in new
    foreign = {name.split(".")[0] for name in new} - {"pack"} - set(sys.stdlib_module_names)
    assert foreign == set()
    heavy = [
        name
        for name in new
        if name.startswith(("pack.flashmotion_core.generation", "pack.flashmotion_core.generate", "pack.train"))
    ]
    assert heavy == []
