"""The result under the boxes: while the tiny models sample, after the run, of each kind of file, and after a cancel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .editor_page import CANVAS_SHOWN, PIXEL, VIEW
from .workflow_page import OpenPage

pytestmark = pytest.mark.browser

SIZE = [128, 128]
# The turquoise disc in the first frame, which it leaves, beside its path.
DISC = (0.8, 0.87)
BRING_NEAR = """() => {
    const node = window.app.graph.nodes.find(({ type }) => type === 'DrawTrajectory')
    window.app.canvas.ds.scale = 1
    window.app.canvas.ds.offset = [300 - node.pos[0], 60 - node.pos[1]]
    window.app.canvas.setDirty(true, true)
}"""
NOTE_LINES = """() => {
    window.said = new Set()
    window.app.api.addEventListener('execution_interrupted', () => window.said.add('interrupted'))
    window.notes = new MutationObserver(() => {
        for (const entry of document.querySelectorAll('.fm-notice:not([hidden]) span')) window.said.add(entry.textContent)
    })
    window.notes.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true })
}"""
RESULT_IS_OFF = (
    "(off) => (document.querySelector('[data-command=\"result\"]').getAttribute('aria-disabled') === 'true') === off"
)
PREVIEWS = "Comfy.Execution.PreviewMethod"
# Another node in place of SaveVideo.
SAVE_AS = """(type) => {
    const { graph } = window.app
    for (const node of graph.nodes.filter((entry) => ['SaveVideo', 'SaveAnimatedWEBP', 'PreviewImage'].includes(entry.type))) graph.remove(node)
    const node = window.LiteGraph.createNode(type)
    graph.add(node)
    graph.nodes.find((entry) => entry.type === 'VAEDecode').connect(0, node, 0)
}"""
# At once, because the tiny models are quick.
CANCEL = """() => {
    const button = [...document.querySelectorAll('.fm-notice button')].find((entry) => entry.textContent === 'Cancel')
    const seen = button.checkVisibility()
    if (seen) button.click()
    return seen
}"""
NO_LINE = "() => ![...document.querySelectorAll('.fm-notice')].some((entry) => entry.checkVisibility())"
# One that no other test samples: the server keeps results.
OWN_SEED = """() => {
    window.app.graph.nodes.find(({ type }) => type === 'FewStepSampler').widgets.find(({ name }) => name === 'seed').value = 77001
}"""
MANY_STEPS = """() => {
    window.app.graph.nodes.find(({ type }) => type === 'FewStepSampler').widgets.find(({ name }) => name === 'steps').value = 64
}"""


@pytest.fixture
def tiny(ready: OpenPage) -> Iterator[OpenPage]:
    page = ready.page
    before = page.evaluate("(name) => window.app.extensionManager.setting.get(name)", PREVIEWS)
    ready.set(PREVIEWS, "latent2rgb")
    ready.load("flashmotion_tiny_cpu", draw=901)
    page.evaluate(BRING_NEAR)
    page.evaluate(OWN_SEED)
    page.wait_for_function(CANVAS_SHOWN)
    page.evaluate(NOTE_LINES)
    yield ready
    page.evaluate("() => window.notes.disconnect()")
    ready.set(PREVIEWS, before)


def has_disc(opened: OpenPage) -> bool:
    """Whether the disc is shown where it is in the first frame."""
    view = opened.page.evaluate(VIEW, SIZE)
    place = [view["left"] + DISC[0] * view["width"], view["top"] + DISC[1] * view["height"]]
    red, green, blue = opened.page.evaluate(PIXEL, place)
    return bool(green > red + 50 and blue > red + 50)


def wait(opened: OpenPage, disc: bool) -> None:
    """Wait until the disc is shown there, or is not."""
    for _ in range(100):
        if has_disc(opened) == disc:
            return
        opened.page.wait_for_timeout(100)
    assert has_disc(opened) == disc


def press(opened: OpenPage, *keys: str) -> None:
    """Press keys in the editor."""
    opened.page.locator(".fm-sink").first.focus()
    for key in keys:
        opened.page.keyboard.press(key)


@pytest.mark.parametrize("renderer", ["vue"])
def test_the_result_lies_under_the_boxes(tiny: OpenPage) -> None:
    opened, page = tiny, tiny.page
    result = page.locator('[data-command="result"]').first
    line = page.locator(".fm-notice:visible")
    assert result.is_disabled()
    # Without cut-outs the disc of the picture stays where it is.
    press(opened, "a")
    for kind in ("", "SaveAnimatedWEBP", "PreviewImage"):
        if kind:
            page.evaluate(SAVE_AS, kind)
        opened.run()
        assert result.get_attribute("aria-pressed") == "true"
        press(opened, "Home")
        wait(opened, disc=True)
        press(opened, "End")
        wait(opened, disc=False)
        opened.picture(f"result {kind}")
        press(opened, "t")
        wait(opened, disc=True)
        if kind == "":
            said = page.evaluate("() => [...window.said].join(' ')")
            assert "step 2 of 4. The sampler previews the first frame." in said
    # It stays while the boxes move on, and says so.
    press(opened, "t")
    assert line.count() == 0
    press(opened, "n")
    assert "The drawing has changed since" in line.inner_text()
    wait(opened, disc=False)
    press(opened, "Control+z")
    page.wait_for_function(NO_LINE)
    assert "interrupted" not in page.evaluate("() => [...window.said]")
    # A run that is cancelled leaves the result before it.
    page.evaluate(MANY_STEPS)
    page.get_by_test_id("queue-button").first.click()
    page.wait_for_function(CANCEL)
    page.wait_for_function(NO_LINE)
    page.wait_for_function("() => window.said.has('interrupted')")
    press(opened, "End")
    wait(opened, disc=False)
    # It is no result of another workflow whose node has the same number, and is there again in this one.
    graph = page.evaluate("() => JSON.parse(JSON.stringify(window.app.graph.serialize()))")
    for workflow, disabled in (("8b0f9a52-3f0c-4d5e-9d57-0f6c3a1b2c4d", True), (graph["id"], False)):
        page.evaluate("async (graph) => { await window.app.loadGraphData(graph) }", {**graph, "id": workflow})
        page.wait_for_function(CANVAS_SHOWN)
        page.wait_for_function(RESULT_IS_OFF, arg=disabled)
    assert opened.complaints_about_us() == []
