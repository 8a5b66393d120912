"""The texts beside the nodes: translations as ComfyUI's `/i18n` merges them, and the help pages of the info panel."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("en", "zh")
LONGEST_TOOLTIP = 150
# The frontend adds this widget to a seed itself and looks for its name among ours.
ADDED_BY_FRONTEND = {"FewStepSampler.inputs.control_after_generate.name"}


@pytest.fixture(scope="module")
def schemas(pack: ModuleType) -> dict[str, Any]:
    """{node id: schema} of all nodes of the pack."""
    nodes = asyncio.run(pack.nodes.FlashMotionExtension().get_node_list())
    return {schema.node_id: schema for schema in (node.define_schema() for node in nodes)}


@pytest.fixture(scope="module")
def texts(schemas: dict[str, Any]) -> dict[str, str]:
    """Every text of the schemas by the path under which the frontend looks for its translation."""
    found: dict[str, str] = {}
    for node_id, schema in schemas.items():
        found |= {f"{node_id}.display_name": schema.display_name, f"{node_id}.description": schema.description}
        for slot in schema.inputs:
            found[f"{node_id}.inputs.{slot.id}.name"] = slot.display_name or slot.id
            found[f"{node_id}.inputs.{slot.id}.tooltip"] = slot.tooltip
        for index, slot in enumerate(schema.outputs):
            found[f"{node_id}.outputs.{index}.name"] = slot.display_name
            found[f"{node_id}.outputs.{index}.tooltip"] = slot.tooltip
    return found


@pytest.fixture(scope="module")
def chinese() -> dict[str, str]:
    """The Chinese node definitions, flat. English has no file: the frontend falls back to the schemas."""
    assert [folder.name for folder in (ROOT / "locales").iterdir()] == ["zh"]
    return flat(json.loads((ROOT / "locales/zh/nodeDefs.json").read_text(encoding="utf-8")))


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """{"a.b": text} of nested objects; dots in keys would be taken for steps, so there must be none."""
    found: dict[str, str] = {}
    for key, value in tree.items():
        assert "." not in key, f"{prefix}{key}: the frontend replaces dots in names by underscores"
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def test_every_node_input_and_output_has_a_text(texts: dict[str, str]) -> None:
    assert len(texts) > 50
    assert [path for path, text in texts.items() if not text] == []


def test_tooltips_are_short(texts: dict[str, str], chinese: dict[str, str]) -> None:
    for found in (texts, chinese):
        tooltips = {path: len(text) for path, text in found.items() if path.endswith(".tooltip")}
        assert len(tooltips) > 40
        assert {path: length for path, length in tooltips.items() if length > LONGEST_TOOLTIP} == {}


def test_chinese_covers_all_texts_and_nothing_else(texts: dict[str, str], chinese: dict[str, str]) -> None:
    assert set(chinese) - ADDED_BY_FRONTEND == set(texts)
    # "VAE" and "Latent" are what ComfyUI's own Chinese calls them.
    untranslated = [p for p, text in chinese.items() if not re.search("[\u4e00-\u9fff]", text)]
    assert {chinese[path] for path in untranslated} <= {"VAE", "Latent"}


def test_no_text_holds_what_the_message_compiler_would_interpret(
    texts: dict[str, str], chinese: dict[str, str]
) -> None:
    # vue-i18n reads {x} as a parameter, @:x as a link and | as a plural.
    for found in (texts, chinese):
        assert [path for path, text in found.items() if re.search(r"[{}@|]", text)] == []


def test_options_keep_their_values_in_texts(
    schemas: dict[str, Any], texts: dict[str, str], chinese: dict[str, str]
) -> None:
    explained = {
        ("DrawTrajectory", "connected_objects"),
        ("DrawTrajectory", "length_change"),
        ("DrawTrajectory", "first_frame_shapes"),
        ("FewStepSampler", "preset"),
        ("MotionAnimatic", "mask_shows"),
        ("MotionAnimatic", "first_frame_shapes"),
    }
    for node_id, name in explained:
        slot = next(slot for slot in schemas[node_id].inputs if slot.id == name)
        for option in slot.options:
            for found in (texts, chinese):
                assert f"{option}" in found[f"{node_id}.inputs.{name}.tooltip"], f"{node_id}.{name}: {option}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_help_pages_name_every_input_output_and_option(schemas: dict[str, Any], language: str) -> None:
    for node_id, schema in schemas.items():
        page = _page(node_id, language)
        names = [slot.id for slot in schema.inputs] + [slot.display_name for slot in schema.outputs]
        # Files' names are options too, of this machine.
        names += [
            str(o) for s in schema.inputs if not s.id.endswith("_name") for o in getattr(s, "options", None) or ()
        ]
        assert [name for name in names if f"`{name}`" not in page] == [], node_id
        # The panel resolves a link against the page's address, which is ComfyUI's, and a picture against web/docs.
        assert re.findall(r"(?<!!)\[[^\]]*\]\((?!https://)[^)]*\)", page) == [], node_id
        for picture in re.findall(r"!\[[^\]]*\]\(([^)]*)\)", page):
            assert (ROOT / "web/docs" / picture).is_file(), f"{node_id}: {picture}"


def test_both_languages_list_the_same_errors(schemas: dict[str, Any]) -> None:
    for node_id in schemas:
        english, chinese = (
            re.findall(
                # Messages stay English in ComfyUI, so both pages quote them as they are: "| *message* | remedy |".
                r"\*([^*]+)\*",
                "\n".join(re.findall(r"^\| (\*.*?) \|", _page(node_id, language), re.MULTILINE)),
            )
            for language in LANGUAGES
        )
        assert len(english) >= 4, node_id
        assert english == chinese, node_id


def _page(node_id: str, language: str) -> str:
    """Where the frontend looks: /extensions/<pack>/docs/<node id>/<language>.md."""
    return (ROOT / "web" / "docs" / node_id / f"{language}.md").read_text(encoding="utf-8")
