"""What test_two_processes.py runs in two processes; not a test itself.

RANK=0 WORLD_SIZE=2 LOCAL_RANK=0 MASTER_ADDR=127.0.0.1 MASTER_PORT=... python -m tests.support.two_trainings CLIPS FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

from train import parallel
from train.data.encoded import EncodedClips

from .small import METHODS
from .small_runs import final_state, prepared, signal_after

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "flow": ("flow_controlnet", {}),
    "dmd": ("dmd", {}),
    "hybrid": ("hybrid_controlnet", {"memory": {"checkpointing": True}}),
    "hybrid_unsharded": ("hybrid_resnet", {"memory": {"sharding": "none"}}),
}
"""By case, the method and its changes of the configuration."""
RESUMED = "hybrid"


def settings(case: str, micro_batch: int) -> dict[str, Any]:
    """Changes of a case's configuration: the global batch of 4 in one micro-step of all processes."""
    method, changes = CASES[case]
    return {**changes, METHODS[method][2]: {"micro_batch": micro_batch, "steps": 4}}


def main(clips_folder: Path, folder: Path) -> None:
    torch.set_num_threads(1)
    world = parallel.start("cpu")
    clips = EncodedClips(clips_folder, text_dim=8)
    for case, (method, _) in CASES.items():
        trainer = prepared(method, clips, folder / case, world=world, config=settings(case, 2))
        trainer.run()
        state = final_state(trainer)
        if world.is_main:
            torch.save(state, folder / f"{case}.pt")
    trainer = prepared(CASES[RESUMED][0], clips, folder / "interrupted", world=world, config=settings(RESUMED, 2))
    if world.is_main:  # the others hear of it
        signal_after(trainer, 4)
    try:
        trainer.run()
    except KeyboardInterrupt:
        (folder / f"interrupted.{world.rank}").write_text(str(trainer.iteration))
    parallel.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
