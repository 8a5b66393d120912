"""The editor at every width, with a mouse, with a finger, and in ComfyUI's app mode on a phone: nothing is cut off, everything is in reach."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .conftest import FINGERS
from .editor_page import CAT, GRAPH, NODE, ONE, SAVE_AND_LOAD, EditorPage, corners
from .layout_audit import bars, complaints
from .workflow_page import WORKFLOWS

pytestmark = pytest.mark.browser

# Wan's usual clip, whose numbers are wide, and an object that is named at length.
TWO = {
    **ONE,
    "size": [1280, 704],
    "frames": 121,
    "objects": [CAT, {**CAT, "id": "dog", "label": "the brown dog in the meadow"}],
}
WIDTHS = (206, 240, 280, 320, 360, 400, 480, 600, 800, 1200, 1600)
NARROW_AND_WIDE = (206, 400, 600)
# The editor's margins in its node, whose least width in Nodes 2.0 leaves 205 pixels.
MARGINS = {"classic": 12, "vue": 24}
FINGER = 40  # pixels
RESIZE = f"""([width, height]) => {{
    const node = {NODE}
    node.pos = [0, 0]
    node.setSize([width, height])
    window.app.canvas.ds.offset = [100, 80]
    window.app.canvas.setDirty(true, true)
}}"""
SET_VALUE = f"(text) => {{ {NODE}.widgets.find(({{ name }}) => name === 'trajectory').value = text }}"
# Nothing of the menu or panel that is open leaves the window; the least height of its entries.
POPUP = """() => {
    const popup = document.querySelector('.fm-popup:popover-open')
    const { left, top, right, bottom } = popup.getBoundingClientRect()
    const heights = [...popup.querySelectorAll('button')].map((entry) => entry.getBoundingClientRect().height)
    const fits = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight && popup.scrollWidth <= popup.clientWidth
    return [fits, Math.min(...heights), [...popup.querySelectorAll('[role^=menuitem]')].map((entry) => entry.innerText)]
}"""


# The height of a new node with its title, in pixels, and whether it shows its advanced inputs.
NEW_NODE = """async (vue) => {
    // Not clear(), after which the new node would get the number and the preview of the old one.
    for (const old of [...window.app.graph.nodes]) window.app.graph.remove(old)
    const node = window.LiteGraph.createNode('DrawTrajectory')
    window.app.graph.add(node)
    window.app.canvas.ds.scale = 1
    window.app.canvas.setDirty(true, true)
    const wanted = () => (vue ? document.querySelector('.lg-node')?.offsetHeight : node.size[1] + window.LiteGraph.NODE_TITLE_HEIGHT)
    for (let same = 0, before; same < 10; before = wanted()) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        same = before && before === wanted() ? same + 1 : 0
    }
    return [wanted(), Boolean(node.showAdvanced), node.computeSize()[0]]
}"""


def walk(editor: EditorPage, widths: tuple[int, ...], height: int, margins: int, least: int = 0) -> None:
    """Look at the editor in nodes of these widths, with an object selected and with none."""
    wrong: list[str] = []
    for chosen in (False, True):
        for width in widths:
            editor.page.evaluate(RESIZE, [width + margins, height])
            editor.settle()
            if width == widths[0]:
                editor.page.locator(".fm-sink").focus()
                editor.press("Escape", *(["PageDown", "PageDown"] if chosen else []))
            box = editor.page.locator(".fm-editor:visible").bounding_box()
            assert box["width"] == pytest.approx(width, abs=2)
            wrong += [f"{width}, selected {chosen}: {text}" for text in complaints(editor.page, least)]
            for bar in bars(editor.page):
                if bar["menu"] != bool(bar["folded"]):
                    wrong.append(f"{width}: {bar} folds what no menu shows")
                if width >= 600 and "toolDraw" in bar["shown"]:
                    labels = editor.page.locator(".fm-editor:visible > .fm-toolbar .fm-short:visible").count()
                    if labels < len(bar["shown"]) - 2:  # undo and redo have none
                        wrong.append(f"{width}: {labels} labels for {bar['shown']}")
    assert wrong == []


def menus_fit(editor: EditorPage, least: int) -> None:
    """Open every menu of the toolbar that is in sight, and those that have folded."""
    for name in ("More", "Motion", "Object: ", "Document", "Keys and help"):
        button = editor.page.locator(f'.fm-editor > .fm-toolbar button[aria-label^="{name}"]:visible')
        if button.count() == 0:
            continue
        button.click()
        fits, lowest, entries = editor.page.evaluate(POPUP)
        assert fits, name
        assert lowest >= least, name
        if name == "Document":  # what acts on the selection is in the menu Object
            assert [entry for entry in entries if entry.startswith(("Cut", "Duplicate", "Delete", "Hide"))] == []
        if name == "More":
            folded = bars(editor.page)[0]["folded"]
            assert len(entries) == len(folded) > 0
        editor.press("Escape")


def the_panel_beside(editor: EditorPage) -> None:
    """ComfyUI's panel of a node's values shows the picture, opens the large view, and leaves the editor its width."""
    page = editor.page
    page.evaluate(f"() => window.app.canvas.selectNode({NODE})")
    page.get_by_role("button", name="Toggle properties panel").click()
    card = page.locator(".widget-item canvas").first
    drawn = "(card) => card.getContext('2d').getImageData(0, 0, card.width, 400).data.filter((value, index) => index % 4 === 0 && value > 99).length"
    editor.until(lambda: card.evaluate(drawn) > 5000)
    width = page.locator(".fm-editor:visible").bounding_box()["width"]
    assert width > page.evaluate(f"() => {NODE}.size[0]") - 30
    card.click(position={"x": 80, "y": 60})
    editor.click("Back to the node")
    page.get_by_role("button", name="Toggle properties panel").click()


def test_every_width_with_a_mouse(mouse: EditorPage) -> None:
    editor = mouse
    page = editor.page
    before = page.viewport_size
    page.set_viewport_size({"width": 1750, "height": 1100})
    editor.load(TWO)
    walk(editor, NARROW_AND_WIDE if editor.vue else WIDTHS, 860, MARGINS["vue" if editor.vue else "classic"])
    if not editor.vue:
        for locale, name in (("zh", "\u8f68\u8ff9\u7f16\u8f91\u5668"), ("en", "Trajectory editor")):
            page.evaluate("(locale) => window.app.extensionManager.setting.set('Comfy.Locale', locale)", locale)
            page.get_by_role("region", name=name).wait_for()  # the editor that is open follows at once
            if locale != "en":
                editor.load(TWO)
                walk(editor, (240, 600), 860, MARGINS["classic"])
        # The large view on a small screen, with the way back in sight.
        editor.click("Large view")
        for size in ((320, 600), (360, 640), (1500, 900)):
            page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
            editor.settle()
            assert complaints(page) == []
            menus_fit(editor, 20)
            assert "closeLarge" in bars(page)[0]["shown"]
        editor.click("Back to the node")
        the_panel_beside(editor)
    page.set_viewport_size(before)


@pytest.mark.frontends("newest classic")
def test_the_folded_menu_by_keys(editor: EditorPage) -> None:
    editor.load(TWO)
    editor.page.evaluate(RESIZE, [252, 860])
    editor.settle()
    page = editor.page
    focused = "() => document.activeElement.dataset.command"
    page.locator(".fm-editor:visible > .fm-toolbar [tabindex='0']").focus()
    # One stop for Tab in the bar; the arrows go along it and round.
    assert page.locator(".fm-editor:visible > .fm-toolbar [tabindex='0']").count() == 1
    for _ in range(12):  # the stop is where a test before left it
        if page.evaluate(focused) == "undo":
            break
        editor.press("ArrowLeft")
    first = page.evaluate(focused)
    editor.press("ArrowLeft")
    assert page.evaluate(focused) == "largeView"
    editor.press("ArrowLeft")
    assert page.evaluate(focused) == "more"
    editor.press("ArrowDown")
    record = page.get_by_role("menuitemradio", name="Record")
    record.wait_for()
    for _ in range(20):
        if record.evaluate("(entry) => entry === document.activeElement"):
            break
        editor.press("ArrowDown")
    editor.press("Enter")
    # The tool in use has come into sight.
    assert page.locator("[data-command=toolRecord]:visible").get_attribute("aria-pressed") == "true"
    # A popover says that it is closed a moment later; then the menu goes, and the focus returns.
    page.locator(".fm-popup").wait_for(state="detached")
    assert page.evaluate(focused) == "more"
    for _ in range(12):
        if page.evaluate(focused) == first:
            break
        editor.press("ArrowRight")
    assert page.evaluate(focused) == first
    assert editor.objects() == TWO["objects"]


@pytest.fixture
def phone(editor: EditorPage) -> Iterator[EditorPage]:
    """The page on a screen that is a finger's."""
    before = editor.page.viewport_size
    editor.page.set_viewport_size({"width": 1300, "height": 1100})
    yield editor
    editor.page.set_viewport_size(before)


@pytest.mark.frontends("newest classic")
def test_fingers_and_app_mode(phone: EditorPage) -> None:
    page = phone.page
    assert page.evaluate(FINGERS)
    phone.load(TWO)
    walk(phone, (206, 240, 320, 400, 600, 1180), 1000, MARGINS["classic"], least=FINGER)
    phone.click("Large view")
    for size in ((360, 640), (400, 860)):
        page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
        phone.settle()
        assert complaints(page, FINGER) == []
        menus_fit(phone, FINGER)
    phone.click("Back to the node")

    # The example as an app: draw, run, and see the result.
    workflow = json.loads((WORKFLOWS / "flashmotion_tiny_cpu.json").read_text(encoding="utf-8"))
    workflow["extra"]["linearMode"] = True
    page.evaluate("async (workflow) => { await window.app.loadGraphData(workflow, true, true, 'app') }", workflow)
    page.get_by_test_id("linear-mobile").wait_for()
    page.get_by_role("tab").first.click()
    items = page.get_by_test_id("app-mode-widget-item")
    assert items.count() == len(workflow["extra"]["linearData"]["inputs"])
    editor = page.locator(".fm-editor:visible")
    editor.scroll_into_view_if_needed()
    phone.settle()
    assert editor.bounding_box()["width"] > 300
    assert phone.page.locator(".fm-stage:visible").bounding_box()["height"] > 180
    # Below the window the panel scrolls.
    assert [text for text in complaints(page, FINGER) if text != "the editor leaves the window"] == []
    before = len(phone.objects())
    size = tuple(phone.document()["size"])
    x, y = phone.at(0.1, 0.8, size)
    to_x, to_y = phone.at(0.25, 0.95, size)
    touch = page.context.new_cdp_session(page)
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": (x + to_x) / 2, "y": (y + to_y) / 2}]),
        ("touchMove", [{"x": to_x, "y": to_y}]),
        ("touchEnd", []),
    ):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert len(phone.objects()) == before + 1
    # The row that the box got did not move the picture meanwhile.
    assert corners(phone.objects()[-1]["keyframes"][0]) == pytest.approx([0.1, 0.8, 0.25, 0.95], abs=0.03)
    # Or phones take a quick drag for a fling, and the next tap only stops that.
    dragged = [".fm-canvas", ".fm-ruler", ".fm-tracks", ".fm-option"]
    prevents = "(names) => names.map((name) => !document.querySelector(name).dispatchEvent(new TouchEvent('touchmove', { cancelable: true })))"
    assert page.evaluate(prevents, dragged) == [True] * 4
    phone.click("Large view")
    phone.settle()
    assert complaints(page, FINGER) == []
    phone.click("Back to the node")
    phone.settle()
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator("video").first.wait_for(timeout=120_000, state="attached")
    # An upright clip gets more of the screen.
    page.get_by_role("tab").first.click()
    phone.page.evaluate(SET_VALUE, json.dumps({**ONE, "size": [256, 384]}))
    phone.until(lambda: phone.page.locator(".fm-stage:visible").bounding_box()["height"] > 300)


def test_a_new_node_fits_a_screen_and_folds_rare_inputs(mouse: EditorPage) -> None:
    editor = mouse
    height, advanced, least = editor.page.evaluate(NEW_NODE, editor.vue)
    assert 500 < height <= 850  # of a screen of 900
    assert not advanced
    assert least >= 240
    # What decides the result is not hidden.
    graph = json.loads(json.dumps(GRAPH))
    graph["2"]["inputs"]["simplify"] = 9
    editor.load(ONE, graph=graph)
    # An API graph fills in values after the node is made; a workflow file tells when it is complete.
    editor.page.evaluate(SAVE_AND_LOAD)
    editor.until(lambda: editor.page.evaluate(f"() => Boolean({NODE}.showAdvanced)"))
