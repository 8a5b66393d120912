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
from train.engine.roles import Denoiser
from train.engine.trainer import Trainer

from .small import GAN, METHODS, SETTINGS, networks
from .small_runs import final_state, prepared, signal_after

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "flow": ("flow_controlnet", {}),
    "dmd": ("dmd", {}),
    "hybrid": ("hybrid_controlnet", {"memory": {"checkpointing": True}}),
    "dmd_adapter": ("dmd_adapter", {"stage3": {"method": "dmd", **SETTINGS["stage2"], "gan": GAN, "fake_warmup": 1}}),
    "hybrid_unsharded": ("hybrid_resnet", {"memory": {"sharding": "none"}}),
}
"""By case, the method and its changes of the configuration."""
RESUMED = "hybrid"


def settings(case: str, micro_batch: int) -> dict[str, Any]:
    """Changes of a case's configuration: the global batch of 4 in one micro-step of all processes."""
    method, changes = CASES[case]
    phase = METHODS[method][2]
    return {**changes, phase: {**changes.get(phase, {}), "micro_batch": micro_batch, "steps": 4}}


def one_root_gathers_for_all(trainer: Trainer) -> None:
    """Generator and adapter are one network to FSDP, which so gathers one block ahead."""
    from torch.distributed.fsdp import FSDPModule

    for network in networks(trainer.method):
        if isinstance(network, Denoiser):
            states = [part._get_fsdp_state() for part in network.modules() if isinstance(part, FSDPModule)]
            assert sum(bool(state._is_root) for state in states) == 1
            assert len({id(state._comm_ctx) for state in states}) == 1


def main(clips_folder: Path, folder: Path) -> None:
    torch.set_num_threads(1)
    world = parallel.start("cpu")
    clips = EncodedClips(clips_folder, text_dim=8)
    for case, (method, _) in CASES.items():
        trainer = prepared(method, clips, folder / case, world=world, config=settings(case, 2))
        trainer.run()
        if trainer.job.sharded:
            one_root_gathers_for_all(trainer)
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
