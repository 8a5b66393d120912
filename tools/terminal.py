"""What the person at the terminal sees: lines, one line that is rewritten, and the end of a command."""

from __future__ import annotations

import errno
import shutil
import signal
import sys
from collections.abc import Callable
from types import FrameType

from .setup_error import SetupError

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


def say(text: str) -> None:
    """Print `text` at once, also through a pipe."""
    print(text, flush=True)


class StatusLine:
    """One line that is rewritten in place; on a terminal only, for a file or a pipe it stays silent."""

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
    """`share` (0..1) of a progress bar, `width` characters between the brackets."""
    filled = round(min(max(share, 0.0), 1.0) * width)
    return "[" + "#" * filled + "." * (width - filled) + "]"


def run_command(name: str, action: Callable[[], int]) -> int:
    """The exit code of `action`; a SetupError or Ctrl+C becomes one sentence and a code other than 0.

    Being asked to terminate unwinds the stack like Ctrl+C does, so that a server that is running is ended.
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
