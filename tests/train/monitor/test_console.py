"""What the console writes to a terminal, and to a file or a CI log instead."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch

from train.monitor import console as console_module
from train.monitor.console import Console, duration, peak_memory


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(console_module, "time", clock)
    return clock


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


def on_screen(written: str) -> list[str]:
    """Lines that a terminal shows: a carriage return goes back to the line's start, later characters overwrite."""
    lines = []
    for line in written.split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return lines


def test_a_terminal_has_one_line_that_is_rewritten(clock: Clock) -> None:
    stream = Terminal()
    with Console(stream).phase("stage1", 2000, start=419) as progress:
        clock.now += 0.31
        progress.update(420, loss=0.1234, seconds_per_step=0.31, peak_memory_bytes=2_100_000_000, waiting_share=0.01)
        assert on_screen(stream.getvalue()) == [
            "stage1   420/2000  loss 0.1234  0.31 s/step  ETA 8 min  2.1 GB  data 1 %"
        ]
    assert on_screen(stream.getvalue())[1:] == [""]


def test_a_terminal_is_redrawn_at_most_four_times_a_second_and_at_the_end(clock: Clock) -> None:
    stream = Terminal()
    with Console(stream).phase("encode", 100) as progress:
        for done in range(1, 101):
            clock.now += 0.01
            progress.update(done)
    assert stream.getvalue().count("\r") == 5  # 0.01, 0.26, 0.51, 0.76 s, and the end
    assert on_screen(stream.getvalue()) == ["encode  100/100  0.01 s/step  took 1 s", ""]


def test_the_line_is_cut_to_the_terminal(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    with Console(stream).phase("stage1", 2000) as progress:
        clock.now += 1
        progress.update(1, loss=0.5, peak_memory_bytes=10**9)
    assert on_screen(stream.getvalue())[0] == "stage1     1/2000  loss 0.5000"[:29]


def test_a_message_takes_the_place_of_the_line(clock: Clock) -> None:
    stream = Terminal()
    console = Console(stream)
    with console.phase("stage1", 2, start=0) as progress:
        clock.now += 1
        progress.update(1, loss=0.5)
        console.say("saved")
        clock.now += 1
        progress.update(2, loss=0.25)
    assert on_screen(stream.getvalue()) == ["saved", "stage1  2/2  loss 0.2500  1 s/step  took 2 s", ""]


def test_a_file_gets_lines_now_and_then_and_the_last_one(clock: Clock) -> None:
    stream = io.StringIO()
    console = Console(stream)
    assert console.plain
    with console.phase("stage2", 50, every=20) as progress:
        for done in range(1, 51):
            clock.now += 1
            progress.update(done, loss=float("nan"))
    lines = stream.getvalue().splitlines()
    assert [line.split("/")[0].split()[1] for line in lines] == ["1", "21", "41", "50"]
    assert lines[0] == "stage2   1/50  loss nan  1 s/step  ETA 49 s"
    assert "\r" not in stream.getvalue()


def test_the_last_line_is_written_once(clock: Clock) -> None:
    stream = io.StringIO()
    with Console(stream).phase("stage2", 1) as progress:
        clock.now += 1
        progress.update(1)
    assert stream.getvalue() == "stage2  1/1  1 s/step  took 1 s\n"


def test_the_eta_follows_the_latest_speed_and_counts_pauses(clock: Clock) -> None:
    stream = io.StringIO()
    with Console(stream).phase("stage1", 400, start=100, every=0) as progress:
        for done in range(101, 301):
            clock.now += 10 if done <= 150 else 1
            progress.update(done, seconds_per_step=0.5)
    assert stream.getvalue().splitlines()[0].endswith("0.5 s/step  ETA 50 min")
    last = stream.getvalue().splitlines()[-1]
    seconds = int(last.partition("ETA ")[2].removesuffix(" min")) * 60
    assert 100 <= seconds <= 150, last  # 100 steps of 1 s


@pytest.mark.parametrize("name", ["NO_COLOR", "CI"])
def test_terminals_that_want_plain_lines(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Console(Terminal()).plain
    assert Console(Terminal(), plain=True).plain
    monkeypatch.setenv(name, "1")
    assert Console(Terminal()).plain
    assert not Console(Terminal(), plain=False).plain


def test_a_table_is_aligned() -> None:
    stream = io.StringIO()
    Console(stream).table(
        [("phase", "steps", "memory", "file"), ("stage1", "2,000", "12.5 GB", "a"), ("x", "5", "-", "b")]
    )
    assert stream.getvalue().splitlines() == [
        "  phase   steps   memory  file",
        "  stage1  2,000  12.5 GB  a",
        "  x           5        -  b",
    ]


def test_a_code_page_that_lacks_a_character_is_no_error() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="cp1252", newline="")
    Console(stream).say("C:/\u8996\u983b/caf\u00e9")
    assert raw.getvalue().decode("cp1252") == "C:/\\u8996\\u983b/caf\u00e9\n"


def test_other_ranks_are_silent(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console.silent()
    console.say("text")
    console.rule("title")
    console.table([("a", "b")])
    with console.phase("stage1", 10) as progress:
        progress.update(1, loss=1.0)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (3569, "59 min"), (3600, "1 h 00 min"), (86000, "23 h 53 min"),
     (86399, "1 d 0 h"), (183600, "2 d 3 h")],
)  # fmt: skip
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_peak_memory_is_what_the_kernel_says() -> None:
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("only Linux has a second opinion")
    peak = peak_memory(torch.device("cpu"))
    kibibytes = int(status.read_text().partition("VmHWM:")[2].split()[0])
    assert peak is not None
    assert peak == pytest.approx(kibibytes * 1024, rel=0.05)
