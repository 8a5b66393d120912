"""The archive that the registry gets, and the metadata it reads."""

from __future__ import annotations

import ast
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.comfy.base_folder import NEEDED

from .support.archive import NODES, ROOT, archive, git, reached, unpack

if sys.version_info >= (3, 11):
    import tomllib
else:  # the registry's own tools bring it
    tomllib = pytest.importorskip("tomli")

# What a user of the pack starts: ComfyUI, and the two commands that the documents name.
DOORS = [
    "__init__.py",
    "nodes/__init__.py",
    "flashmotion_core/generate.py",
    "flashmotion_core/convert.py",
    "convert.py",
]


def test_the_archive_holds_the_pack_and_nothing_else() -> None:
    files = archive()
    folders = {"nodes", "flashmotion_core", "web", "locales", "example_workflows", "assets"}
    texts = {"LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md", "CITATION.cff"}
    assert {name.split("/")[0] for name in files} == {*folders, *texts, "__init__.py", "convert.py", "pyproject.toml"}
    assert "web/docs/DrawTrajectory/en.md" in files
    assert {"flashmotion_core/trajectory/schema.json", "flashmotion_core/trajectory/words/phrases.json"} <= set(files)
    assert sum((ROOT / name).stat().st_size for name in files if not name.startswith("assets/")) < 3_000_000


def test_the_archive_carries_one_set_of_tiny_models_and_stays_small() -> None:
    """What the example needs, bytes as in assets/tiny but for the codec, and all of it together at most 25 MB to download."""
    assert {name.removeprefix("assets/tiny/") for name in archive() if name.startswith("assets/")} == {
        "diffusion_models/flashmotion_tiny_generator.safetensors",
        "model_patches/flashmotion_tiny_resnet.safetensors",
        "carried/vae/flashmotion_tiny_vae.safetensors",
        "flashmotion_scene_0.png",
        "MODEL_CARD.md",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:  # as `comfy node pack` does
        for name in archive():
            file.write(ROOT / name, name)
    assert len(packed.getvalue()) < 25_000_000


def test_the_carried_codec_is_the_exact_one_with_rounded_kernels() -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    from tools import make_carried

    exact, carried = load_file(make_carried.EXACT), load_file(make_carried.CARRIED)
    made = make_carried.rounded(exact)
    assert carried.keys() == exact.keys()
    assert all(torch.equal(carried[key], made[key]) for key in made)
    assert {weight.dtype for weight in carried.values()} == {torch.float16}
    for key, weight in exact.items():
        if key.startswith("decoder."):
            assert (weight.float() - carried[key].float()).std() <= 0.08 * weight.float().std(), key
        elif not torch.equal(weight, carried[key]):
            assert not carried[key].any(), key
            assert not exact[key.replace(".conv.0.", ".conv.4.").replace(".conv.2.", ".conv.4.")].any(), "it is used"


def test_every_python_file_of_the_archive_is_reached_from_a_door() -> None:
    """What only training imports stays at home. Tried without the files that are left out: a missing one is named."""
    files = {name for name in archive() if name.endswith(".py")}
    used = reached(DOORS)
    assert sorted(files - used) == [], "nothing that a ComfyUI user runs imports these: name them in .comfyignore"
    assert sorted(used - files) == [], "the pack imports these, but .comfyignore leaves them out"


@pytest.mark.parametrize("command", ["generate", "convert"])
def test_a_documented_command_starts_from_the_unpacked_archive(tmp_path: Path, command: str) -> None:
    pack = unpack(tmp_path / "pack")
    show = "import sys, flashmotion_core as core; print(core.__file__, file=sys.stderr)"
    where = subprocess.run(
        [sys.executable, "-c", show],
        capture_output=True,
        text=True,
        check=True,
        cwd=pack,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert Path(where.stderr.strip()).is_relative_to(pack)
    words = [sys.executable, "-m", f"flashmotion_core.{command}", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=pack)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_the_converter_starts_by_its_path_where_python_ignores_the_folder(tmp_path: Path) -> None:
    """As portable Windows does: isolated, so that neither the current folder, the script's nor PYTHONPATH is searched."""
    pack = unpack(tmp_path / "pack")
    (tmp_path / "in.pt").write_bytes(b"GGUF")
    words = [sys.executable, "-I", str(pack / "convert.py"), "in.pt", "out.safetensors"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert "in.pt is a GGUF file" in done.stderr


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
    """What the first command needs is below 60 MB, and all weights together are below 100 MB to clone."""
    tracked = [line.split()[1] for line in git("ls-files", "-s", "assets/tiny") if line.endswith(".safetensors")]
    compressed = git("cat-file", "--batch-check=%(objectsize:disk)", given="\n".join(tracked))
    assert 0 < sum(map(int, compressed)) < 100_000_000
    sizes = {
        file.relative_to(ROOT).as_posix(): file.stat().st_size for file in ROOT.glob("assets/tiny/**/*.safetensors")
    }
    assert sum(size for name, size in sizes.items() if name.removeprefix("assets/tiny/") in NEEDED) < 60_000_000


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
    assert found == set(NODES)
