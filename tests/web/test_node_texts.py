"""English has no locale file: the page must show the schemas' own texts, in every frontend."""

from __future__ import annotations

import pytest

from .editor_page import EditorPage

PLACE_NODE = """async () => {
    const { graph, canvas } = window.app
    graph.clear()
    const node = window.LiteGraph.createNode('FewStepSampler')
    node.pos = [100, 100]
    graph.add(node)
    canvas.ds.scale = 1
    canvas.ds.offset = [300, 100]
    canvas.setDirty(true, true)
}"""
# Pixels of the page of the node's title, and of one of its widgets.
PLACES = """() => {
    const { graph, canvas } = window.app
    const [node] = graph.nodes
    const { left, top } = canvas.canvas.getBoundingClientRect()
    const at = (x, y) => [node.pos[0] + x + canvas.ds.offset[0] + left, node.pos[1] + y + canvas.ds.offset[1] + top]
    return { title: at(100, -15), preset: at(60, node.widgets.find((widget) => widget.name === 'preset').y + 8) }
}"""
SHOWN = "() => document.querySelector('.node-tooltip')?.textContent"


@pytest.mark.browser
@pytest.mark.frontends("classic")
def test_english_texts_come_from_the_schemas(editor: EditorPage) -> None:
    page = editor.page
    page.evaluate(PLACE_NODE)
    page.wait_for_function("() => window.app.graph.nodes[0].widgets.every((widget) => widget.y > 0)")
    schema = page.evaluate("async () => (await (await fetch('/object_info/FewStepSampler')).json()).FewStepSampler")
    for place, text in {
        "title": schema["description"],
        "preset": schema["input"]["required"]["preset"][1]["tooltip"],
    }.items():
        assert text
        shown = ""
        for look in range(150):
            if look % 15 == 0:  # a click or a change of the page takes a tooltip away
                x, y = page.evaluate(PLACES)[place]
                page.mouse.move(x - 3, y)
                page.mouse.move(x, y)
            page.wait_for_timeout(100)
            if (shown := page.evaluate(SHOWN)) == text:
                break
        assert shown == text
