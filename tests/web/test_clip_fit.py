"""The clip and its picture, values that are refused when they are typed, and errors of a run, in the newest frontend and both renderers."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from PIL import Image


from .conftest import Frontend
from .editor_page import EMPTY, GRAPH, NODE, ONE, SAVE_AND_LOAD, EditorPage
from .test_editor_in_comfyui import show_run
from .test_start_image import SET

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("frontend", ["newest"], indirect=True)]

PORTRAIT = json.loads(json.dumps(GRAPH).replace("cat.jpg", "portrait.png"))


@pytest.fixture(autouse=True)
def files(frontend: Frontend) -> None:
    """A portrait photograph: the middle of the cat."""
    with Image.open(frontend.base / "input/cat.jpg") as cat:
        cat.crop((96, 0, 288, 256)).resize((600, 800)).save(frontend.base / "input/portrait.png")


def shot(editor: EditorPage, name: str) -> None:
    if folder := os.environ.get("SHOTS"):
        editor.page.wait_for_timeout(300)
        editor.page.screenshot(path=f"{folder}/{name}_{'vue' if editor.vue else 'classic'}.png")


def test_look(editor: EditorPage) -> None:
    editor.load({**EMPTY, "size": [384, 224]}, graph=PORTRAIT)
    editor.page.wait_for_timeout(1500)
    shot(editor, "ask")
    editor.page.get_by_role("button", name="Keep", exact=True).click()
    shot(editor, "kept")
    editor.page.locator(".fm-chip").click()
    shot(editor, "again")
    editor.page.get_by_role("button", name="Fit the clip").click()
    shot(editor, "fitted")
    w = editor.page.get_by_label("Clip width in pixels")
    w.fill("700")
    w.press("Enter")
    shot(editor, "refused")
    w.press("Enter")
    shot(editor, "taken")
    editor.page.evaluate(SET, ["2", "width", 700])
    shot(editor, "wrong")
