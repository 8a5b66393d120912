"""The real editor in a page, and pictures of it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image

from train.world.photographs import picture as photograph

from ..comfy.frontend import open_page, set_settings
from ..comfy.server import Server
from ..make_workflows import FOLDER
from .all_examples import all_examples
from .example_graphs import document

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHOTOGRAPH = "coffee.png"
CLIP, FRAMES = (1152, 768), 121  # the photograph's shape
CARD = 640  # pixels; ComfyUI shows templates as squares of about 300
DRAW = (0, 0, 650, 845)
AROUND = {
    "3": (-245, 45, 210, 330),
    "1": (-245, 425, 210, 170),
    "2": (-245, 650, 210, 60),
    "11": (-245, 765, 210, 110),
    "5": (690, 60, 240, 230),
    "6": (690, 340, 240, 150),
    "7": (690, 540, 240, 230),
    "8": (690, 1100, 240, 60),
    "9": (690, 1210, 240, 100),
    "10": (690, 1360, 240, 300),
    "12": (-245, 1100, 210, 110),
}
PLACE = """([places, scale, left, top]) => {
    const { graph, canvas } = window.app
    for (const [id, [x, y, width, height]] of Object.entries(places)) {
        const node = graph.getNodeById(id) ?? graph.getNodeById(Number(id))
        node.pos = [x, y]
        node.setSize([width, height])
    }
    canvas.ds.scale = scale
    canvas.ds.offset = [left / scale, top / scale]
    canvas.setDirty(true, true)
}"""
FOCUS = "() => document.querySelector('.fm-editor .fm-sink').focus({ preventScroll: true })"
SHOWN = "() => [...document.querySelectorAll('.fm-canvas')].some((entry) => entry.clientWidth > 0)"


def opened(
    server: Server,
    chromium: Browser,
    objects: Sequence[dict[str, Any]],
    view: tuple[int, int],
    pixels: float,
    place: tuple[float, int, int] = (1, 20, 60),
) -> Page:
    """A page with the full-size example's graph, the photograph and these objects.

    `view`: pixels of the page, each shown as `pixels` squared. `place`: the scale of the graph, and where its origin lies in the page.
    """
    Image.fromarray(photograph("coffee")).save(server.base / "input" / PHOTOGRAPH)
    graph = all_examples()["flashmotion_plus_adapter"].graph
    graph["3"]["inputs"]["image"] = PHOTOGRAPH
    graph["4"]["inputs"]["trajectory"] = document(CLIP, FRAMES, list(objects))
    set_settings(server.url, {"Comfy.Graph.CanvasInfo": False})
    page = chromium.new_page(viewport={"width": view[0], "height": view[1]}, device_scale_factor=pixels)
    open_page(page, server.url)
    page.evaluate("async (graph) => { await window.app.loadApiJson(graph, 'flashmotion') }", graph)
    page.evaluate(PLACE, [{"4": DRAW, **AROUND}, *place])
    page.wait_for_function(SHOWN)
    page.wait_for_timeout(1500)  # the photograph
    return page


def press(page: Page, keys: str) -> None:
    """Press keys in the editor: f for the large view; Control+a selects every object, so that paths and keyframes show."""
    page.evaluate(FOCUS)
    page.keyboard.press(keys)
    page.wait_for_timeout(500)


def editor_square(page: Page) -> Image.Image:
    """The large view's picture and timeline; on a page of `CARD_VIEW` pixels they are a square."""
    page.wait_for_timeout(500)
    picture, timeline = (page.locator(f"dialog .fm-{part}").bounding_box() for part in ("stage", "time"))
    assert picture is not None
    assert timeline is not None
    square = shot(page, {**picture, "height": timeline["y"] + timeline["height"] - picture["y"]})
    page.close()
    return square.resize((CARD, round(CARD * square.height / square.width)), Image.Resampling.LANCZOS)


def shot(page: Page, clip: Any = None) -> Image.Image:
    """What the page shows, or the rectangle `clip` of it."""
    return Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")


def save_card(card: Image.Image, name: str) -> None:
    """Write the picture that ComfyUI's template browser shows for a workflow."""
    card.save(FOLDER / f"{name}.jpg", quality=82, optimize=True)
