"""Make the pictures of the README, the help page and the example workflows: `python -m tools.make_pictures NAME ...` inside the test
environment. A NAME is `editor`, `start` or a workflow's file name without its ending; no name means all of them.

Every picture is a screenshot of the real ComfyUI page. Those of the two tiny workflows show what they made, the others what is drawn in the editor;
the boxes of a detector and a tracker were placed by hand. The photograph is scikit-image's `coffee`, by Rachel Michetti, CC0, at which
`train.world.photographs` vouches for the licence and the pixels. Needs what `tools.make_workflows` needs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from flashmotion_core.trajectory import parse

from .comfy.client import object_info, run
from .comfy.server import Server
from .comfy.workflow import to_api
from .examples.picture_pages import CARD, editor_square, opened, press, save_card, shot
from .make_workflows import FOLDER, ROOT, comfyui_pages
from .quickstart.follow import requested_boxes
from .quickstart.overlay import COLOURS, read_frames, spread
from .terminal import wanted

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CARD_VIEW, SEAM = (470, 568), 6
START_VIEW, START_PIXELS = (720, 620), 1.3
# Where the steps from the second on are taken: draw on the picture, go to another frame, play. Shares of these parts of the editor.
STEPS_AT = (".fm-stage", ".fm-ruler", "[data-command=play]")
STEPS_WITHIN = ((0.2, 0.16), (0.9, 0.5), (0.5, -0.5))
BLUE, YELLOW, GREEN = "#3d9bff", "#ffc42e", "#2fd27d"
CUP = {"x": 0.483, "y": 0.41, "w": 0.41, "h": 0.74}
SPOON = {"x": 0.612, "y": 0.7, "w": 0.15, "h": 0.26}
TABLE = {"x": 0.5, "y": 0.5, "w": 0.985, "h": 0.98}
# The cup is lifted and set down beside its saucer; the spoon slides off onto the table.
MOVES = [
    {
        "id": "cup", "label": "cup", "color": BLUE, "path": "smooth", "keyframes": [
            {"frame": 0, **CUP, "ease": "in-out"},
            {"frame": 60, **CUP, "x": 0.42, "y": 0.33, "ease": "in-out"},
            {"frame": 120, **CUP, "x": 0.29, "y": 0.42},
        ],
    },
    {
        "id": "spoon", "label": "spoon", "color": YELLOW, "path": "smooth", "keyframes": [
            {"frame": 0, **SPOON, "ease": "in-out"},
            {"frame": 50, **SPOON, "x": 0.74, "y": 0.8},
            {"frame": 100, **SPOON, "x": 0.87, "y": 0.64},
        ],
    },
]  # fmt: skip
# Placed by hand where a detector puts them, named as RT-DETR names them: the detector's weights are not among what this repository can fetch.
FOUND = [
    {"id": name, "label": name, "color": color, "keyframes": [{"frame": 0, **box}]}
    for name, color, box in (("dining table", GREEN, TABLE), ("cup", BLUE, CUP), ("spoon", YELLOW, SPOON))
]
# As a tracker leaves them: straight pieces, and out of sight for a while. Placed by hand, because the tracker's weights are not here.
TRACKED = [
    {
        "id": "cup", "label": "cup", "color": BLUE, "hidden": [[78, 96]], "keyframes": [
            {"frame": frame, **CUP, "x": x, "y": y}
            for frame, x, y in ((0, 0.483, 0.41), (22, 0.45, 0.34), (41, 0.37, 0.32), (66, 0.31, 0.37), (104, 0.25, 0.48), (120, 0.24, 0.55))
        ],
    },
]  # fmt: skip
# For the README: what feeds the editor on its left, what it feeds on its right, in pixels of the graph.
README_VIEW, README_PIXELS, README_PLACE = (1200, 935), 4 / 3, (0.91, 316, 160)


def editor(server: Server, chromium: Browser) -> None:
    """docs/images/editor.webp: the node in its graph, two boxes with their paths, and the timeline."""
    page = opened(server, chromium, MOVES, README_VIEW, README_PIXELS, README_PLACE)
    page.locator(".fm-time").get_by_text("cup").click()
    page.evaluate("() => window.app.canvas.deselectAll()")  # or ComfyUI's tools for the selected node stand above it
    page.wait_for_timeout(500)
    shot(page).save(ROOT / "docs" / "images" / "editor.webp", quality=86, method=6)
    page.close()


def start(server: Server, chromium: Browser) -> None:
    """web/docs/DrawTrajectory/start.jpg: the editor, with the steps of the help page at their places."""
    page = opened(server, chromium, MOVES[:1], START_VIEW, START_PIXELS)
    for keys in ("f", "Control+a", "End"):
        press(page, keys)
    around, *places = (page.locator(f"dialog {selector}").bounding_box() for selector in (".fm-editor", *STEPS_AT))
    assert around is not None
    whole = shot(page, around)
    draw = ImageDraw.Draw(whole)
    font = ImageFont.load_default(size=15 * START_PIXELS)
    for step, (place, (across, down)) in enumerate(zip(places, STEPS_WITHIN, strict=True), start=2):
        assert place is not None
        x = (place["x"] + across * place["width"] - around["x"]) * START_PIXELS
        y = (place["y"] + down * place["height"] - around["y"]) * START_PIXELS
        radius = 12 * START_PIXELS
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=YELLOW, outline="#000000", width=2)
        draw.text((x, y), str(step), fill="#000000", font=font, anchor="mm")
    whole.save(ROOT / "web" / "docs" / "DrawTrajectory" / "start.jpg", quality=82, optimize=True)
    page.close()


def moves_card(server: Server, chromium: Browser) -> None:
    """Two boxes with their paths, and the timeline."""
    page = opened(server, chromium, MOVES, CARD_VIEW, 1.6)
    press(page, "f")
    press(page, "Control+a")
    save_card(editor_square(page), "flashmotion_plus_adapter")


def fast_card(server: Server, chromium: Browser) -> None:
    """The same boxes at the last frame."""
    page = opened(server, chromium, MOVES, CARD_VIEW, 1.6)
    press(page, "f")
    press(page, "Control+a")
    press(page, "End")
    save_card(editor_square(page), "flashmotion_quick_takes")


def detector_card(server: Server, chromium: Browser) -> None:
    """Boxes with the names of what is in them."""
    page = opened(server, chromium, FOUND, CARD_VIEW, 1.6)
    press(page, "f")
    save_card(editor_square(page), "flashmotion_with_detector")


def video_card(server: Server, chromium: Browser) -> None:
    """A box that was tracked, with its keyframes and the frames on which it was out of sight."""
    page = opened(server, chromium, TRACKED, CARD_VIEW, 1.6)
    press(page, "f")
    press(page, "Control+a")
    save_card(editor_square(page), "flashmotion_video_motion")


def tiny_card(server: Server, _: Browser) -> None:
    """What the tiny workflow makes: four of its frames, and the boxes that were asked for."""
    workflow = json.loads((FOLDER / "flashmotion_tiny_cpu.json").read_text(encoding="utf-8"))
    # Playwright keeps an event loop in this thread, and the client wants one of its own.
    with ThreadPoolExecutor() as pool:
        graph = to_api(workflow, pool.submit(object_info, server.url).result())
        result = pool.submit(run, server.url, graph).result()
    (video,) = (file for file in result.files(server.base) if file.suffix == ".mp4")
    frames = read_frames(video)
    boxes = requested_boxes(parse(graph["4"]["inputs"]["trajectory"]), frames[0].size)
    side = (CARD - SEAM) // 2
    card = Image.new("RGB", (CARD, CARD))
    for place, index in enumerate(spread(len(frames), 4)):
        tile = frames[index].resize((side, side), Image.Resampling.LANCZOS)
        draw = ImageDraw.Draw(tile)
        scale = side / frames[index].width
        for box, colour in zip(boxes[index], COLOURS, strict=False):
            if box is not None:
                x, y, w, h = (value * scale for value in box)
                draw.rectangle((x, y, x + w, y + h), outline=colour, width=4)
        card.paste(tile, (place % 2 * (side + SEAM), place // 2 * (side + SEAM)))
    save_card(card, "flashmotion_tiny_cpu")


def best_card(server: Server, _: Browser) -> None:
    """What the score of the tiny workflow's four seeds shows: frames with asked and found boxes, and box IoU of each over time."""
    workflow = json.loads((FOLDER / "flashmotion_tiny_best_of_seeds.json").read_text(encoding="utf-8"))
    with ThreadPoolExecutor() as pool:
        graph = to_api(workflow, pool.submit(object_info, server.url).result())
        result = pool.submit(run, server.url, graph).result()
    (file,) = (file for file in result.files(server.base) if file.suffix == ".png")
    picture = Image.open(file).convert("RGB")
    strip = picture.height - 360  # above the plot
    card = Image.new("RGB", (CARD, CARD), "white")
    tile = CARD // 3
    for place in range(6):
        left = 4 + place * (picture.width // 6)
        frame = picture.crop((left, 4, left + picture.width // 6 - 4, strip - 4)).resize(
            (tile, tile), Image.Resampling.LANCZOS
        )
        card.paste(frame, (place % 3 * tile, place // 3 * tile))
    plot = picture.crop((0, strip, picture.width, picture.height))
    card.paste(plot.resize((CARD, CARD - 2 * tile), Image.Resampling.LANCZOS), (0, 2 * tile))
    save_card(card, "flashmotion_tiny_best_of_seeds")


def guided_card(server: Server, chromium: Browser) -> None:
    """One cut-out at the end of its path, as it guides."""
    page = opened(server, chromium, MOVES[:1], CARD_VIEW, 1.6)
    press(page, "f")
    press(page, "Control+a")
    press(page, "End")
    save_card(editor_square(page), "flashmotion_no_adapter")


PICTURES: dict[str, Callable[[Server, Browser], None]] = {
    "editor": editor,
    "start": start,
    "flashmotion_no_adapter": guided_card,
    "flashmotion_plus_adapter": moves_card,
    "flashmotion_quick_takes": fast_card,
    "flashmotion_with_detector": detector_card,
    "flashmotion_video_motion": video_card,
    "flashmotion_tiny_cpu": tiny_card,
    "flashmotion_tiny_best_of_seeds": best_card,
}


def main() -> None:
    """Make the named pictures, or all."""
    names = wanted("tools.make_pictures", __doc__, list(PICTURES))
    with comfyui_pages() as (server, chromium):
        for name in names:
            PICTURES[name](server, chromium)
            print(name)


if __name__ == "__main__":
    main()
