"""The editor under axe, narrow and wide, with its menus, in both renderers, and light and dark: no violation of WCAG 2 A and AA in what is
ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..conftest import RunningServer
from .editor_page import NODE, EditorPage

pytestmark = pytest.mark.browser

AXE = Path(__file__).resolve().parents[2] / "node_modules/axe-core/axe.min.js"
CHECK = """async () => {
    const found = await axe.run('.fm-editor', { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] })
    return {
        passed: found.passes.length,
        violations: found.violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`),
    }
}"""
DOCUMENT = {
    "version": 1,
    "size": [384, 256],
    "frames": 33,
    "fps": 24,
    "objects": [
        {
            "id": name,
            "label": name,
            "keyframes": [{"frame": k, "x": 0.2 + k / 60, "y": 0.4, "w": 0.2, "h": 0.3} for k in (0, 32)],
        }
        for name in ("cat", "dog")
    ],
}


@pytest.fixture(scope="module")
def context(chromium: Any) -> Iterator[Any]:
    if not AXE.is_file():
        pytest.skip("needs node_modules: run python run_tests.py")
    made = chromium.new_context(viewport={"width": 1500, "height": 1000})
    yield made
    made.close()


@pytest.fixture(scope="module")
def page(context: Any, newest_server: RunningServer) -> Iterator[EditorPage]:
    made = EditorPage(context, newest_server.url, vue=False)
    made.page.add_script_tag(path=str(AXE))
    yield made
    made.set_palette("dark")


@pytest.mark.parametrize("palette", ["dark", "light"])
@pytest.mark.parametrize("vue", [False, True], ids=["classic", "vue"])
def test_axe_finds_nothing(page: EditorPage, vue: bool, palette: str) -> None:
    editor, page.vue = page, vue
    editor.start_over()
    editor.set_palette(palette)
    editor.load(DOCUMENT)
    editor.page.get_by_role("option", name="cat").click()
    for width, menu in ((480, None), (252, "More"), (700, "Object: "), (700, "Document")):
        editor.page.evaluate(
            f"(width) => {{ {NODE}.setSize([width, 860]); window.app.canvas.setDirty(true, true) }}", width
        )
        editor.settle()
        if menu:
            editor.click(menu)
        found = editor.page.evaluate(CHECK)
        assert found["violations"] == [], (width, menu)
        assert found["passed"] > 10
        editor.press("Escape")
