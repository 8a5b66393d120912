"""Clips of the synthetic world, drawn as they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..errors import TrainError
from ..world import synthetic
from ..world.difficulty import Difficulty
from ..world.difficulty import difficulty as preset
from .sources import SourceClip, check_clip_size


class SyntheticSource:
    """Clips 0 to `count` - 1 of the synthetic world."""

    def __init__(
        self,
        seed: int,
        count: int,
        difficulty: Difficulty | str,
        size: tuple[int, int],
        frames: int,
        split: str = "train",
    ) -> None:
        """See `synthetic.clip` for the arguments.

        Raises:
            TrainError: an argument is out of range, a side is not a multiple of 32, or `frames` is not 4k + 1 and at least 5.
        """
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise TrainError(f"the count of synthetic clips is {count!r}, but must be at least 1; raise it.")
        try:
            synthetic.stream_key(seed, count - 1, split, "sprites")
            if isinstance(difficulty, str):
                preset(difficulty)
        except ValueError as error:
            raise TrainError(str(error)) from error
        check_clip_size("the synthetic world", size, frames)
        self.seed, self.count, self.difficulty, self.split = seed, count, difficulty, split
        self.size, self.frames = size, frames

    def __len__(self) -> int:
        """How many clips."""
        return self.count

    def clip(self, index: int) -> SourceClip:
        """See `Source.clip`."""
        clip = synthetic.clip(self.seed, index, self.difficulty, self.size, self.frames, self.split)
        origin = {"synthetic": {"index": index, **self._world()}}
        names = " and ".join(f"a {sprite.name}" for sprite in clip.sprites)
        name, prompt = f"{self.split}-{self.seed}-{index}", f"{names} in motion. {clip.told}".rstrip()
        return SourceClip(name, clip.frames_THWC, clip.motion.fps, prompt, clip.document, clip.owner_THW, origin)

    def settings(self) -> dict[str, Any]:
        """See `Source.settings`."""
        return {"synthetic": {"version": synthetic.VERSION, **self._world()}}

    def identity(self, index: int) -> list[Any]:
        """See `Source.identity`."""
        return [index]

    def content(self, index: int) -> None:
        """See `Source.content`: training and evaluation draw from different streams."""

    def leave_out(self, problems: Mapping[int, str]) -> None:
        """See `Source.leave_out`: every synthetic clip is needed."""
        index, problem = next(iter(problems.items()))
        raise TrainError(f"clip {index} cannot be used: {problem}")

    def _world(self) -> dict[str, Any]:
        level = self.difficulty if isinstance(self.difficulty, str) else asdict(self.difficulty)
        size = list(self.size)
        return {"seed": self.seed, "split": self.split, "difficulty": level, "size": size, "frames": self.frames}


def synthetic_clip(origin: Mapping[str, Any]) -> synthetic.Clip:
    """The clip of the synthetic world that a `SourceClip.origin` describes, with everything that is known about it."""
    world = origin["synthetic"]
    level = world["difficulty"]
    if not isinstance(level, str):
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in level.items()
        }
        level = Difficulty(**values)
    return synthetic.clip(
        world["seed"], world["index"], level, (world["size"][0], world["size"][1]), world["frames"], world["split"]
    )
