"""SECURITY.md's promises, read off the source of everything that the registry's archive holds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .support.archive import ROOT, archive, git, reached

# Modules whose import alone would break a promise, by the promise.
FORBIDDEN = {
    "opens no pickle": {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"},
    "starts no process": {"subprocess", "multiprocessing", "pty", "runpy", "ctypes", "cffi"},
    "uses no network": {
        *(
            "urllib",
            "http",
            "requests",
            "httpx",
            "aiohttp",
            "socket",
            "ssl",
            "ftplib",
            "smtplib",
            "telnetlib",
            "xmlrpc",
        ),
        *("websocket", "websockets", "webbrowser", "huggingface_hub", "wandb"),
    },
    "adds no server route": {"server", "flask", "fastapi"},
}
SHELL = re.compile(r"os\.(system|popen|startfile|fork\w*|exec\w+|spawn\w+|posix_spawn\w*)")
RUNS_TEXT = {"eval", "exec", "compile", "__import__"}


def python_files() -> list[str]:
    return [name for name in archive() if name.endswith(".py")]


def calls(tree: ast.AST) -> Iterator[tuple[str, dict[str, str], int]]:
    """Every call of a file: what is called, its keywords, its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield (
                ast.unparse(node.func),
                {word.arg or "**": ast.unparse(word.value) for word in node.keywords},
                node.lineno,
            )


def modules(tree: ast.AST) -> Iterator[str]:
    """Every module that a file imports by its absolute name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


def broken_promises(source: str, *, named_in_a_table: bool = False) -> list[str]:
    """What a Python file does that SECURITY.md says it does not; one sentence each.

    `named_in_a_table`: the file may import a module by its name, which is one of a fixed list.
    """
    tree = ast.parse(source)
    found = [
        f"{promise}, but {module} is imported"
        for module in modules(tree)
        for promise, names in FORBIDDEN.items()
        if module.split(".")[0] in names
    ]
    for called, words, line in calls(tree):
        where = f"line {line}: {called}"
        if called in RUNS_TEXT or (called.endswith("import_module") and not named_in_a_table):
            found.append(f"runs no text as code, but {where}")
        if SHELL.fullmatch(called):
            found.append(f"starts no process, but {where}")
        if called == "torch.load" and words.get("weights_only") != "True":
            found.append(f"opens no pickle, but {where} without weights_only=True")
        if words.get("allow_pickle", "False") != "False":
            found.append(f"opens no pickle, but {where} with allow_pickle")
        if called.startswith(("torch.hub.", "torch.utils.cpp_extension.")) or "hf_hub_download" in called:
            found.append(f"uses no network, but {where}")
        if called.endswith(".from_pretrained") and words.get("local_files_only") != "True":
            found.append(f"uses no network, but {where} without local_files_only=True")
        if words.get("trust_remote_code", "False") != "False":
            found.append(f"runs no text as code, but {where} with trust_remote_code")
    found += [
        f"adds no server route, but line {node.lineno} names {ast.unparse(node)}"
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id == "PromptServer")
        or (isinstance(node, ast.Attribute) and node.attr in ("PromptServer", "routes", "add_routes"))
    ]
    return found


def test_the_pack_keeps_its_promises() -> None:
    assert len(python_files()) > 40
    broken = {
        name: broken_promises(
            (ROOT / name).read_text(encoding="utf-8"),
            named_in_a_table=name == "flashmotion_core/acceleration/attention.py",
        )
        for name in python_files()
    }
    assert {name: found for name, found in broken.items() if found} == {}


def test_the_nodes_reach_no_reader_of_pickles() -> None:
    """Not even torch.load with weights_only, which the converter uses: a command that one runs on purpose."""
    readers = [name for name in python_files() if "torch.load" in (ROOT / name).read_text(encoding="utf-8")]
    assert readers == ["flashmotion_core/cli/checkpoints.py"]
    assert readers[0] not in reached(["__init__.py", "nodes/__init__.py"])


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from urllib.request import urlopen",
        "import os; os.system('ls')",
        "import os; os.execv('ls', [])",
        "import torch; torch.load('x.pt')",
        "import torch; torch.load('x.pt', weights_only=False)",
        "import numpy; numpy.load('x.npy', allow_pickle=True)",
        "eval('1')",
        "import importlib; importlib.import_module('x')",
        "AutoTokenizer.from_pretrained('name')",
        "AutoModel.from_pretrained('x', local_files_only=True, trust_remote_code=True)",
        "from server import PromptServer",
        "@PromptServer.instance.routes.get('/x')\ndef answer(request): ...",
    ],
)
def test_a_broken_promise_is_seen(line: str) -> None:
    assert broken_promises(line)


def test_the_editor_talks_to_its_own_server_and_runs_no_text() -> None:
    forbidden = re.compile(
        r"\beval\(|\bnew Function\b|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\bfetch\(|XMLHttpRequest|WebSocket|EventSource"
        r"|sendBeacon|(?<!www\.w3\.org/)https?://(?!www\.w3\.org/)"
    )
    files = [name for name in archive() if name.endswith(".js")]
    assert len(files) > 40
    for name in files:
        found = forbidden.findall((ROOT / name).read_text(encoding="utf-8"))
        assert not found, f"{name}: {found}"


UNPICKLES = re.compile(
    r"\b(?:_?c?pickle|dill|joblib|shelve|marshal|cloudpickle)\.(?:_?loads?|_?Unpickler|open)\b|allow_pickle\s*=\s*True|weights_only\s*=\s*False"
    r"|\bfrom (?:_?c?pickle|dill|joblib|shelve|marshal|cloudpickle) import [^\n]*\b(?:_?loads?|_?Unpickler|open)\b"
    r"|\byaml\.(?:load|unsafe_load|full_load|load_all)\(|\btorch\.load\((?![^)]*weights_only=True)"
)


@pytest.mark.parametrize(
    "line",
    [
        "pickle._Unpickler(stream)",
        "_pickle.loads(text)",
        "from pickle import dumps, loads",
        "pickle.load(file)",
        "torch.load(path)",
    ],
)
def test_every_way_to_unpickle_is_looked_for(line: str) -> None:
    assert UNPICKLES.search(line)
    assert not UNPICKLES.search("from pickle import UnpicklingError")


def test_nothing_of_ours_unpickles_but_the_reader_of_old_checkpoints() -> None:
    """Tests aside, which make hostile pickles; what the reader lets through is tested in tests/train/engine/test_checkpoint_index.py."""
    ours = [name for name in git("ls-files", "*.py") if not name.startswith("tests/")]
    assert len(ours) > 150
    found = [name for name in ours if UNPICKLES.search((ROOT / name).read_text(encoding="utf-8"))]
    assert found == ["train/engine/older_index.py"]


def test_security_md_says_where_to_report_and_names_each_promise() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (repository,) = re.findall(r'^Repository = "(.+)"$', pyproject, re.MULTILINE)
    assert f"{repository}/security/advisories/new" in text
    words = text.lower()
    assert all(word in words for word in ("pickle", "network", "process", "server route", "workflow", "checkpoint"))


def test_no_file_of_the_repository_is_a_pickle() -> None:
    assert not [path for path in archive() if Path(path).suffix in (".pt", ".pth", ".pkl", ".ckpt", ".bin")]
