"""Results that the ranks of a run tell each other through files, because work of hours outlasts the patience of a collective."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from flashmotion_core.files.whole_file import write_whole

from ..errors import TrainError
from ..files import writing
from ..folder_lock import held
from ..parallel import World, barrier, broadcast_object, together

POLL_S = 0.5


def on_all_ranks(world: World, folder: Path, work: Callable[[], dict[str, Any]]) -> list[dict[str, Any]]:
    """What `work` returned on each rank, on every rank; all must call it, and each waits for the last one.

    Args:
        world: the processes.
        folder: one that all of them see.
        work: returns plain JSON values.

    Raises:
        TrainError: `work` raised an error on another rank; its own error comes as it is.
    """
    if world.size == 1:
        return [work()]
    mark = broadcast_object(world, uuid4().hex)  # a file of an earlier run is not an answer
    files = [folder / f"rank_{rank}.json" for rank in range(world.size)]
    try:
        result = work()
    except Exception as error:
        write_whole(files[world.rank], json.dumps({"mark": mark, "problem": str(error) or repr(error)}))
        raise
    write_whole(files[world.rank], json.dumps({"mark": mark, "result": result}))
    found = [_wait(file, rank, mark) for rank, file in enumerate(files)]
    barrier(world)  # all have read all
    files[world.rank].unlink(missing_ok=True)
    return found


@contextmanager
def held_by_all(world: World, folder: Path, what: str) -> Iterator[None]:
    """Rank 0 holds a folder for all ranks, see `folder_lock.held`; if another process has it, every rank raises TrainError."""
    with ExitStack() as stack:
        with together(world), writing("the file that says who works there", folder, "check its disk and permissions"):
            if world.is_main:
                stack.enter_context(held(folder, what))
        yield


def _wait(file: Path, rank: int, mark: str) -> dict[str, Any]:
    while True:
        try:
            answer: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            answer = {}
        if answer.get("mark") == mark:
            if "problem" in answer:
                raise TrainError(f"on rank {rank}, {answer['problem']}")
            result: dict[str, Any] = answer["result"]
            return result
        time.sleep(POLL_S)
