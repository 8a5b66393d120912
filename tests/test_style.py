"""ruff and mypy, as part of the tests; who may import whom; and one name for one thing."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOLS = Path(sys.executable).parent


@pytest.fixture(scope="module", autouse=True)
def no_trees_are_kept() -> Iterator[None]:
    """They would slow down what looks for memory to free in later tests."""
    yield
    tree_of.cache_clear()


def run(*command: str, folder: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_ruff() -> None:
    run(str(TOOLS / "ruff"), "check", ".")


def test_ruff_format() -> None:
    run(str(TOOLS / "ruff"), "format", "--check", ".")


def test_mypy(tmp_path: Path) -> None:
    # Checked under its own name, because the repository's folder may have a name that is not a Python identifier.
    package = tmp_path / "flashmotion"
    package.mkdir()
    for name in ("__init__.py", "nodes", "flashmotion_core"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, package / name)
    run(
        str(TOOLS / "mypy"),
        *("--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache"), "-p", "flashmotion"),
        folder=tmp_path,
    )


def test_mypy_of_training_tools_and_bench(tmp_path: Path) -> None:
    for name in ("flashmotion_core", "train", "tools", "bench"):
        shutil.copytree(ROOT / name, tmp_path / name)
    run(
        str(TOOLS / "mypy"),
        *("--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")),
        *("-p", "train", "-p", "tools", "-p", "bench"),
        folder=tmp_path,
    )


# Who may import whom


FOLDERS = ("flashmotion_core", "nodes", "train", "tools", "bench")
COMFYUI = ("comfy", "comfy_api", "comfy_extras", "folder_paths", "server")
MAY_KNOW = {
    "flashmotion_core": (),
    "nodes": ("flashmotion_core",),
    "train/world": ("flashmotion_core",),
    "train": ("flashmotion_core", "train"),
    "tools": ("flashmotion_core", "train.world"),
    "bench": ("flashmotion_core", "train", "tools"),
    "assets": ("flashmotion_core",),
    "tests/golden": ("flashmotion_core",),
}
"""Which of our folders each folder may import from, beside itself."""
NOT_HERE = {
    "flashmotion_core": COMFYUI,
    "nodes": ("diffusers", "transformers", "cv2", "pydantic", "accelerate"),
    "train": COMFYUI,
    "tools": COMFYUI,
}
"""Packages of others that a folder does without: ComfyUI, or what ComfyUI does not bring."""
TRAIN = (
    ("errors",),
    ("files", "folder_lock", "packages", "world"),
    ("parallel",),
    ("config",),
    ("data",),
    ("monitor",),
    ("engine",),
    ("methods",),
    ("run_folder",),
    ("codec", "prepare"),
    ("evaluation",),
    ("stages",),
    ("publish",),
    ("story", "plan"),
    ("narrative",),
    ("command",),
    ("run_all", "stage1_slow_adapter", "stage2_fast_generator", "stage3_fast_adapter", "evaluate_run", "embed"),
    ("feature_network", "launch"),
)
"""The rooms and files of training, each of which knows only those in earlier rows."""


def python(folder: str) -> list[Path]:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    return files


def dotted(file: Path) -> str:
    """The module's name."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    return {dotted(file): file for folder in FOLDERS for file in python(folder)}


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def imported(file: Path) -> frozenset[str]:
    """Dotted names of modules that a file imports anywhere but for types, relative ones resolved against the repository."""
    tree = tree_of(file)
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for part in node.body
        for inner in ast.walk(part)
    }
    found = set()
    package = file.relative_to(ROOT).parent.parts
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            whole = {f"{base}.{alias.name}" for alias in node.names}
            found |= {name if name in modules() else base for name in whole}
    return frozenset(found)


def within(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("folder", MAY_KNOW)
def test_who_may_import_whom(folder: str) -> None:
    own = folder.replace("/", ".")
    ours = {*FOLDERS, "assets", "tests"} - {own}
    for file in python(folder):
        known = (own, *MAY_KNOW[folder])
        # Started inside a ComfyUI, whose top-level `nodes` it means.
        host = ("nodes",) if file.name == "comfyui_worker.py" else ()
        wrong = {name for name in imported(file) if within(name, ours) and not within(name, (*known, *host))}
        wrong |= {name for name in imported(file) if within(name, NOT_HERE.get(folder, ()))}
        assert not wrong, f"{file.relative_to(ROOT)} imports {sorted(wrong)}"


def test_rooms_of_training_know_only_earlier_ones() -> None:
    row = {room: index for index, rooms in enumerate(TRAIN) for room in rooms}
    there = {name.split(".")[1] for name in modules() if name.startswith("train.")}
    assert there | {"launch"} == row.keys()
    for file in python("train"):
        room = (file.relative_to(ROOT / "train").with_suffix("").parts)[0]
        others = {name for name in imported(file) if name.startswith("train.") and name.split(".")[1] != room}
        wrong = {name for name in others if row[name.split(".")[1]] >= row[room]}
        assert not wrong, f"{file.relative_to(ROOT)} imports {sorted(wrong)}"


def test_contributing_says_what_is_checked() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    told = {
        folder: re.findall(r"`([a-z_.]+)`", may)
        for folder, may in re.findall(r"^\| `(.+?)` \|.*\|(.*)\|$", text, re.MULTILINE)
    }
    assert told == {folder: [name for name in known if name != folder] for folder, known in MAY_KNOW.items()}
    rooms = text.partition("may import those above it")[2].split("```")[1].strip().splitlines()
    assert rooms == [", ".join(row) for row in TRAIN]


def test_no_modules_import_each_other_in_a_circle() -> None:
    left = {name: {other for other in imported(file) if other in modules()} for name, file in modules().items()}
    while free := {name for name, others in left.items() if not others & left.keys() - {name}}:
        left = {name: others for name, others in left.items() if name not in free}
    assert not left, f"in or before a circle: {sorted(left)}"


def test_inside_the_core_imports_are_relative() -> None:
    # Inside ComfyUI the core has another name.
    for file in (ROOT / "flashmotion_core").rglob("*.py"):
        tree = tree_of(file)
        absolute = [
            node.module
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            and not node.level
            and (node.module or "").startswith("flashmotion_core")
        ]
        assert not absolute, f"{file.relative_to(ROOT)} imports {absolute}"


# One name, one thing

SAME_FILES = {"control_map.py", "synthetic.py"}
"""Scripts of bench that are named after what they measure."""


def test_a_file_name_stands_for_one_thing() -> None:
    named: dict[str, list[Path]] = {}
    for name, file in modules().items():
        if file.name != "__init__.py":
            # A door has the name of what it opens, further in.
            further_in = {other for other in imported(file) if within(other, [name.rpartition(".")[0]])}
            door = any(other.rpartition(".")[2] == file.stem for other in further_in)
            named.setdefault(file.name, []).extend([] if door else [file])
    assert {name for name, files in named.items() if len(files) > 1} == SAME_FILES


def test_a_class_name_stands_for_one_thing() -> None:
    places: dict[str, list[str]] = {}
    for name, file in modules().items():
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(name)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_only_the_command_line_names_its_options() -> None:
    # Nodes and training show the core's errors too.
    for file in python("flashmotion_core"):
        if "cli" in file.parts:
            continue
        tree = tree_of(file)
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        named = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and id(node) not in docstrings
            if re.search(r"--[a-z]|python -m", str(node.value))
        ]
        assert not named, f"{file.relative_to(ROOT)} says {named}"


def test_nothing_private_lies_unused() -> None:
    """A private function that nothing names, not even a decorator, is dead, or lost what was to call it."""
    words = Counter(word for file in modules().values() for word in re.findall(r"\w+", file.read_text("utf-8")))
    unused = {
        f"{name}: {node.name}"
        for name, file in modules().items()
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("_") and not node.name.endswith("__")
        if words[node.name] == 1 and not node.decorator_list
    }
    # torch calls this one.
    assert unused == {"flashmotion_core.adapters.controlnet: _conv_forward"}
