"""Convert a workflow as the editor saves it (UI form) into the graph that the server runs (API form).

The frontend does this in the browser when a user presses Run. This module follows its rules for plain nodes, dynamic
combos, reroutes, and muted and bypassed nodes. It raises WorkflowError on everything else (subgraphs, primitive nodes,
values it cannot place) instead of guessing. tests/web/test_browser.py compares it with the frontend itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..setup_error import SetupError

Json = dict[str, Any]
Source = tuple[int | str, int]  # (node id, output slot)

ALWAYS, MUTED, BYPASSED = 0, 2, 4
REMARKS = ("Note", "MarkdownNote")
REROUTE = "Reroute"
WIDGET_TYPES = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
DYNAMIC_COMBO = "COMFY_DYNAMICCOMBO_V3"
CONTROL_VALUES = ("fixed", "increment", "decrement", "randomize")
UPLOAD_OPTIONS = ("image_upload", "video_upload", "audio_upload", "file_upload")
UPLOAD_VALUES = ("image", "video", "audio", "file")
_MISSING = object()


class WorkflowError(SetupError):
    """The workflow contains something that this conversion does not support."""


@dataclass
class _Values:
    """The saved widget values of one node, consumed in order."""

    node: Json
    rest: list[Any]

    def take(self) -> Any:
        return self.rest.pop(0) if self.rest else _MISSING


def to_api(
    workflow: Mapping[str, Any], object_info: Mapping[str, Json], note: Callable[[str], None] = lambda text: None
) -> dict[str, Json]:
    """{node id: {"class_type", "inputs", "_meta"}} of a UI workflow; `object_info` comes from the running server.

    Saved fields that an older server's nodes lack are left out, as in the frontend, and reported to `note`, one sentence
    each. Raises WorkflowError, which names the node.
    """
    if workflow.get("definitions", {}).get("subgraphs"):
        raise WorkflowError(
            "The workflow contains subgraphs, which this command cannot run: unpack them in the editor and save the workflow again."
        )
    if not isinstance(workflow.get("nodes"), list):
        raise WorkflowError(
            "The workflow has no list of nodes: save it in the editor with Save, not with Export (API)."
        )
    nodes = {node["id"]: node for node in workflow["nodes"]}
    links: dict[int, Source] = {}
    for link in workflow.get("links", []):
        if not isinstance(link, list) or len(link) < 5:
            raise WorkflowError(
                f"The workflow has the malformed link {link!r}: open it in the editor and save it again."
            )
        links[link[0]] = (link[1], link[2])
    graph: dict[str, Json] = {}
    for node in nodes.values():
        if node["type"] in (*REMARKS, REROUTE) or node.get("mode", ALWAYS) in (MUTED, BYPASSED):
            continue
        if node.get("mode", ALWAYS) != ALWAYS:
            raise WorkflowError(
                f"{_name(node)} has the unknown mode {node['mode']}: set it to Always, Mute or Bypass in the editor."
            )
        if node["type"] not in object_info:
            raise WorkflowError(
                f"{_name(node)} is unknown to this ComfyUI: update ComfyUI or install the node pack that has it."
            )
        inputs = _widget_inputs(node, object_info[node["type"]], note)
        for name, source in _linked_inputs(node, nodes, links):
            inputs.pop(name, None)
            if source is not None:
                inputs[name] = [str(source[0]), source[1]]
        title = node.get("title") or object_info[node["type"]].get("display_name") or node["type"]
        graph[str(node["id"])] = {"class_type": node["type"], "inputs": inputs, "_meta": {"title": title}}
    return graph


def _widget_inputs(node: Json, info: Json, note: Callable[[str], None]) -> Json:
    """{input name: value} of the widgets of `node`."""
    saved = node.get("widgets_values") or []
    specs = list(_specs(info["input"], info.get("input_order")))
    if isinstance(saved, dict):
        return {name: saved[name] for name, _ in specs if name in saved}
    values = _Values(node, list(saved))
    with_widget = {entry["widget"]["name"] for entry in node.get("inputs", []) if entry.get("widget")}
    inputs: Json = {}
    for name, spec in specs:
        if _is_widget(spec) or name in with_widget:
            _take(name, spec, values, inputs)
    if values.rest:
        newer = _newer(node, inputs, values.rest)
        if not newer:
            raise WorkflowError(
                f"{_name(node)} was saved with more values than this ComfyUI's node has fields ({values.rest!r} are left over): "
                "open the workflow in this ComfyUI and save it again."
            )
        for name, value in newer.items():
            note(f"{_name(node)} has no field {name} in this ComfyUI, so the saved value {value!r} is not used.")
    return inputs


def _newer(node: Json, known: Json, rest: list[Any]) -> Json:
    """{field: value} of the values left over, if the file names them and they follow every known field."""
    saved = [entry["widget"]["name"] for entry in node.get("inputs", []) if entry.get("widget")]
    last = saved[len(saved) - len(rest) :]
    before = saved[: len(saved) - len(rest)]
    found = len(last) == len(rest) and not set(last) & set(known) and set(before) <= set(known)
    return dict(zip(last, rest, strict=True)) if found else {}


def _take(name: str, spec: list[Any], values: _Values, inputs: Json) -> None:
    """Move the value of one widget, and of the widgets that come with it, from `values` to `inputs`."""
    options = _options(spec)
    value = values.take()
    if value is _MISSING:
        value = _default(spec)
    if value is not _MISSING:
        inputs[name] = value
    if spec[0] == DYNAMIC_COMBO:
        chosen = next((option for option in options["options"] if option["key"] == value), None)
        if chosen is None:
            raise WorkflowError(
                f"{_name(values.node)} has the unknown choice {value!r} in its field {name}: choose one that this ComfyUI offers."
            )
        for child, child_spec in _specs(chosen["inputs"], None):
            if _is_widget(child_spec):
                _take(f"{name}.{child}", child_spec, values, inputs)
    elif _has_control(name, spec) and values.rest:
        control = values.take()  # the editor's "control after generate" field: not an input of the node
        if control not in CONTROL_VALUES:
            raise WorkflowError(
                f"{_name(values.node)} has {control!r} after its seed instead of one of {', '.join(CONTROL_VALUES)}: open the "
                "workflow in the editor and save it again."
            )
    elif any(options.get(option) for option in UPLOAD_OPTIONS) and values.rest and values.rest[0] in UPLOAD_VALUES:
        values.take()  # the upload button's value: not an input of the node


def _linked_inputs(node: Json, nodes: dict[Any, Json], links: dict[int, Source]) -> Iterator[tuple[str, Source | None]]:
    """(input name, the source of its value or None if that is muted) of every connected input."""
    for entry in node.get("inputs", []):
        if entry.get("link") is not None:
            yield entry["name"], _origin(node, entry, nodes, links)


def _origin(node: Json, entry: Json, nodes: dict[Any, Json], links: dict[int, Source]) -> Source | None:
    """The output behind the input `entry` of `node`, through reroutes and bypassed nodes; None behind a muted node."""
    passed: list[Any] = []
    while True:
        link = entry.get("link")
        if link is None:
            return None
        if link not in links or links[link][0] not in nodes:
            raise WorkflowError(
                f"{_name(node)} is connected to link {link}, which is missing: open the workflow in the editor and save it again."
            )
        node_id, slot = links[link]
        origin = nodes[node_id]
        if node_id in passed:
            raise WorkflowError(f"{_name(origin)} is connected to itself: remove that connection in the editor.")
        passed.append(node_id)
        if origin["type"] == REROUTE:
            entry = origin["inputs"][0]
        elif origin.get("mode", ALWAYS) == MUTED:
            return None
        elif origin.get("mode", ALWAYS) == BYPASSED:
            through = _through(origin, slot)
            if through is None:
                return None
            entry = through
        else:
            return node_id, slot


def _through(node: Json, slot: int) -> Json | None:
    """The input that a bypassed `node` passes to its output `slot`: the same slot, or else the first of its type."""
    kind = node["outputs"][slot]["type"]
    inputs: list[Json] = node.get("inputs", [])
    same = inputs[slot : slot + 1]
    return next((entry for entry in (*same, *inputs) if entry["type"] in (kind, "*") or kind == "*"), None)


def _specs(inputs: Json, order: Json | None) -> Iterator[tuple[str, list[Any]]]:
    for section in ("required", "optional"):
        for name in (order or {}).get(section) or inputs.get(section, {}):
            yield name, inputs[section][name]


def _options(spec: list[Any]) -> Json:
    return spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}


def _is_widget(spec: list[Any]) -> bool:
    options = _options(spec)
    if options.get("forceInput"):
        return False
    known = isinstance(spec[0], list) or spec[0] in (*WIDGET_TYPES, DYNAMIC_COMBO)
    return known or bool(options.get("socketless") or options.get("widgetType"))


def _has_control(name: str, spec: list[Any]) -> bool:
    options = _options(spec)
    by_name = spec[0] == "INT" and name in ("seed", "noise_seed") and "control_after_generate" not in options
    return by_name or bool(options.get("control_after_generate"))


def _default(spec: list[Any]) -> Any:
    options = _options(spec)
    if "default" in options:
        return options["default"]
    choices = spec[0] if isinstance(spec[0], list) else options.get("options") or []
    if not choices:
        return _MISSING
    return choices[0]["key"] if spec[0] == DYNAMIC_COMBO else choices[0]


def _name(node: Json) -> str:
    return f"The node {node['type']} (id {node['id']})"
