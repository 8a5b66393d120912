"""The registry's archive as `comfy node pack` makes it: files that git tracks, minus those that .comfyignore names."""

from __future__ import annotations

import ast
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NODES = [
    "LoadFastGenerator",
    "DrawTrajectory",
    "ApplyFastAdapter",
    "FewStepSampler",
    "MotionAnimatic",
    "ApplyMotionGuide",
    "TrajectoryScore",
]
"""Ids of the nodes in it, in the order of `get_node_list`."""


def git(*arguments: str, given: str | None = None) -> list[str]:
    """What git prints, line by line, when it is `given` a text; skips the test outside of a git checkout."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, input=given)
    if done.returncode:
        pytest.skip("not a git checkout")
    return done.stdout.splitlines()


def archive() -> list[str]:
    """Tracked files that .comfyignore leaves in."""
    left_out = set(git("ls-files", "--cached", "--ignored", "--exclude-from=.comfyignore"))
    return [name for name in git("ls-files", "--cached") if name not in left_out and (ROOT / name).is_file()]


def unpack(folder: Path) -> Path:
    """Put the archive's files into `folder`, as an installation from the registry does."""
    for name in archive():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    return folder


def imports_at_run_time(name: str) -> set[str]:
    """Files (as archive names) that a Python file's relative imports may mean, inside functions too; not those for type checkers."""
    found: set[str] = set()
    pending: list[ast.AST] = [ast.parse((ROOT / name).read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            pending += node.orelse
            continue
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = (ROOT / name).parents[node.level - 1]
            module = folder.joinpath(*(node.module or "").split("."))
            found |= _files(module)
            for alias in node.names:
                found |= _files(module / alias.name)
        pending += ast.iter_child_nodes(node)
    return found


def _files(module: Path) -> set[str]:
    """The file of a module and the packages that its import runs, where they exist."""
    if not module.is_relative_to(ROOT):
        return set()
    parts = module.relative_to(ROOT).parts
    packages = ["/".join((*parts[:length], "__init__.py")) for length in range(len(parts) + 1)]
    return {name for name in (*packages, "/".join(parts) + ".py") if (ROOT / name).is_file()}


def reached(roots: list[str]) -> set[str]:
    """Every Python file that some file of `roots` imports, directly or through others."""
    found: set[str] = set()
    pending = list(roots)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += imports_at_run_time(name)
    return found
