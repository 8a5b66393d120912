"""How a command ends early: by a signal, wrong input or full memory. Always in one sentence, without an unfinished file."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

EXIT_WRONG_INPUT = 2
EXIT_INTERRUPTED = 130
ASKED = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))
"""Signals that ask a process to end: ``kill``, a closed terminal, a closed console of Windows."""


class EndAskedError(BaseException):
    """A signal asked the process to end; like KeyboardInterrupt, no ``except Exception`` holds it up.

    Attributes:
        name: of the signal.
        exit_code: 128 plus the signal's number, as shells say it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.name = signal.Signals(number).name
        self.exit_code = 128 + number


@contextmanager
def ending_by_signals() -> Iterator[None]:
    """Inside, the signals ``ASKED`` raise ``EndAskedError``, so that everything that cleans up does.

    Only the first one does; those after it wait for the cleaning up. A signal that is ignored (``nohup``) or handled already stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in ASKED if signal.getsignal(number) is signal.SIG_DFL]

    def end(number: int, frame: FrameType | None) -> NoReturn:
        for other in ours:
            signal.signal(other, signal.SIG_IGN)
        raise EndAskedError(number)

    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def end_quickly() -> None:
    """Let this process end without Python's last search for cycles: half a second where torch was imported, a whole one with diffusers."""
    atexit.register(gc.freeze)


NOTHING = "no file was written"


def finish(work: Callable[[], object], full: Mapping[str, str], left: str = NOTHING) -> int:
    """Do a command's work; every end that a user can cause is one sentence on stderr.

    Args:
        work: reads the options and writes the file.
        full: what to do when memory is full, by its name (see `which_memory`).
        left: what there is of the work when it ends early.

    Returns:
        the exit code: 0, 2 for wrong input, 130 after Ctrl+C, 128 plus its number after another signal.
    """
    try:
        with ending_by_signals():
            work()
    except EndAskedError as error:
        return _said(f"\nstopped by {error.name}; {left}.", error.exit_code)
    except KeyboardInterrupt:
        return _said(f"\nstopped by Ctrl+C; {left}.", EXIT_INTERRUPTED)
    except ModuleNotFoundError as error:
        return _said(f'error: {error.name} is not installed; install the extra with pip install -e ".[train]".')
    except (MemoryError, RuntimeError) as error:
        memory = which_memory(error)
        if memory is None:
            raise
        return _said(f"error: the {memory}'s memory is full; {left}; {full[memory]}.")
    except OSError as error:
        return _said(f"error: {error.filename or 'a file'} cannot be used ({error.strerror or error}).")
    except ValueError as error:
        return _said(f"error: {error}")
    return 0


def _said(sentence: str, code: int = EXIT_WRONG_INPUT) -> int:
    sys.stderr.write(f"{sentence}\n")
    return code


def which_memory(error: BaseException) -> str | None:
    """Whose memory an error says is full: ``GPU``, ``computer``, or None for any other error.

    torch raises a plain RuntimeError where the computer's memory ends; only its words tell.
    """
    if isinstance(error, MemoryError):
        return "computer"
    if isinstance(error, RuntimeError):
        words = str(error)
        if type(error).__name__ == "OutOfMemoryError" or "CUDA out of memory" in words:
            return "GPU"
        if "DefaultCPUAllocator" in words or "not enough memory" in words or "Cannot allocate memory" in words:
            return "computer"
    return None
