"""An editor that nobody has seen is not built yet, and yet does what an editor does."""

from __future__ import annotations

import json

import pytest

from .editor_page import CAPTURE, EMPTY, GRAPH, NODE, ONE, PLACE_NODES, EditorPage

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.server]

# Opens a graph whose editor lies far outside of the window.
OPEN_AWAY = f"""async (graph) => {{
    const place = {PLACE_NODES}
    const away = () => {{ place(1); window.app.canvas.ds.offset = [300, -6000] }}
    window.app.canvas.ds.offset = [300, -6000]
    await window.app.loadApiJson(graph, 'away')
    away()
    await new Promise((resolve) => setTimeout(resolve, 500))
    away()
}}"""
SHOW = "() => { window.app.canvas.ds.offset = [300, 80]; window.app.canvas.setDirty(true, true) }"
ELEMENT = f"{NODE}.widgets.find((widget) => widget.name === 'trajectory').element"
BUILT = f"() => {ELEMENT}.querySelector('canvas') !== null"
STEPS = "() => window.app.extensionManager.workflow.activeWorkflow.changeTracker.undoQueue.length"
CHANGE = f"(text) => {{ {NODE}.widgets.find((widget) => widget.name === 'trajectory').value = text }}"
SAVED = f"() => {NODE}.serialize().widgets_values[0]"


def open_away(editor: EditorPage, first: int) -> None:
    """The usual graph with an empty document, out of sight. A node with another id gets no editor of an earlier graph."""
    # On a busy machine the page may show a node for a moment before it is moved away.
    for node in map(str, range(first, first + 4)):
        graph = json.loads(json.dumps(GRAPH))
        graph[node] = {**graph.pop("2"), "inputs": {"trajectory": json.dumps(EMPTY), "start_image": ["1", 0]}}
        graph["3"]["inputs"]["images"] = [node, 1]
        editor.page.evaluate(OPEN_AWAY, graph)
        if not editor.page.evaluate(BUILT):
            return
    raise AssertionError("the editor was built although it was out of sight")


def test_what_nobody_saw_is_saved_sent_and_changed_and_shown_once_it_is_seen(editor: EditorPage) -> None:
    open_away(editor, 61)
    page = editor.page
    assert editor.text() == editor.sent_text() == page.evaluate(SAVED) == json.dumps(EMPTY)
    text = json.dumps(ONE, indent=1)
    page.evaluate(CHANGE, text)
    page.evaluate(CAPTURE)
    steps = page.evaluate(STEPS)
    assert editor.text() == editor.sent_text() == page.evaluate(SAVED) == text
    assert not page.evaluate(BUILT)
    assert page.evaluate(f"() => {ELEMENT}.firstElementChild.getAttribute('aria-label')") == "Trajectory editor"
    page.evaluate(SHOW)
    editor.until(lambda: page.evaluate(BUILT))
    page.get_by_role("option", name="cat").wait_for()
    editor.settle()
    editor.until(lambda: max(editor.pixel(0.9, 0.1)) > 40)  # the start image
    assert editor.text() == text
    assert page.evaluate(STEPS) == steps
    editor.drag((0.3, 0.4), (0.5, 0.4))
    editor.press("Control+z")
    editor.until(lambda: editor.document() == ONE)


def test_a_hand_builds_an_editor_at_once(editor: EditorPage) -> None:
    open_away(editor, 71)
    over = "dispatchEvent(new PointerEvent('pointerover', { bubbles: true }))"
    assert editor.page.evaluate(f"() => {{ {ELEMENT}.firstElementChild.{over}; return ({BUILT})() }}")


def test_a_node_without_a_picture_does_not_keep_the_one_of_the_graph_before(editor: EditorPage) -> None:
    editor.load(ONE)
    editor.until(lambda: max(editor.pixel(0.9, 0.1)) > 40)
    without = {name: entry for name, entry in GRAPH.items() if name != "1"}
    without["2"] = {"class_type": "DrawTrajectory", "inputs": {"trajectory": ""}}
    editor.load(EMPTY, graph=without)
    editor.until(lambda: max(editor.pixel(0.9, 0.1)) < 40)
