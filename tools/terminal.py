"""What the person at the terminal sees: plain lines, a status line and the end of a command."""

from __future__ import annotations

import argparse
import errno
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType

from .setup_error import SetupError

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


def say(text: str) -> None:
    """Print `text` immediately, even into a pipe."""
    print(text, flush=True)


class StatusLine:
    """A line that is rewritten in place. It appears on a terminal only, never in a file or pipe."""

    def __init__(self) -> None:
        self.live = sys.stdout.isatty()
        self._width = 0

    def show(self, text: str) -> None:
        if not self.live:
            return
        text = text[: shutil.get_terminal_size().columns - 1]
        sys.stdout.write("\r" + text.ljust(self._width))
        sys.stdout.flush()
        self._width = len(text)

    def clear(self) -> None:
        if self._width:
            sys.stdout.write("\r" + " " * self._width + "\r")
            sys.stdout.flush()
            self._width = 0


def bar(share: float, width: int = 24) -> str:
    """A progress bar filled to `share` (0..1), with `width` characters between the brackets."""
    filled = round(min(max(share, 0.0), 1.0) * width)
    return "[" + "#" * filled + "." * (width - filled) + "]"


def last_line(output: str, otherwise: str = "no message") -> str:
    """What a failed program said last, in the text that it wrote."""
    return (output.strip().splitlines() or [otherwise])[-1]


def options_of(name: str, description: str | None) -> argparse.ArgumentParser:
    """A parser for `python -m NAME`, whose help shows the description as it was written: a module's docstring."""
    form = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(prog=f"python -m {name}", description=description, formatter_class=form)


def wanted(
    name: str, description: str | None, known: Sequence[str], arguments: Sequence[str] | None = None
) -> list[str]:
    """Those of `known` that the command line names, all of them if it names none. Exits with a sentence at an unknown one."""
    parser = options_of(name, description)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(known)} (default: all)")
    named: list[str] = parser.parse_args(arguments).names
    for other in named:
        if other not in known:
            parser.error(f"NAME is {other!r}, but must be one of {', '.join(known)}.")
    return named or list(known)


def run_command(name: str, action: Callable[[], int]) -> int:
    """The exit code of `action`; a SetupError or Ctrl+C becomes one sentence and a nonzero code.

    A request to terminate unwinds the stack as Ctrl+C does, so that a running server is stopped.
    """
    signal.signal(signal.SIGTERM, _terminate)
    try:
        return action()
    except SetupError as error:
        if error.details:
            print("\n".join("  | " + line for line in error.details.splitlines()), file=sys.stderr)
        print(f"{name}: {error}", file=sys.stderr, flush=True)
        return 1
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(
            f"{name}: the disk is full ({error.filename}): free some space and run the command again.",
            file=sys.stderr,
            flush=True,
        )
        return 1
    except KeyboardInterrupt:
        print(f"\n{name}: stopped.", file=sys.stderr, flush=True)
        return INTERRUPTED


def _terminate(signal_number: int, frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)
