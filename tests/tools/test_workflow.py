"""UI form -> API form, on a small node library; test_real_server.py does it with the real one."""

from __future__ import annotations

from typing import Any

import pytest

from tools.comfy.workflow import WorkflowError, to_api

from ..support.sentences import names, refuses

Json = dict[str, Any]


def described(required: Json, optional: Json | None = None) -> Json:
    return {"input": {"required": required, "optional": optional or {}}, "display_name": "Shown"}


CODECS = [
    {"key": "auto", "inputs": {"required": {}}},
    {"key": "h264", "inputs": {"required": {"crf": ["FLOAT", {"default": 23.0}], "mask": ["MASK", {}]}}},
]
INFO = {
    "Load": described({"image": [["a.png", "b.png"], {"image_upload": True}]}),
    "Sample": described(
        {
            "model": ["IMAGE", {}],
            "seed": ["INT", {"default": 0, "control_after_generate": True}],
            "steps": ["INT", {"default": 4}],
            "wired": ["STRING", {"forceInput": True}],
        },
        {"name": ["COMBO", {"options": ["euler", "lcm"]}], "curve": ["CURVE", {"socketless": True}]},
    ),
    "Save": described({"images": ["IMAGE", {}], "codec": ["COMFY_DYNAMICCOMBO_V3", {"options": CODECS}]}),
}


def node(number: int, kind: str, values: Any = (), links: Json | None = None, mode: int = 0) -> Json:
    """A node as the editor saves it; `links`: {input name: (link number or None, type)}."""
    inputs = [{"name": name, "type": type_, "link": link} for name, (link, type_) in (links or {}).items()]
    outputs = [{"name": "out", "type": "IMAGE"}]
    saved = values if isinstance(values, dict) else list(values)
    return {"id": number, "type": kind, "mode": mode, "inputs": inputs, "outputs": outputs, "widgets_values": saved}


def workflow(*nodes: Json, links: tuple[tuple[int, int, int], ...] = ()) -> Json:
    """`links`: (number, from node, to node), all from output 0."""
    return {"nodes": list(nodes), "links": [[number, a, 0, b, 0, "IMAGE"] for number, a, b in links]}


def test_values_land_in_their_inputs_and_links_become_references() -> None:
    load = node(1, "Load", ["b.png", "image"])
    sample = node(2, "Sample", [7, "randomize", 5, "lcm", [[0, 0]]], {"model": (1, "IMAGE")})
    save = node(3, "Save", ["h264", 30.0], {"images": (2, "IMAGE"), "codec.mask": (3, "MASK")})
    graph = to_api(workflow(load, sample, save, links=((1, 1, 2), (2, 2, 3), (3, 1, 3))), INFO)
    assert {key: value["inputs"] for key, value in graph.items()} == {
        "1": {"image": "b.png"},
        "2": {"model": ["1", 0], "seed": 7, "steps": 5, "name": "lcm", "curve": [[0, 0]]},
        "3": {"images": ["2", 0], "codec": "h264", "codec.crf": 30.0, "codec.mask": ["1", 0]},
    }
    assert graph["3"]["class_type"] == "Save"
    assert graph["3"]["_meta"] == {"title": "Shown"}


def test_a_field_that_is_wired_takes_the_wire() -> None:
    sample = node(2, "Sample", [7, "fixed", 5, "lcm"], {"steps": (1, "INT")})
    graph = to_api(workflow(node(1, "Load", ["a.png"]), sample, links=((1, 1, 2),)), INFO)
    assert graph["2"]["inputs"] == {"seed": 7, "steps": ["1", 0], "name": "lcm"}


def test_fields_younger_than_the_file_take_their_defaults() -> None:
    graph = to_api(workflow(node(1, "Sample", [7, "fixed"]), node(2, "Save", ["h264"])), INFO)
    assert graph["1"]["inputs"] == {"seed": 7, "steps": 4, "name": "euler"}
    assert graph["2"]["inputs"] == {"codec": "h264", "codec.crf": 23.0}


def test_fields_that_this_comfyui_does_not_have_yet_are_left_out_and_said() -> None:
    save = node(1, "Save", ["h264", 30.0, "auto"])
    fields = ("codec", "codec.crf", "codec.encoding")
    save["inputs"] = [{"name": name, "type": "X", "widget": {"name": name}, "link": None} for name in fields]
    said: list[str] = []
    graph = to_api(workflow(save), INFO, said.append)
    assert graph["1"]["inputs"] == {"codec": "h264", "codec.crf": 30.0}
    (sentence,) = said
    names(sentence, key="Save (id 1) has no field codec.encoding", value="'auto'", remedy="is not used")
    # Between known fields it would shift the values of those that follow.
    save["inputs"].reverse()
    with refuses(WorkflowError, key="Save (id 1)", value="['auto'] are left over", remedy="save it again"):
        to_api(workflow(save), INFO)


def test_values_saved_by_name() -> None:
    graph = to_api(workflow(node(1, "Sample", {"steps": 9, "seed": 1, "videopreview": {}})), INFO)
    assert graph["1"]["inputs"] == {"steps": 9, "seed": 1}


def test_remarks_are_left_out_and_reroutes_followed() -> None:
    reroute = node(2, "Reroute", links={"": (1, "*")})
    save = node(3, "Save", ["auto"], {"images": (2, "IMAGE")})
    remarks = (node(4, "Note", ["x"]), node(5, "MarkdownNote", ["x"]))
    graph = to_api(workflow(node(1, "Load", ["a.png"]), reroute, save, *remarks, links=((1, 1, 2), (2, 2, 3))), INFO)
    assert set(graph) == {"1", "3"}
    assert graph["3"]["inputs"]["images"] == ["1", 0]


def test_a_bypassed_node_passes_its_input_of_the_same_type_through() -> None:
    middle = node(2, "Sample", [1], {"mask": (None, "MASK"), "model": (1, "IMAGE")}, mode=4)
    save = node(3, "Save", ["auto"], {"images": (2, "IMAGE")})
    graph = to_api(workflow(node(1, "Load", ["a.png"]), middle, save, links=((1, 1, 2), (2, 2, 3))), INFO)
    assert set(graph) == {"1", "3"}
    assert graph["3"]["inputs"]["images"] == ["1", 0]


def test_what_a_muted_node_would_give_is_not_connected() -> None:
    save = node(2, "Save", ["auto"], {"images": (1, "IMAGE")})
    graph = to_api(workflow(node(1, "Load", ["a.png"], mode=2), save, links=((1, 1, 2),)), INFO)
    assert graph["2"]["inputs"] == {"codec": "auto"}


SAVE_AGAIN = "save it again"


@pytest.mark.parametrize(
    ("broken", "key", "value", "remedy"),
    [
        ({"nodes": [], "links": [], "definitions": {"subgraphs": [{}]}}, "subgraphs", "", "unpack them"),
        ({"1": {"class_type": "Load", "inputs": {}}}, "no list of nodes", "", "not with Export (API)"),
        ({"nodes": [], "links": [{"id": 1}]}, "malformed link", "{'id': 1}", SAVE_AGAIN),
        (workflow(node(1, "PrimitiveNode", [1])), "PrimitiveNode (id 1)", "unknown to this ComfyUI", "update ComfyUI"),
        (workflow(node(1, "Load", mode=3)), "Load (id 1)", "unknown mode 3", "set it to Always, Mute or Bypass"),
        (workflow(node(1, "Load", ["a.png", "image", 3])), "Load (id 1)", "[3] are left over", SAVE_AGAIN),
        (workflow(node(1, "Sample", [7, 5, "lcm"])), "Sample (id 1)", "5 after its seed", SAVE_AGAIN),
        (workflow(node(1, "Save", ["av1"])), "Save (id 1)", "unknown choice 'av1' in its field codec", "choose one"),
        (
            workflow(node(1, "Save", ["auto"], {"images": (8, "IMAGE")})),
            "Save (id 1)",
            "link 8, which is missing",
            SAVE_AGAIN,
        ),
        (
            workflow(
                node(1, "Reroute", links={"": (1, "*")}), node(2, "Save", links={"i": (1, "*")}), links=((1, 1, 2),)
            ),
            "Reroute (id 1)",
            "connected to itself",
            "remove that connection",
        ),
    ],
)
def test_what_is_not_known_is_refused(broken: Json, key: str, value: str, remedy: str) -> None:
    with refuses(WorkflowError, key=key, value=value, remedy=remedy):
        to_api(broken, INFO)
