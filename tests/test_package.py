"""The archive that the registry gets, and the metadata it reads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tools.comfy.base_folder import NEEDED

if sys.version_info >= (3, 11):
    import tomllib
else:  # the registry's own tools bring it
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).resolve().parents[1]


def git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return done.stdout.splitlines()


def archive() -> list[str]:
    """Tracked files that .comfyignore leaves in."""
    left_out = set(git("ls-files", "--cached", "--ignored", "--exclude-from=.comfyignore"))
    return [name for name in git("ls-files", "--cached") if name not in left_out]


def test_the_archive_holds_the_pack_and_nothing_else() -> None:
    files = archive()
    tops = {name.split("/")[0] for name in files}
    assert {
        "__init__.py",
        "nodes",
        "flashmotion_core",
        "web",
        "locales",
        "example_workflows",
        "pyproject.toml",
        "LICENSE",
    } <= tops
    assert not tops & {"tests", "train", "bench", "tools", "docs", "assets", ".ci", "quickstart.py", "run_tests.py"}
    assert "web/docs/DrawTrajectory/en.md" in files
    assert "flashmotion_core/trajectory/schema.json" in files
    assert sum((ROOT / name).stat().st_size for name in files) < 3_000_000


def test_nothing_in_the_archive_makes_a_scanner_wait() -> None:
    """No code that runs programs, evaluates text, reads pickles or opens the network (a registry scan flags the words)."""
    for name in archive():
        if not name.endswith(".py"):
            continue
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            modules = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            flagged = {module.split(".")[0] for module in modules} & {
                "subprocess",
                "pickle",
                "urllib",
                "requests",
                "socket",
                "base64",
                "ctypes",
            }
            assert not flagged, f"{name} imports {flagged}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile", "__import__"), name


def test_metadata() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["name"] == "flashmotion"
    assert project["project"]["dependencies"] == []
    assert project["project"]["requires-python"] == ">=3.10"
    assert set(project["project"]["optional-dependencies"]) >= {"train", "dev"}
    assert project["tool"]["comfy"]["DisplayName"] == "FlashMotion"
    assert project["tool"]["comfy"]["requires-comfyui"] == ">=0.16.3"


def test_nothing_large_or_pickled_is_tracked() -> None:
    for name in git("ls-files", "--cached"):
        path = ROOT / name
        assert path.suffix not in (".pt", ".pth", ".ckpt", ".pkl", ".bin"), name
        if path.is_file():
            assert path.stat().st_size < 25_000_000, name


def test_the_tiny_weights_are_tiny() -> None:
    """What the first command needs is below 60 MB, all weights together below 100 MB, and none is in the registry's archive."""
    sizes = {
        file.relative_to(ROOT).as_posix(): file.stat().st_size for file in ROOT.glob("assets/tiny/*/*.safetensors")
    }
    assert sum(sizes.values()) < 100_000_000
    assert sum(size for name, size in sizes.items() if name.removeprefix("assets/tiny/") in NEEDED) < 60_000_000
    assert not set(sizes) & set(archive())


def test_comfyui_finds_the_node_ids_without_running_us() -> None:
    """The manager reads node ids from the source: a literal id in a class whose direct base is io.ComfyNode."""
    found = set()
    for path in (ROOT / "nodes").glob("*.py"):
        for entry in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(entry, ast.ClassDef) and any(ast.unparse(base) == "io.ComfyNode" for base in entry.bases):
                calls = [
                    call
                    for call in ast.walk(entry)
                    if isinstance(call, ast.Call) and ast.unparse(call.func) == "io.Schema"
                ]
                (node_id,) = (word.value for call in calls for word in call.keywords if word.arg == "node_id")
                assert isinstance(node_id, ast.Constant)
                assert node_id.value == entry.name
                found.add(entry.name)
    assert found == {"LoadFastGenerator", "DrawTrajectory", "ApplyFastAdapter", "FewStepSampler"}
