"""What README, documents and help pages show can be used as it stands."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from flashmotion_core.trajectory import Keyframe, TrackedObject, Trajectory, parse, sample

ROOT = Path(__file__).resolve().parents[2]
FORMATS = ROOT / "docs" / "formats.md"
PAGES = [ROOT / "README.md", FORMATS, *sorted((ROOT / "web" / "docs").glob("*/*.md"))]
FORMAT_PAGES = sorted((ROOT / "web" / "docs" / "DrawTrajectory").glob("document*.md"))


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a Markdown page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_json_blocks_are_documents_that_sample_to_finite_boxes(page: Path) -> None:
    for block in blocks(page, "json"):
        if "version" not in json.loads(block):
            continue
        trajectory = parse(block)
        sampled = sample(trajectory)
        assert trajectory.objects
        assert sampled.boxes_TN4.shape == (trajectory.frames, len(trajectory.objects), 4)
        assert np.isfinite(sampled.boxes_TN4).all()
        assert (sampled.boxes_TN4[..., 2:] > 0).all()


@pytest.mark.parametrize("page", FORMAT_PAGES, ids=name_of)
def test_the_format_is_shown_and_every_field_is_explained(page: Path) -> None:
    assert any("version" in json.loads(block) for block in blocks(page, "json"))
    names = {field.name for kind in (Trajectory, TrackedObject, Keyframe) for field in fields(kind)} | {"version"}
    text = page.read_text(encoding="utf-8")
    assert {name for name in names if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_blocks_run(page: Path) -> None:
    for block in blocks(page, "python"):
        names: dict[str, object] = {}
        exec(compile(block, name_of(page), "exec"), names)
        if "text" in names:
            assert parse(str(names["text"])) == names["document"]


def test_the_readme_shows_a_document() -> None:
    assert any("version" in json.loads(block) for block in blocks(ROOT / "README.md", "json"))


def test_the_format_has_a_python_example() -> None:
    assert len(FORMAT_PAGES) == 2
    assert all(blocks(page, "python") for page in FORMAT_PAGES)
