"""What ComfyUI's newest page says about our templates' files where there are no models: which are missing, where they go, which it can fetch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ..conftest import ROOT
from .conftest import Frontend
from .editor_page import EditorPage
from .workflow_page import nothing_is_missing

pytestmark = [pytest.mark.browser, pytest.mark.frontends("newest classic")]

EMPTY_TAB = "() => window.app.extensionManager.command.execute('Comfy.NewBlankWorkflow')"
CLOSE_PANEL = "() => window.app.extensionManager.setting.set('Comfy.RightSidePanel.IsOpen', false)"


def blank(page: Any) -> None:
    """An empty workflow in a new tab, of which nothing is missing."""
    page.evaluate(EMPTY_TAB)
    page.wait_for_function("() => window.app.graph.nodes.length === 0")
    for name in ("View details", "Download all"):
        page.get_by_role("button", name=name).wait_for(state="detached")


@pytest.fixture
def page(editor: EditorPage) -> Iterator[Any]:
    """The page of a ComfyUI without models."""
    blank(editor.page)
    yield editor.page
    blank(editor.page)
    editor.page.evaluate(CLOSE_PANEL)


def open_template(page: Any, name: str) -> None:
    workflow = json.loads((ROOT / "example_workflows" / f"{name}.json").read_text(encoding="utf-8"))
    page.evaluate(
        "async ([flow, name]) => { await window.app.loadGraphData(flow, true, true, name) }", [workflow, name]
    )


def test_the_panel_says_what_goes_where(page: Any) -> None:
    open_template(page, "flashmotion_plus_adapter")
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


def test_the_menu_opens_the_first_template_and_the_panel_offers_every_file(page: Any) -> None:
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
        """() => window.app.extensionManager.workflow.openWorkflows.slice(-2).map(({ filename, activeState }) =>
        [filename, activeState.nodes.some(({ type }) => type === 'LoadImage'), activeState.nodes.length])"""
    )
    workflow = json.loads((ROOT / "example_workflows/flashmotion_no_adapter.json").read_text(encoding="utf-8"))
    drawn, opened = tabs
    assert drawn[0].startswith("Unsaved Workflow")
    assert drawn[1]
    assert opened == ["flashmotion_no_adapter", True, len(workflow["nodes"])]


def test_the_tiny_template_misses_nothing(page: Any, frontend: Frontend) -> None:
    open_template(page, "flashmotion_tiny_cpu")
    nothing_is_missing(page, frontend.url)
