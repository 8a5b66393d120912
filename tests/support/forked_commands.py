"""Runs of the generate command as forks of one process that has imported what it imports: python -m tests.support.forked_commands

Reads one JSON line a run: `arguments`, `said` (the file for stderr), `memory` (bytes that may still be taken, or null) and `pause` (seconds before
each frame of the file is written). Writes the run's process id and, when it has ended, its exit code. A run ends as any Python program does.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import IO, Any

MODULE = "flashmotion_core.generate"


@dataclass
class ForkedCommands:
    """The process that forks."""

    process: Popen[str]

    def start(self, said: Path, *arguments: str, memory: int | None = None, pause: float = 0) -> int:
        """Start a run; returns its process id."""
        said.touch()
        job = {"arguments": arguments, "said": str(said), "memory": memory, "pause": pause}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return self._number()

    def exit_code(self) -> int:
        """Wait for the run's end."""
        return self._number()

    def _number(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())


@contextmanager
def forked_commands(root: Path) -> Iterator[ForkedCommands]:
    """The process, until the context ends."""
    command = [sys.executable, "-m", __name__]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with Popen(command, cwd=root, env=environment, stdin=PIPE, stdout=PIPE, text=True) as process:
        yield ForkedCommands(process)
        process.kill()


def run(job: dict[str, Any]) -> None:
    """Be the command."""
    import torch

    from flashmotion_core.video import mp4

    torch.set_num_threads(1)
    said: IO[str] = Path(job["said"]).open("w")  # noqa: SIM115 (stays open as stderr)
    os.dup2(said.fileno(), 2)
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    if job["pause"]:
        check = mp4._check_frame
        mp4._check_frame = lambda *words: (time.sleep(job["pause"]), check(*words))[1]
    if job["memory"] is not None:
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + job["memory"],) * 2)
    sys.argv[1:] = job["arguments"]
    del sys.modules[MODULE]
    runpy.run_module(MODULE, run_name="__main__", alter_sys=True)


def main() -> None:
    """Fork a run for each line."""
    import accelerate  # noqa: F401 (here and below: what a run imports)
    import av  # noqa: F401
    import tqdm  # noqa: F401
    import transformers  # noqa: F401
    from diffusers import WanTransformer3DModel  # noqa: F401

    import flashmotion_core.generate
    import flashmotion_core.generation.pipeline
    import flashmotion_core.video.mp4  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(json.loads(line))
            return
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
