"""One history: Ctrl+Z in the editor and in the graph walk the same steps, and the editor keeps its keys to itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .editor_page import EMPTY, GRAPH, INTO_SUBGRAPH, NODE, SHOW_INNER, EditorPage

pytestmark = pytest.mark.browser

UNDO, REDO = "Control+z", "Control+Shift+z"
TWO = {**GRAPH, "4": {"class_type": "DrawTrajectory", "inputs": {"trajectory": json.dumps(EMPTY)}}}
# As a user's drag of a node ends.
MOVE = """([id, x]) => {
    const node = window.app.graph.nodes.find((entry) => String(entry.id) === id)
    node.pos = [x, node.pos[1]]
    window.dispatchEvent(new MouseEvent('mouseup'))
}"""
STEPS = "() => window.app.extensionManager.workflow.activeWorkflow.changeTracker.undoQueue.length"
# Of each node in the order of their ids: how many objects its document has, or else where it stands.
SEEN = """() => [window.app.canvas.graph, window.app.graph].flatMap(({ nodes }) =>
    nodes.toSorted((a, b) => Number(a.id) - Number(b.id)).map(({ type, pos, widgets }) =>
        type === 'DrawTrajectory' ? JSON.parse(widgets[0].value || '{"objects":[]}').objects.length : Math.round(pos[0])))"""
IN_EDITOR = "() => Boolean(document.activeElement?.closest('.fm-editor'))"


class Walk:
    """Steps of the history, and what each of them led to."""

    def __init__(self, editor: EditorPage) -> None:
        self.editor = editor
        # What a script has placed is no step of the user's. Smaller than its controls, a node would grow when it is loaded again.
        editor.page.evaluate(
            "() => window.app.canvas.graph.nodes.forEach((node) => node.type === 'DrawTrajectory' && node.setSize([480, 900]))"
        )
        editor.settle(graph=True)
        editor.page.evaluate("() => window.dispatchEvent(new MouseEvent('mouseup'))")
        # ComfyUI keeps 50 steps, and the page has those of other tests.
        editor.page.evaluate(f"() => {{ ({STEPS.removesuffix('.length').removeprefix('() => ')}).splice(0) }}")
        self.seen = [self.look()]
        self.before = editor.page.evaluate(STEPS)

    def look(self) -> Any:
        """What the graph holds once it stands still."""
        self.editor.settle(graph=True)
        return self.editor.page.evaluate(SEEN)

    def note(self) -> None:
        """A step was made, and no more than one."""
        self.seen.append(self.look())
        assert self.editor.page.evaluate(STEPS) == self.before + len(self.seen) - 1

    def press(self, where: int | None, key: str, expected: Any) -> None:
        """Press a key in an editor, or in the graph, and see what it must lead to."""
        page = self.editor.page
        if where is None:
            self.editor.graph_key(key)
        else:
            page.locator(".fm-sink").nth(where).focus()
            page.keyboard.press(key)
        self.editor.until(lambda: page.evaluate(SEEN) == expected)
        assert self.look() == expected
        if where is not None:
            self.editor.until(lambda: page.evaluate(IN_EDITOR))

    def sent(self) -> Any:
        """The documents that Run would send."""
        prompt = self.editor.page.evaluate("async () => (await window.app.graphToPrompt()).output")
        return [entry["inputs"]["trajectory"] for entry in prompt.values() if entry["class_type"] == "DrawTrajectory"]

    def there_and_back(self, *places: int | None) -> None:
        """Undo all steps, each at the next of the places, and redo them."""
        count = len(self.seen) - 1
        sent = self.sent()
        for index in range(count):
            self.press(places[index % len(places)], UNDO, self.seen[count - 1 - index])
        for index in range(count):
            self.press(places[index % len(places)], REDO, self.seen[index + 1])
        assert self.sent() == sent
        assert self.editor.page.evaluate(STEPS) == self.before + count


@pytest.mark.frontends("default")
def test_undo_walks_one_history_in_two_editors_and_in_the_graph(editor: EditorPage) -> None:
    editor.load(graph=TWO)
    editor.page.evaluate(
        """() => { const node = window.app.graph.nodes.find(({ id }) => String(id) === '4')
        node.pos = [540, 0]; node.setSize([480, 860]); window.app.canvas.setDirty(true, true) }"""
    )
    walk = Walk(editor)
    editor.drag((0.1, 0.1), (0.3, 0.4))
    walk.note()
    editor.page.evaluate(MOVE, ["3", 900])
    walk.note()
    editor.drag((0.6, 0.6), (0.8, 0.9))
    walk.note()
    editor.page.locator(".fm-sink").nth(1).focus()
    editor.press("n")
    walk.note()
    assert len({str(entry) for entry in walk.seen}) == 5
    walk.there_and_back(0)
    walk.there_and_back(1, None, 0)
    # What was undone in the editor is gone for the graph too once something else is done.
    walk.press(0, UNDO, walk.seen[3])
    editor.page.evaluate(MOVE, ["3", 800])
    moved = walk.look()
    editor.graph_key(REDO)
    assert walk.look() == moved
    walk.press(None, UNDO, walk.seen[3])
    assert editor.page.locator('[data-command="redo"]').first.is_enabled()


def test_undo_inside_a_subgraph(editor: EditorPage) -> None:
    editor.load()
    editor.page.evaluate(INTO_SUBGRAPH, False)
    editor.page.wait_for_function("() => window.app.canvas.graph.nodes[0]?.type === 'DrawTrajectory'")
    editor.page.evaluate(SHOW_INNER)
    walk = Walk(editor)
    editor.drag((0.1, 0.1), (0.3, 0.4))
    walk.note()
    editor.drag((0.6, 0.6), (0.8, 0.9))
    walk.note()
    walk.there_and_back(0)
    walk.there_and_back(None, 0)


# What ComfyUI's keys would do to the node, and whether it is there.
STATE = f"""() => {{ const node = {NODE}
    return node && [node.mode, Boolean(node.flags.collapsed), Boolean(node.flags.pinned), window.app.canvas.read_only] }}"""


def test_keys_stay_in_the_editor(editor: EditorPage) -> None:
    editor.load()
    page = editor.page
    editor.drag((0.1, 0.1), (0.3, 0.4))
    state = page.evaluate(STATE)
    page.evaluate(f"() => window.app.canvas.selectNode({NODE})")
    keys = ["Control+b", "Control+m", "Alt+c", "Control+g", "Control+Shift+e", "Control+a", "p", "h", "w", "q"]
    for focus in (".fm-sink", ".fm-option", 'button[data-command="snap"]'):
        page.locator(focus).first.focus()
        editor.press(*keys)
        assert page.evaluate(IN_EDITOR)
    page.locator(".fm-field input[type=number]:enabled").first.focus()
    editor.press(*keys[:6])
    # Beside the controls, too: on a text, on a button that is off, on a line between entries of a menu.
    for beside in (".fm-length", "[data-command=redo]"):
        page.locator(f".fm-editor:visible {beside}").first.click(force=True)
        assert page.evaluate(IN_EDITOR)
    editor.click("Motion")
    page.get_by_role("separator").first.click()
    editor.press("Delete", "Control+b")
    assert page.evaluate(IN_EDITOR)
    editor.press("Escape")
    # The node's copy, made with the focus on a button, would be a node of its own.
    page.locator('button[data-command="snap"]').focus()
    editor.press("Control+c", "Control+v")
    page.wait_for_timeout(300)
    assert page.evaluate(STATE) == state
    assert page.evaluate("() => window.app.graph.nodes.map(({ type }) => type).sort()") == [
        "DrawTrajectory",
        "LoadImage",
        "PreviewImage",
    ]
    assert page.evaluate("() => window.app.extensionManager.sidebarTab.activeSidebarTabId") is None
    # The keys of the queue do pass.
    page.evaluate("() => window.app.api.addEventListener('promptQueued', () => { window.queued = true })")
    page.locator(".fm-sink").first.focus()
    editor.press("Control+Enter")
    editor.until(lambda: page.evaluate("() => window.queued"))
    editor.press("Escape", "Escape", "Escape")
    assert not page.evaluate(IN_EDITOR)
    editor.press("Delete", "Backspace")
    page.wait_for_timeout(300)
    assert page.evaluate(STATE) == state
