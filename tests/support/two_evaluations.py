"""What test_evaluate.py runs in two processes; not a test itself.

RANK=0 WORLD_SIZE=2 LOCAL_RANK=0 MASTER_ADDR=127.0.0.1 MASTER_PORT=... python -m tests.support.two_evaluations FOLDER SETTINGS
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from torch import Tensor

from tests.support.tiny_run import SETTINGS
from train import parallel
from train.config.load import parse
from train.evaluation.evaluate import evaluate
from train.evaluation.row_samples import Sampler
from train.monitor.console import Console
from train.run_folder.run import Run


def main(folder: Path, changes: str) -> None:
    """Evaluate, and write which clips this rank sampled."""
    torch.set_num_threads(1)
    world = parallel.start("cpu")
    run = Run(parse({**SETTINGS, **json.loads(changes)}), folder, world, Console.silent())
    seen: list[list[int]] = []
    inner = Sampler.latents

    def latents(sampler: Sampler, indices: range) -> Tensor:
        seen.append(list(indices))
        return inner(sampler, indices)

    Sampler.latents = latents  # type: ignore[method-assign]
    evaluate(run)
    (folder / f"sampled.{world.rank}").write_text(json.dumps(seen))
    parallel.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
