"""The editor under axe, narrow and wide, with its menus, in both renderers, and light and dark: no violation of WCAG 2 A and AA in what is
ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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


@pytest.fixture
def watched(mouse: EditorPage) -> Iterator[EditorPage]:
    """The page with axe."""
    if not AXE.is_file():
        pytest.skip("needs node_modules: run python run_tests.py")
    mouse.page.add_script_tag(path=str(AXE))
    yield mouse
    mouse.set_palette("dark")


@pytest.mark.frontends("pinned")
def test_axe_finds_nothing(watched: EditorPage) -> None:
    editor = watched
    editor.load(DOCUMENT)
    editor.page.get_by_role("option", name="cat").click()
    for width, menu in ((480, None), (252, "More"), (700, "Object: "), (700, "Document")):
        editor.page.evaluate(
            f"(width) => {{ {NODE}.setSize([width, 860]); window.app.canvas.setDirty(true, true) }}", width
        )
        for palette in ("dark", "light"):
            editor.set_palette(palette)
            editor.settle()
            if menu:
                editor.click(menu)
            found = editor.page.evaluate(CHECK)
            assert found["violations"] == [], (width, menu, palette)
            assert found["passed"] > 10
            editor.press("Escape")
