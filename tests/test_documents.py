"""README and documents: small enough, and everything they name exists: links, headings, commands, options, files and settings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from train.config.load import load
from train.config.schema import Config

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
TRAINING = ROOT / "docs/training.md"
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "assets/tiny/README.md"]
MADE = {"build", "dist", "node_modules", "outputs", "runs"}  # what .gitignore names
FOLDERS = tuple(
    sorted(path.name for path in ROOT.iterdir() if path.is_dir() and path.name.isidentifier() and path.name not in MADE)
)
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
each_document = pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.relative_to(ROOT).as_posix())


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def code_of(page: Path) -> Iterator[str]:
    """Inline code, and the lines of code blocks with continued ones joined."""
    text = text_of(page)
    yield from re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", FENCE.sub("", text))
    for block in FENCE.findall(text):
        yield from block.replace("\\\n", " ").splitlines()


def commands_of(page: Path) -> Iterator[list[str]]:
    """The words of every command that starts Python."""
    for code in code_of(page):
        words = shlex.split(code, comments=True) if re.match(r"python3? ", code) else []
        if words:
            yield words


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@lru_cache
def python_sources() -> str:
    """All of our own Python in one text."""
    folders = (name for name in FOLDERS if name != "node_modules")
    return "\n".join(text_of(file) for name in folders for file in sorted((ROOT / name).rglob("*.py")))


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The settings classes that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType, Annotated, tuple):
        for part in get_args(annotation):
            yield from models_in(part)


def is_setting(name: str) -> bool:
    found: list[type[BaseModel]] = [Config]
    for key in name.split("."):
        fields = [model.model_fields[key] for model in found if key in model.model_fields]
        if not fields:
            return False
        found = [model for field in fields for model in models_in(field.annotation)]
    return True


def test_the_readme_is_at_most_10_kb() -> None:
    assert len(README.read_bytes()) <= 10_000


def test_the_readme_shows_before_it_tells() -> None:
    """A picture and the way to install are on the first screen."""
    lines = text_of(README).splitlines()
    assert any(line.startswith("![") for line in lines[:6])
    assert "## Install" in lines[:8]


@each_document
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text_of(page))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target}: there is no such file"
        assert not anchor or anchor in anchors_of(file), f"{target}: there is no such heading"


@each_document
def test_commands_name_what_exists(page: Path) -> None:
    for words in commands_of(page):
        if words[1:2] == ["-m"]:
            if words[2] in ("pytest", "venv"):
                continue
            module = ROOT / words[2].replace(".", "/")
            assert module.with_suffix(".py").is_file() or (module / "__main__.py").is_file(), " ".join(words)
        else:
            assert (ROOT / words[1]).is_file(), " ".join(words)
        for option in (word.partition("=")[0] for word in words if word.startswith("--")):
            assert f'"{option}"' in python_sources(), f"{' '.join(words)}: nothing knows {option}"


@each_document
def test_files_that_are_named_exist(page: Path) -> None:
    for code in code_of(page):
        for name in re.findall(r"[\w./-]+", code):
            if name.startswith(FOLDERS) and name.split("/")[0] in FOLDERS and "/" in name:
                assert (ROOT / name).exists(), name


@each_document
def test_configurations_and_settings_on_command_lines_are_accepted(page: Path) -> None:
    for words in commands_of(page):
        if words[1] != "train/run_all.py" or "--config" not in words:
            continue
        overrides = [word for word in words[2:] if re.match(r"[a-z][\w.]*=", word)]
        load(words[words.index("--config") + 1], overrides)


def test_settings_that_training_names_exist() -> None:
    sections = "|".join(Config.model_fields)
    names = {
        name.rstrip(".")
        for code in code_of(TRAINING)
        for name in re.findall(rf"(?<![\w./-])(?:{sections})\.[a-z][\w.]*", code)
        if not name.endswith((".yaml", ".py", ".json", ".csv", ".png"))
    }
    assert len(names) > 20
    assert {name for name in names if not is_setting(name)} == set()


def test_configurations_that_training_names_are_those_there_are() -> None:
    folder = ROOT / "train/configs"
    text = text_of(TRAINING)
    named = set(re.findall(r"^\| `(\w+)` \|", text[text.index("## Configurations") :].split("\n## ")[0], re.MULTILINE))
    assert named == {file.stem for file in folder.glob("*.yaml")}
    assert {file.stem for file in folder.glob("baselines/*.yaml")} <= set(re.findall(r"`(\w+)`", text))
