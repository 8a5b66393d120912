"""ruff and mypy, as part of the tests; and who may import whom."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOLS = Path(sys.executable).parent


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


def test_mypy_of_training(tmp_path: Path) -> None:
    for name in ("flashmotion_core", "train"):
        shutil.copytree(ROOT / name, tmp_path / name)
    run(
        str(TOOLS / "mypy"),
        *("--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache"), "-p", "train"),
        folder=tmp_path,
    )


def imported(file: Path) -> set[str]:
    """Dotted names of modules that a file imports, relative ones resolved against the repository."""
    found = set()
    package = file.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            found.add(".".join([*base, *([node.module] if node.module else [])]))
    return found


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        (
            "flashmotion_core",
            ("comfy", "comfy_api", "comfy_extras", "folder_paths", "nodes", "train", "tools", "server"),
        ),
        ("nodes", ("train", "tools", "diffusers", "transformers", "cv2", "pydantic", "accelerate")),
        ("train", ("nodes", "tools", "comfy", "comfy_api", "folder_paths")),
        ("tools", ("nodes", "comfy")),
    ],
)
def test_who_may_import_whom(folder: str, forbidden: tuple[str, ...]) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    for file in files:
        wrong = {name for name in imported(file) if name.split(".")[0] in forbidden}
        assert not wrong, f"{file.relative_to(ROOT)} imports {sorted(wrong)}"


def test_tools_know_of_training_only_its_world_and_its_measures() -> None:
    used: set[str] = set()
    for file in sorted((ROOT / "tools").rglob("*.py")):
        names = {name for name in imported(file) if name.split(".")[0] == "train"}
        wrong = {name for name in names if name != "train.evaluation.measures" and not name.startswith("train.world.")}
        assert not wrong, f"{file.relative_to(ROOT)} imports {sorted(wrong)}"
        used |= names
    assert used


def test_inside_the_core_imports_are_relative() -> None:
    # Inside ComfyUI the core has another name.
    for file in (ROOT / "flashmotion_core").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        absolute = [
            node.module
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            and not node.level
            and (node.module or "").startswith("flashmotion_core")
        ]
        assert not absolute, f"{file.relative_to(ROOT)} imports {absolute}"
