"""One version: pyproject.toml holds it, and a release's other files must agree."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tools.version import ROOT, disagreements, main, version


def release(folder: Path, project: str, citation: str, heading: str) -> Path:
    (folder / "pyproject.toml").write_text(f'[project]\nversion = "{project}"\n', encoding="utf-8")
    (folder / "CITATION.cff").write_text(f"cff-version: 1.2.0\nversion: {citation}\n", encoding="utf-8")
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n## {heading}\n", encoding="utf-8")
    return folder


def test_the_citation_has_the_version_of_pyproject() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.+)$", citation, re.MULTILINE) == [version()]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version())


def test_example_workflows_were_written_by_no_later_version() -> None:
    for path in (ROOT / "example_workflows").glob("*.json"):
        for node in json.loads(path.read_text(encoding="utf-8"))["nodes"]:
            if node["properties"].get("cnr_id") == "flashmotion":
                written = tuple(int(part) for part in node["properties"]["ver"].split("."))
                assert written <= tuple(int(part) for part in version().split(".")), path.name


def test_a_release_whose_files_agree_can_be_published(tmp_path: Path) -> None:
    assert disagreements("v1.2.3", release(tmp_path, "1.2.3", "1.2.3", "[1.2.3] - 2027-01-31")) == []


@pytest.mark.parametrize(
    ("project", "citation", "heading", "named"),
    [
        ("1.2.4", "1.2.3", "[1.2.3] - 2027-01-31", "pyproject.toml"),
        ("1.2.3", "1.2.2", "[1.2.3] - 2027-01-31", "CITATION.cff"),
        ("1.2.3", "1.2.3", "[Unreleased]", "CHANGELOG.md"),
        ("1.2.3", "1.2.3", "[1.2.3]", "CHANGELOG.md"),
        ("1.2.3", "1.2.3", "[1x2.3] - 2027-01-31", "CHANGELOG.md"),
    ],
)
def test_the_file_that_disagrees_with_the_tag_is_named(
    tmp_path: Path, project: str, citation: str, heading: str, named: str
) -> None:
    (sentence,) = disagreements("v1.2.3", release(tmp_path, project, citation, heading))
    assert sentence.startswith(named)
    assert "v1.2.3" in sentence


def test_the_command_says_so_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"v{version()}9"]) == 1
    assert "pyproject.toml has the version" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "TAG" in capsys.readouterr().err
