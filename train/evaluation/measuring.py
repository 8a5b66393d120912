"""Measures clips in other processes while the next ones are sampled; only a few wait at a time, as a clip takes up to hundreds of MB."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flashmotion_core.video.frames import Frames

from ..errors import TrainError
from .held_out import ClipSet
from .kept_row import Figures
from .measures import measure
from .video_trackers import VideoTracker

WAITING = 2
"""Clips that wait for each process."""


@dataclass(frozen=True, eq=False)
class ClipMeasuring:
    """How clips are measured; on the first rank only.

    Attributes:
        pool: the processes; None to measure here, as a model of a tracker is loaded once.
        workers: how many they are.
        features: the feature network's file, if any.
        tracker: of videos.
    """

    pool: ProcessPoolExecutor | None
    workers: int
    features: Path | None
    tracker: VideoTracker

    def figures(
        self, clips: ClipSet, numbered: Iterable[tuple[int, Frames | None]], *, elsewhere: bool
    ) -> Iterator[tuple[int, Figures]]:
        """The figures of each clip, in order.

        Args:
            clips: the set.
            numbered: a clip's index in it, and its frames; None for the real ones.
            elsewhere: see `measure`.

        Raises:
            TrainError: a measuring process died, or a clip cannot be read or tracked.
        """
        encoded, network = clips.clips(), None if self.features is None else str(self.features)
        waiting: deque[tuple[int, Callable[[], Figures]]] = deque()
        most = 0 if self.pool is None else WAITING * self.workers

        def first() -> tuple[int, Figures]:
            index, result = waiting.popleft()
            with self._naming(encoded.records[index].name):
                return index, result()

        for index, frames_THWC in numbered:
            real = (clips.source, encoded.numbers[index], encoded.records[index].origin, frames_THWC, network)
            work = partial(measure, *real, tracker=self.tracker, elsewhere=elsewhere)
            waiting.append((index, work if self.pool is None else self.pool.submit(work).result))
            if len(waiting) > most:
                yield first()
        while waiting:
            yield first()

    @contextmanager
    def _naming(self, clip: str) -> Iterator[None]:
        """Inside, what goes wrong is said of this clip."""
        try:
            yield
        except BrokenProcessPool as error:
            raise TrainError(
                f"a process that measures clips died, probably out of memory, with evaluate.workers={self.workers}; lower it and run again, as "
                "finished clips are kept."
            ) from error
        except TrainError:
            raise
        except ValueError as error:
            raise TrainError(
                f"the held-out clip {clip} cannot be measured ({str(error).rstrip('.')}); mend or remove it, and run the command again."
            ) from error
