"""English has no locale file: the page must show the schemas' own texts, in every frontend."""

from __future__ import annotations

from typing import Any

import pytest

from tools.comfy.frontend import open_page, set_settings

from .conftest import FRONTENDS, Frontends

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
@pytest.mark.parametrize("name", FRONTENDS)
def test_english_texts_come_from_the_schemas(context: Any, frontends: Frontends, name: str) -> None:
    frontend = frontends[name]
    set_settings(frontend.url, {"Comfy.VueNodes.Enabled": False})
    page = context.new_page()
    open_page(page, frontend.url)
    page.evaluate(PLACE_NODE)
    page.wait_for_function("() => window.app.graph.nodes[0].widgets.every((widget) => widget.y > 0)")
    schema = page.evaluate("async () => (await (await fetch('/object_info/FewStepSampler')).json()).FewStepSampler")
    for place, text in {
        "title": schema["description"],
        "preset": schema["input"]["required"]["preset"][1]["tooltip"],
    }.items():
        assert text
        shown = ""
        for _ in range(15):  # a page that is still loading takes a tooltip away again
            x, y = page.evaluate(PLACES)[place]
            page.mouse.move(x - 3, y)
            page.mouse.move(x, y)
            page.wait_for_timeout(1500)
            if (shown := page.evaluate(SHOWN)) == text:
                break
        assert shown == text
    page.close()
