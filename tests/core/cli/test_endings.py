"""How python -m flashmotion_core.generate ends when it is asked to, and when memory ends: one sentence, no unfinished file."""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flashmotion_core.cli.endings import ASKED, EndAskedError, ending_by_signals, which_memory
from flashmotion_core.cli.generate import main

from ...support.forked_commands import ForkedCommands, forked_commands
from ...support.sentences import names

ROOT = Path(__file__).resolve().parents[3]
TINY = ROOT / "assets/tiny"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs signals of POSIX")


def arguments(
    folder: Path, *more: str, frames: int = 5, size: tuple[int, int] = (96, 64), fps: float = 12
) -> list[str]:
    box = {"frame": 0, "x": 0.5, "y": 0.5, "w": 0.4, "h": 0.4}
    document = {"version": 1, "size": size, "frames": frames, "fps": fps, "objects": [{"id": "a", "keyframes": [box]}]}
    (folder / "trajectory.json").write_text(json.dumps(document))
    files = {
        "--generator": TINY / "diffusion_models/flashmotion_tiny_generator.safetensors",
        "--vae": TINY / "vae/flashmotion_tiny_vae.safetensors",
        "--adapter": TINY / "model_patches/flashmotion_tiny_resnet.safetensors",
        "--trajectory": folder / "trajectory.json",
        "--out": folder / "out.mp4",
        "--device": "cpu",
    }
    given = dict(zip(more[::2], more[1::2], strict=True))
    return [str(part) for key, value in (files | given).items() for part in (key, value)]


def wait(true: Callable[[], bool], said: Path) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end, said.read_text()
        time.sleep(0.01)


@pytest.fixture(scope="module")
def commands() -> Iterator[ForkedCommands]:
    with forked_commands(ROOT) as process:
        yield process


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_while_the_file_is_written_leaves_none(name: str, commands: ForkedCommands, tmp_path: Path) -> None:
    said, folder = tmp_path / "said", tmp_path / "folder"
    folder.mkdir()
    # It pauses, so that the signal arrives in the middle on any machine.
    run = commands.start(said, *arguments(folder, frames=65), pause=0.1)
    wait(lambda: any(folder.glob("*.part")), said)
    os.kill(run, getattr(signal, name))
    assert commands.exit_code() == 128 + getattr(signal, name)
    names(said.read_text(), key=f"stopped by {name}", value="no file was written")
    assert "Traceback" not in said.read_text()
    assert [path.name for path in folder.iterdir()] == ["trajectory.json"]


@POSIX
@pytest.mark.slow
def test_ctrl_c_ends_with_one_sentence_and_no_file(commands: ForkedCommands, tmp_path: Path) -> None:
    said, folder = tmp_path / "said", tmp_path / "folder"
    folder.mkdir()
    run = commands.start(said, *arguments(folder, "--schedule", "plain", "--steps", "1000"))
    wait(lambda: "denoise" in said.read_text(), said)
    os.kill(run, signal.SIGINT)
    assert commands.exit_code() == 130
    assert said.read_text().rstrip().endswith("stopped by Ctrl+C; no file was written.")
    assert "Traceback" not in said.read_text()
    assert [path.name for path in folder.iterdir()] == ["trajectory.json"]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux limits the address space")
def test_full_memory_is_one_sentence(commands: ForkedCommands, tmp_path: Path) -> None:
    said, folder = tmp_path / "said", tmp_path / "folder"
    folder.mkdir()
    commands.start(said, *arguments(folder, frames=121, size=(1280, 704)), memory=200_000_000)
    code, printed = commands.exit_code(), said.read_text()
    assert code == 2, printed
    assert "Traceback" not in printed
    names(
        printed.splitlines()[-1], key="error: the computer's memory is full", remedy="use a smaller size, fewer frames"
    )
    assert [path.name for path in folder.iterdir()] == ["trajectory.json"]


@pytest.mark.parametrize(
    ("error", "whose"),
    [
        (MemoryError(), "computer"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:126] DefaultCPUAllocator: can't allocate memory"), "computer"),
        (RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB"), "GPU"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), None),
        (ValueError("memory"), None),
    ],
)
def test_errors_that_mean_full_memory(error: Exception, whose: str | None) -> None:
    assert which_memory(error) == whose


@POSIX
def test_only_the_first_signal_interrupts_and_the_old_handlers_return() -> None:
    before = [signal.getsignal(number) for number in ASKED]
    seen: list[str] = []

    def work() -> None:
        with ending_by_signals():
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGTERM)
                seen.append("cleaned up")

    with pytest.raises(EndAskedError) as raised:
        work()
    assert (raised.value.name, raised.value.exit_code, seen) == ("SIGTERM", 128 + signal.SIGTERM, ["cleaned up"])
    assert [signal.getsignal(number) for number in ASKED] == before


@POSIX
def test_ignored_signals_stay_ignored_and_other_threads_change_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_by_signals():
            signal.raise_signal(signal.SIGHUP)  # as under nohup
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    failed: list[BaseException] = []

    def enter() -> None:
        try:
            with ending_by_signals():
                pass
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert not failed


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("option", ["--strength", "--start", "--end"])
def test_numbers_that_are_not_finite(
    option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments(tmp_path), f"{option}={value}"]) == 2
    names(capsys.readouterr().err, key=f"error: {option}", value=value, remedy="must be a finite number")


def test_a_rate_that_no_file_can_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(tmp_path, fps=0.0005)) == 2
    names(capsys.readouterr().err, key="fps", value=0.0005, remedy="from 0.001 to 1000")


@pytest.mark.parametrize("steps", ["1000000000", "0"])
def test_step_counts_out_of_range(steps: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(tmp_path, "--schedule", "plain", "--steps", steps)) == 2
    names(capsys.readouterr().err, key="the number of steps", value=steps, remedy="at least 1 and at most 1000")


def test_a_checkpoint_of_the_format_before_zip_says_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "model.pth"
    old.write_bytes(pickle.dumps({"generator": {}}, protocol=2))
    for option in ("--adapter", "--generator"):
        changes: Any = (option, str(old))
        assert main(arguments(tmp_path, *changes)) == 2
        names(
            capsys.readouterr().err,
            key="model.pth",
            value="format before zip",
            remedy="convert it with python convert.py",
        )
