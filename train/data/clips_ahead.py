"""A source's clips, made ahead of their use by worker processes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import Any, TypeVar

from ..errors import TrainError
from .sources import Source, SourceClip
from .worker_pool import start_worker

T = TypeVar("T")


@dataclass(frozen=True)
class Unusable:
    """Stands for a clip that could not be read, and says why."""

    problem: str


def clips_ahead(
    source: Source, indices: Sequence[int], workers: int, work: Callable[[SourceClip], T]
) -> Generator[T | Unusable, None, None]:
    """The results of `work` on these clips in order, computed ahead by `workers` processes, or by this process if there are none.

    `work` and what it returns must be picklable.

    Raises:
        TrainError: `work` raised it, or a process died.
    """
    if not workers or not indices:
        for index in indices:
            yield _read(index, partial(_work, source, work, index))
        return
    # New interpreters: a fork would copy a process with threads and a CUDA context.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start, initargs=(source, work))
    try:
        remaining = iter(indices)
        ahead: list[tuple[int, Future[T]]] = []
        while True:
            ahead += [(index, pool.submit(_make, index)) for index in islice(remaining, 2 * workers - len(ahead))]
            if not ahead:
                return
            index, future = ahead.pop(0)
            yield _read(index, future.result)
    finally:
        pool.shutdown(cancel_futures=True)


def _read(index: int, result: Callable[[], T]) -> T | Unusable:
    try:
        return result()
    except TrainError:
        raise
    except BrokenProcessPool as error:
        raise TrainError(
            f"a data worker died near clip {index}, probably because memory ran out; lower data.workers."
        ) from error
    except (ValueError, OSError) as error:
        return Unusable(str(error))


_job: tuple[Source, Callable[[SourceClip], Any]] | None = None


def _start(source: Source, work: Callable[[SourceClip], Any]) -> None:
    """In a worker: keep the source and what to do with its clips."""
    global _job
    _job = (source, work)
    start_worker()


def _make(index: int) -> Any:
    assert _job is not None
    return _work(*_job, index)


def _work(source: Source, work: Callable[[SourceClip], T], index: int) -> T:
    return work(source.clip(index))
