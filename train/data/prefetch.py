"""Batches read ahead by a thread, so that training does not wait for the disk."""

from __future__ import annotations

import queue
import threading
import time
import weakref
from collections.abc import Iterator

import torch

from .encoded import Batch, EncodedClips

_Item = Batch | BaseException
PATIENCE_S = 0.1


class Prefetcher:
    """An iterator of ``(Batch, seconds waited for it)``. Its thread ends when it is closed or collected."""

    def __init__(
        self, clips: EncodedClips, indices: Iterator[list[int]], device: torch.device | str, depth: int = 2
    ) -> None:
        """Start reading.

        Args:
            clips: the clips to read.
            indices: the clips of each batch; the thread takes up to `depth` + 1 of them ahead.
            device: the device to put batches on.
            depth: how many batches may wait.
        """
        self._items: queue.Queue[_Item] = queue.Queue(maxsize=depth)
        self._ended: BaseException | None = None
        stop = threading.Event()
        # If the thread knew `self`, it could never be collected. It is a daemon so that it cannot hold up the exit.
        thread = threading.Thread(
            target=_read_ahead, args=(clips, indices, device, self._items, stop), name="prefetch", daemon=True
        )
        self.close = weakref.finalize(self, _end, stop, thread)
        thread.start()

    def __iter__(self) -> Prefetcher:
        """Itself."""
        return self

    def __next__(self) -> tuple[Batch, float]:
        """The next batch, and the seconds that the caller waited for it.

        Raises:
            StopIteration: there are no more batches, or the prefetcher was closed.
            BaseException: what the thread raised, such as a `TrainError` for data that cannot be read.
        """
        if self._ended is not None:
            raise self._ended
        started = time.monotonic()
        while True:
            if not self.close.alive:
                raise StopIteration
            try:
                item = self._items.get(timeout=PATIENCE_S)
                break
            except queue.Empty:
                continue
        if isinstance(item, BaseException):
            self._ended = item
            raise item
        return item, time.monotonic() - started

    next = __next__


def _read_ahead(
    clips: EncodedClips,
    indices: Iterator[list[int]],
    device: torch.device | str,
    items: queue.Queue[_Item],
    stop: threading.Event,
) -> None:
    try:
        for chosen in indices:
            if not _put(items, clips.batch(chosen, device), stop):
                return
        _put(items, StopIteration(), stop)
    except BaseException as error:
        _put(items, error, stop)


def _put(items: queue.Queue[_Item], item: _Item, stop: threading.Event) -> bool:
    """Wait for room; False once the reader is closed."""
    while not stop.is_set():
        try:
            items.put(item, timeout=PATIENCE_S)
            return True
        except queue.Full:
            continue
    return False


def _end(stop: threading.Event, thread: threading.Thread) -> None:
    stop.set()
    if thread is not threading.current_thread():
        thread.join(timeout=5)
