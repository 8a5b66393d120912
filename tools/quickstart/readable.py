"""Trajectory documents formatted for people: one line per keyframe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def readable(document: Mapping[str, Any]) -> str:
    """The JSON text of a document given as plain values; fields at their default are left out."""
    head = json.dumps({name: value for name, value in document.items() if name != "objects"})[:-1]
    rows = []
    for entry in document["objects"]:
        keys = ",\n    ".join(json.dumps(_without(key, {"ease": "linear"})) for key in entry["keyframes"])
        rest = {name: value for name, value in entry.items() if name != "keyframes"}
        rest = _without(rest, {"path": "linear", "hidden": [], "label": ""})
        rows.append(f'  {json.dumps(rest)[:-1]}, "keyframes": [\n    {keys}]}}')
    return head + ', "objects": [\n' + ",\n".join(rows) + "]}"


def _without(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}
