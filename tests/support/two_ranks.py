"""What test_parallel.py runs in two processes and, through `train_small`, in one; not a test itself.

RANK=0 WORLD_SIZE=2 LOCAL_RANK=0 MASTER_ADDR=127.0.0.1 MASTER_PORT=... python -m tests.support.two_ranks FOLDER
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from flashmotion_core.wan.block import timestep_embedding
from tests.support.sentences import refuses
from tests.support.small import Nets, small_batch, small_config
from tests.support.watching import seen_by, types_of
from train import parallel
from train.engine import checkpoint, lora
from train.engine.checkpointing import checkpoint_blocks
from train.engine.ema import Ema
from train.engine.optim import clip, load_optimizer_state, make_optimizer, optimizer_state
from train.engine.roles import Discriminator
from train.engine.streams import Streams
from train.errors import TrainError
from train.parallel import World

GLOBAL_BATCH = 4
SIZE = 32


class Small(nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.stem = nn.Linear(SIZE, SIZE)
        self.frozen = nn.Linear(SIZE, SIZE).requires_grad_(False)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(SIZE, 80), nn.GELU(), nn.Linear(80, SIZE)) for _ in "ab")
        self.empty = nn.Identity()

    def forward(self, x_BD: Tensor) -> Tensor:
        x_BD = self.frozen(self.stem(x_BD))
        for block in self.blocks:
            x_BD = x_BD + block(x_BD)
        return x_BD


@dataclass
class Training:
    """A model, everything that training changes, and a step of it."""

    world: World
    model: nn.Module
    optimizer: torch.optim.Optimizer
    ema: Ema

    @classmethod
    def new(cls, world: World, seed: int = 0, half: bool = False, kind: Any = "adamw") -> Training:
        model = Small(seed)
        if kind == "adamw_kahan":
            model.bfloat16()
        checkpoint_blocks(model.blocks)
        parallel.shard(model, [*model.blocks, model.empty], world, half=half)
        named = {name: p for name, p in model.named_parameters() if p.requires_grad}
        # A large eps, or Adam would divide rounding errors of gradients near 0 by each other.
        options: dict[str, Any] = {"betas": (0.9, 0.95), "weight_decay": 0.1, "eps": 1e-4, "device": world.device}
        return cls(world, model, make_optimizer(kind, named, lr=1e-2, **options), Ema(named, 0.5, 1))

    def step(self, iteration: int) -> Tensor:
        share = GLOBAL_BATCH // self.world.size
        positions = range(self.world.rank * share, (self.world.rank + 1) * share)
        dtype = next(self.model.parameters()).dtype
        x_BD = Streams(0, "test", iteration).noise("x", positions, [SIZE]).to(dtype)
        (self.model(x_BD) - x_BD.flip(1)).square().mean().backward()
        norm = clip(self.model.parameters(), 0.5)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.ema.update(iteration)
        return norm

    def state(self) -> dict[str, Any]:
        return {
            "model": dict(self.model.named_parameters()),
            "optimizer": optimizer_state(dict(self.model.named_parameters()), self.optimizer),
            "ema": self.ema.state_dict(),
        }

    def save(self, folder: Path, step: int) -> None:
        checkpoint.save(folder, step, self.state() | {"trainer": {"step": step}}, self.world, keep=2)

    def load(self, folder: Path, step: int) -> dict[str, Any]:
        state = self.state()
        trainer = checkpoint.load(folder, step, state, self.world)
        load_optimizer_state(dict(self.model.named_parameters()), self.optimizer, state["optimizer"])
        return trainer


def flat(state: dict[str, Any], prefix: str = "") -> dict[str, Tensor]:
    """Whole tensors by dotted names, as copies."""
    found: dict[str, Tensor] = {}
    for key, value in state.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value.full_tensor() if isinstance(value, DTensor) else value.detach().clone()
    return found


def train_small(training: Training) -> dict[str, Tensor]:
    norms = [training.step(iteration) for iteration in range(4)]
    return flat(training.state()) | {"norms": torch.stack(norms)}


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> None:
    assert left.keys() == right.keys()
    for key, value in left.items():
        assert torch.equal(value, right[key]), key


def check_collectives(world: World) -> None:
    mine = torch.tensor([1.0, 2.0]) * (world.rank + 1)
    assert parallel.sum_over_ranks(world, mine).tolist() == [3, 6]
    assert parallel.mean_over_ranks(world, mine).tolist() == [1.5, 3]
    assert mine.tolist() == [world.rank + 1, 2 * world.rank + 2]
    assert parallel.broadcast_object(world, {"rank": world.rank}) == {"rank": 0}
    parallel.barrier(world)
    everyone = parallel.gather(world, torch.full((2,), world.rank))
    assert [one.tolist() for one in everyone] == ([[0, 0], [1, 1]] if world.is_main else [])
    assert parallel.first_problem(world, "late" if world.rank else None) == "late"
    assert parallel.first_problem(world, None) is None
    with (
        refuses(TrainError if world.rank else OSError, key="picture", value="full", remedy=""),
        parallel.together(world),
    ):
        if world.is_main:
            raise OSError("the disk of the picture is full")
    with parallel.together(world):
        pass


def check_precision(world: World) -> None:
    """Timesteps and rotary tables reach sharded bfloat16 networks in float32, and the classifier computes in float32."""
    method = Nets(small_config(precision="bf16"), world).hybrid("controlnet")
    sigma, batch = torch.full((2,), 0.9375), small_batch()
    types: set[torch.dtype] = set()
    judge = method.roles["discriminator"].network
    for block in [*method.student.generator.blocks, *method.student.adapter.blocks]:  # type: ignore[operator]
        block.self_attn.register_forward_pre_hook(lambda _, given: types.add(given[2][0].dtype))
    assert isinstance(judge, Discriminator)
    logits = types_of(judge.classifier)
    expected = timestep_embedding(torch.tensor([937.5]), 256)[0]
    for role in (method.student, method.roles["discriminator"]):
        with seen_by(role.network) as seen, torch.no_grad():
            role(batch.latent_BCFHW, sigma, batch.context_BMT, batch.control_box_BCFHW)
        for _, sinusoids in seen:
            torch.testing.assert_close(sinusoids[0, 1].float(), expected, rtol=0, atol=1e-6)
    assert types == logits == {torch.float32}


def check_resume(world: World, folder: Path, kind: str) -> Training:
    first = Training.new(world, kind=kind)
    for iteration in range(2):
        first.step(iteration)
    first.save(folder, 2)
    second = Training.new(world, seed=1, kind=kind)
    assert second.load(folder, 2) == {"step": 2}
    same(flat(first.state()), flat(second.state()))
    for training in (first, second):
        training.step(2)
    same(flat(first.state()), flat(second.state()))
    return first


def check_swap(training: Training) -> None:
    """A sharded model sees the swapped weights even after a forward pass without a backward pass."""
    x_BD = torch.ones(2, SIZE)
    alone = Small(0)
    alone.load_state_dict(flat(dict(training.model.state_dict())))
    weights = alone(x_BD)
    alone.load_state_dict(flat(training.ema.state_dict()), strict=False)
    averages = alone(x_BD)
    assert (weights - averages).abs().max() > 1e-3
    with torch.no_grad():
        for _ in range(2):
            torch.testing.assert_close(training.model(x_BD), weights)
            with training.ema.swapped():
                torch.testing.assert_close(training.model(x_BD), averages)


def check_disk_trouble(training: Training, folder: Path) -> None:
    """One rank's disk is full: both ranks say so, and the previous checkpoint is kept."""
    import resource  # Windows has none, and imports this module too

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    if training.world.rank == 1:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, limit[1]))
    with refuses(TrainError, key="step_000005", value="cannot be written (", remedy="the earlier checkpoints are kept"):
        training.save(folder, 5)
    resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    parallel.barrier(training.world)
    assert [path.name for path in folder.iterdir()] == ["step_000002"]
    (folder.parent / "file").touch()
    with refuses(TrainError, key="step_000005", value="cannot be written (", remedy="free some space there"):
        training.save(folder.parent / "file", 5)


def check_lora(world: World) -> None:
    """float32 LoRAs in a bfloat16 base, sharded: the merged weights are those of one process."""
    merged = []
    for shared in (True, False):
        model = Small(0).bfloat16()
        added = lora.add_lora(model, "a", 4, 8.0)
        checkpoint_blocks(model.blocks, contexts=lora.contexts(model))
        if shared:
            parallel.shard(model, list(model.blocks), world, half=True)
            added = lora.trainable(model, "a")
        optimizer = torch.optim.SGD([parameter for _, parameter in added], lr=0.1)
        for _ in range(2):
            model(torch.ones(1, SIZE, dtype=torch.bfloat16)).float().square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
        merged.append(lora.merged(Small(0).bfloat16().state_dict(), model, "a"))
    assert merged[0].keys() == Small(0).state_dict().keys()
    for key, value in merged[0].items():
        assert value.dtype == torch.bfloat16
        torch.testing.assert_close(value, merged[1][key], msg=key)


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    world = parallel.start("cpu")
    assert world == World(world.rank, 2, world.rank, torch.device("cpu"))
    check_collectives(world)
    check_precision(world)
    trained = train_small(Training.new(world))
    saved = check_resume(world, folder / "checkpoints", "adamw")
    saved.load(folder / "checkpoints", 2)
    whole = flat(saved.state())
    if world.is_main:
        torch.save({"trained": trained, "saved": whole}, folder / "whole.pt")
    check_swap(saved)
    check_disk_trouble(saved, folder / "checkpoints")
    check_resume(world, folder / "kahan", "adamw_kahan")
    half = Training.new(world, half=True)
    with torch.autocast("cpu", torch.bfloat16):  # as a role computes
        assert half.step(0).isfinite()
    assert {p.dtype for p in half.model.parameters()} == {torch.float32}
    check_lora(world)
    parallel.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
