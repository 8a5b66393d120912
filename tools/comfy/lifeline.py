"""Child processes that end with their parent, however the parent ends.

The parent holds the write end of the child's standard input. When the parent closes it, crashes or is
killed, the child reads end-of-file and interrupts itself as Ctrl+C would. This works the same on Linux, macOS and Windows
because it needs neither POSIX signals nor process groups.

    python lifeline.py SCRIPT [ARGUMENTS]      runs SCRIPT as `python SCRIPT [ARGUMENTS]` would, on such a lifeline

While SCRIPT starts, Python looks for no cycles among what imports make, which is a fifth of ComfyUI's start: the parent writes a line when it has.
"""

from __future__ import annotations

import _thread
import gc
import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

GRACE_SECONDS = 5.0


def end_with_parent() -> None:
    """Interrupt this process when its standard input ends; kill it if it is still running 5 seconds later."""
    # A process that a shell started with `&` ignores interrupts, and its children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_wait_for_end_of_input, name="lifeline", daemon=True).start()


def _wait_for_end_of_input() -> None:
    try:
        while os.read(0, 4096):  # the parent says that the script has started
            gc.freeze()
            gc.enable()
    except OSError:
        pass  # a closed standard input means the same
    if hasattr(signal, "pthread_kill"):
        # A real signal wakes the main thread out of select(); interrupt_main() alone would not.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def main() -> None:
    sys.argv = sys.argv[1:]
    script = str(Path(sys.argv[0]).resolve())
    # As `python SCRIPT` does. This file's own folder is removed so that it hides none of the script's modules.
    own = Path(__file__).resolve().parent
    sys.path[:] = [str(Path(script).parent), *(entry for entry in sys.path if not entry or Path(entry) != own)]
    gc.disable()
    end_with_parent()
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        gc.freeze()  # Python need not look through all that torch has made for cycles: an end takes 0.2 s, not 1.7


if __name__ == "__main__":
    main()
