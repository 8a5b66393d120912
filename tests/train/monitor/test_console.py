"""What the console writes to a terminal, and to a file or a CI log instead."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from train.monitor import console as console_module
from train.monitor.console import Console, duration, forget_peak_memory, peak_memory


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
    """Lines that a terminal shows after these characters and control codes; colours and the cursor's visibility do not show."""
    lines, row, column = [""], 0, 0
    for code, character in re.findall(r"\x1b\[([0-9;?]*[A-Za-z])|(.)", written, flags=re.DOTALL):
        if character == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif character == "\r":
            column = 0
        elif character:
            lines[row] = lines[row][:column].ljust(column) + character + lines[row][column + 1 :]
            column += 1
        elif code == "2K":
            lines[row] = ""
        elif code.endswith("A"):
            row -= int(code[:-1])
        else:
            assert code.endswith("m") or code in ("?25l", "?25h"), f"what does {code} do?"
    return [line.rstrip() for line in lines]


def test_a_terminal_has_one_line_that_is_redrawn(clock: Clock) -> None:
    stream = Terminal()
    with Console(stream).phase("stage1", 2000, start=419) as progress:
        for _ in range(2):
            clock.now += 0.31
            progress.update(
                420, loss=0.1234, seconds_per_step=0.31, peak_memory_bytes=2_100_000_000, waiting_share=0.01
            )
            (line,) = on_screen(stream.getvalue())
            assert line.startswith("stage1  \u2501")  # a bar in between
            assert line.endswith("\u2501   420/2000  loss 0.1234  0.31 s/step  ETA 8 min  2.1 GB  data 1 %")
    assert on_screen(stream.getvalue()) == [line, ""]


def test_a_terminal_is_redrawn_at_most_four_times_a_second_and_at_the_end(clock: Clock) -> None:
    stream = Terminal()
    with Console(stream).phase("encode", 100) as progress:
        for done in range(1, 101):
            clock.now += 0.01
            progress.update(done)
            if done < 100:
                assert stream.getvalue().count("encode") == 1 + (done - 1) // 25  # 0.01, 0.26, 0.51, 0.76 s
    line, rest = on_screen(stream.getvalue())
    assert line.startswith("encode  ")
    assert line.endswith("  100/100  0.01 s/step  took 1 s")
    assert rest == ""


def test_the_line_is_cut_to_the_terminal(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    with Console(stream).phase("stage1", 2000) as progress:
        clock.now += 1
        progress.update(1, loss=0.5, peak_memory_bytes=10**9)
    whole = "stage1     1/2000  loss 0.5000  1 s/step"  # no room for a bar
    line, rest = on_screen(stream.getvalue())
    assert whole.startswith(line)
    assert 29 <= len(line) <= 30  # old Windows consoles wrap as soon as the last column is filled
    assert rest == ""


def test_a_message_stands_above_the_line(clock: Clock) -> None:
    stream = Terminal()
    console = Console(stream)
    with console.phase("stage1", 2, start=0) as progress:
        clock.now += 1
        progress.update(1, loss=0.5)
        console.say("saved")
        said, line = on_screen(stream.getvalue())
        assert (said, line.startswith("stage1  ")) == ("saved", True)
        clock.now += 1
        progress.update(2, loss=0.25)
    said, line, rest = on_screen(stream.getvalue())
    assert (said, rest) == ("saved", "")
    assert line.endswith("  2/2  loss 0.2500  1 s/step  took 2 s")


def test_what_libraries_print_does_not_tear_the_line(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    with Console().phase("stage1", 2) as progress:
        progress.update(1)
        print("a library's warning")
        progress.update(2)
    assert sys.stdout is stream
    warning, line, rest = on_screen(stream.getvalue())
    assert (warning, line.startswith("stage1  "), rest) == ("a library's warning", True, "")


def test_ctrl_c_leaves_a_whole_line_and_a_cursor(clock: Clock) -> None:
    stream = Terminal()
    console = Console(stream)

    def train() -> None:
        with console.phase("stage1", 2) as progress:
            progress.update(1)
            # Also if the process is killed outright now.
            assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train()
    console.say("interrupted")
    line, said, rest = on_screen(stream.getvalue())
    assert (line.startswith("stage1  "), said, rest) == (True, "interrupted", "")
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


def test_names_are_not_markup(clock: Clock) -> None:
    name = "[bold]run[/] :smile: [/nothing]"
    stream = Terminal()
    console = Console(stream)
    console.say(name)
    console.rule(name)
    console.table([(name, "b")])
    with console.phase(name, 2) as progress:
        progress.update(2)
    assert sum(name in line for line in on_screen(stream.getvalue())) == 4


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
    assert "\x1b" not in stream.getvalue()


def test_a_log_wraps_nothing_and_is_ascii() -> None:
    stream = io.StringIO()
    console = Console(stream)
    long = "word " * 400
    console.say(long)
    console.rule("stage1: the first")
    console.table([("a" * 300, "b" * 300)])
    lines = stream.getvalue().splitlines()
    assert lines[:2] == [long, ""]
    assert lines[2] == "stage1: the first ".ljust(100, "-")
    assert lines[3:] == ["  " + "a" * 300 + "  " + "b" * 300]
    assert stream.getvalue().isascii()


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


def test_a_table_loses_nothing_in_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    stream = Terminal()
    Console(stream).table([("row", "clips"), ("slow_adapter_on_fast_resnet", "100")])
    lines = on_screen(stream.getvalue())
    assert max(map(len, lines)) <= 24
    assert "".join("".join(lines).replace("clips", "").replace("100", "").split()) == "rowslow_adapter_on_fast_resnet"
    assert [line.split()[-1] for line in lines[:2]] == ["clips", "100"]


def test_a_table_is_aligned_by_columns_on_the_screen() -> None:
    stream = io.StringIO()
    Console(stream).table([("\u8996\u983b", "a"), ("clip", "b")])
    assert stream.getvalue().splitlines() == ["  \u8996\u983b  a", "  clip  b"]


@pytest.mark.parametrize("plain", [True, False])
def test_a_code_page_that_lacks_a_character_is_no_error(plain: bool, clock: Clock) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="cp1252", newline="")
    console = Console(stream, plain=plain)
    console.say("C:/\u8996\u983b/caf\u00e9")
    assert raw.getvalue().decode("cp1252") == "C:/\\u8996\\u983b/caf\u00e9\n"
    console.rule("caf\u00e9")
    with console.phase("caf\u00e9", 2) as progress:
        progress.update(1)
    assert "\\u" not in raw.getvalue().decode("cp1252")[len("C:/\\u8996\\u983b") :]  # lines and bars are ASCII there


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


def test_a_phase_does_not_show_the_peak_of_an_earlier_one() -> None:
    device = torch.device("cpu")
    block = np.ones(40_000_000)
    before = peak_memory(device)
    del block
    assert before is not None
    assert peak_memory(device) == before
    forget_peak_memory(device)
    after = peak_memory(device)
    assert after is not None
    if after == before:
        pytest.skip("this system does not forget")
    assert after < before - 200e6
