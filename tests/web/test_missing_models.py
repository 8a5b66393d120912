"""What ComfyUI's newest page says about the files of our templates in an empty ComfyUI: which are missing, where they go, which it can fetch."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from ..conftest import ROOT
from ..support.archive import unpack
from .conftest import Frontends

pytestmark = [pytest.mark.server, pytest.mark.browser]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a ComfyUI with the newest page, the archive, unpacked into a folder of another name, and no model of the user's."""
    from tools.comfy.frontend import set_settings
    from tools.comfy.server import Server

    comfyui, page = (os.environ.get(name) for name in ("FLASHMOTION_COMFYUI", "FLASHMOTION_FRONTEND_NEWEST"))
    if not comfyui or not page:
        pytest.skip("needs FLASHMOTION_COMFYUI and FLASHMOTION_FRONTEND_NEWEST: run python run_tests.py")
    base = tmp_path_factory.mktemp("empty")
    unpack(base / "custom_nodes" / "flashmotion-main")
    with Server(sys.executable, comfyui, base, extra_args=["--front-end-root", page]) as server:
        set_settings(server.url, {})
        yield server.url


def open_template(context: Any, url: str, name: str) -> Any:
    from tools.comfy.frontend import open_page

    page = context.new_page()
    open_page(page, url)
    workflow = json.loads((ROOT / "example_workflows" / f"{name}.json").read_text(encoding="utf-8"))
    page.evaluate(
        "async ([flow, name]) => { await window.app.loadGraphData(flow, true, true, name) }", [workflow, name]
    )
    return page


def test_the_panel_says_what_goes_where(context: Any, empty: str) -> None:
    page = open_template(context, empty, "flashmotion_plus_adapter")
    page.get_by_role("button", name="View details").click()
    page.get_by_text("Missing Models").first.wait_for()
    page.get_by_role("button", name="Download all").wait_for()
    lines = page.locator("body").inner_text().replace("\u200b", "").splitlines()
    for file, folder in {
        "wan2.2_ti2v_5B_fp16.safetensors": "diffusion_models",
        "Wan22_TI2V_5B_Turbo_lora_rank_64_fp16.safetensors": "loras",
        "wan2.2_vae.safetensors": "vae",
        "umt5_xxl_fp8_e4m3fn_scaled.safetensors": "text_encoders",
        "flashmotion_resnet.safetensors": "model_patches",
    }.items():
        assert folder in lines[lines.index(file) :][:6], (file, lines)
    # All but the adapter, which has no public file.
    assert [line.strip() for line in lines].count("Download") == 4
    page.close()


def test_the_menu_opens_the_first_template_and_the_panel_offers_every_file(context: Any, empty: str) -> None:
    from tools.comfy.frontend import open_page

    page = context.new_page()
    open_page(page, empty)
    page.evaluate("() => { window.app.graph.add(window.LiteGraph.createNode('LoadImage')) }")
    page.get_by_test_id("comfy-menu-button").click()
    page.get_by_text("FlashMotion", exact=True).click()
    page.get_by_text("Start without an adapter").click()
    page.get_by_role("button", name="View details").click()
    page.get_by_role("button", name="Download all").wait_for()
    lines = page.locator("body").inner_text().replace("\u200b", "").splitlines()
    for file in (
        "wan2.2_ti2v_5B_fp16.safetensors",
        "Wan22_TI2V_5B_Turbo_lora_rank_64_fp16.safetensors",
        "wan2.2_vae.safetensors",
        "umt5_xxl_fp8_e4m3fn_scaled.safetensors",
    ):
        assert file in lines
    assert [line.strip() for line in lines].count("Download") == 4
    # What was being drawn stays in a tab of its own.
    tabs = page.evaluate(
        """() => window.app.extensionManager.workflow.openWorkflows.map(({ filename, activeState }) =>
        [filename, activeState.nodes.some(({ type }) => type === 'LoadImage'), activeState.nodes.length])"""
    )
    workflow = json.loads((ROOT / "example_workflows/flashmotion_no_adapter.json").read_text(encoding="utf-8"))
    assert tabs[0][:2] == ["Unsaved Workflow", True]
    assert tabs[1] == ["flashmotion_no_adapter", True, len(workflow["nodes"])]
    page.close()


def test_the_tiny_template_misses_nothing(context: Any, empty: str, frontends: Frontends) -> None:
    from tools.comfy.frontend import set_settings

    set_settings(frontends["pinned"].url, {})
    for url in (empty, frontends["pinned"].url):
        page = open_template(context, url, "flashmotion_tiny_cpu")
        page.wait_for_function("() => document.querySelector('.fm-canvas')")
        page.wait_for_timeout(2000)  # the panel is opened a moment after the graph
        assert page.get_by_role("button", name="View details").count() == 0
        value = page.evaluate("() => window.app.graph.nodes.find((node) => node.type === 'LoadImage').widgets[0].value")
        assert value == "flashmotion_scene_0.png [temp]"
        reply = page.request.get(f"{url}/view?filename=flashmotion_scene_0.png&type=temp")
        assert reply.body() == (ROOT / "assets/tiny/flashmotion_scene_0.png").read_bytes()
        page.close()
