"""What the import of the registry's archive brings into ComfyUI's process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ..support.archive import NODES, unpack

PROGRAM = """
import asyncio, gc, importlib.util, json, sys
gc.disable()
comfyui, pack = sys.argv[1:]
sys.path.insert(0, comfyui)
from comfy.cli_args import args
args.cpu = True
import nodes, comfy_extras.nodes_model_advanced, comfy_api.latest
before = set(sys.modules)
spec = importlib.util.spec_from_file_location("pack", pack + "/__init__.py", submodule_search_locations=[pack])
module = importlib.util.module_from_spec(spec)
sys.modules["pack"] = module
spec.loader.exec_module(module)
async def ids():
    extension = await module.comfy_entrypoint()
    return [node.GET_SCHEMA().node_id for node in await extension.get_node_list()]
found = asyncio.run(ids())
new = {name: getattr(sys.modules[name], "__file__", None) for name in sorted(set(sys.modules) - before)}
print("FOUND", json.dumps([found, new]))
gc.freeze()  # or Python looks for a second through what is gone in a moment
"""


@pytest.mark.slow
def test_the_archive_gives_comfyui_the_nodes_and_imports_nothing_that_comfyui_has_not(
    comfyui: Path, tmp_path: Path
) -> None:
    """Nothing but our own modules and the standard library: no diffusers, transformers, cv2, pydantic; start-up stays fast."""
    pack = unpack(tmp_path / "custom_nodes" / "flashmotion")
    # From elsewhere, so that no file of the repository can stand in for a missing one.
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(comfyui), str(pack)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("FOUND "))
    ids, new = json.loads(line.removeprefix("FOUND "))
    assert ids == NODES
    assert "pack.nodes.wan_patch" in new
    foreign = {name.split(".")[0] for name in new} - {"pack"} - set(sys.stdlib_module_names)
    assert foreign == set()
    loaded = [file for name, file in new.items() if name.split(".")[0] == "pack"]
    assert len(loaded) > 10
    assert all(Path(file).is_relative_to(pack) for file in loaded)
    heavy = [
        name
        for name in new
        if name.startswith(("pack.flashmotion_core.generation", "pack.flashmotion_core.generate", "pack.train"))
    ]
    assert heavy == []
