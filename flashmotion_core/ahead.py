"""Work ahead: what comes next is computed in a thread while the consumer is busy with what came before."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")
_POLL_S = 0.1


def ahead(items: Iterator[Item], depth: int = 16) -> Iterator[Item]:
    """The same items in the same order, up to ``depth`` of them computed before they are asked for.

    The device decodes the next frames while the file's encoder works on the last ones. An error of the items is raised where the items
    are read; closing this iterator early ends the thread and closes the items.

    Args:
        items: computed in one other thread.
        depth: how many may wait; 0 computes nothing ahead and starts no thread.
    """
    if depth < 1:
        yield from items
        return
    waiting: queue.Queue[tuple[str, Any]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(kind: str, value: Any) -> None:
        while not stopped.is_set():
            try:
                waiting.put((kind, value), timeout=_POLL_S)
            except queue.Full:
                continue
            return

    def work() -> None:
        try:
            for item in items:
                put("item", item)
                if stopped.is_set():
                    break
        except BaseException as error:  # raised again by the reader
            put("error", error)
        else:
            put("end", None)
        finally:
            if stopped.is_set() and hasattr(items, "close"):
                items.close()

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = waiting.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        stopped.set()
        thread.join()
