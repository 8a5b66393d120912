"""Where clips come from before they are encoded: the synthetic world, or a maker's own folder of videos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.trajectory import Trajectory
from flashmotion_core.video import Frames
from flashmotion_core.wan.conditioning import check_size

from ..errors import TrainError
from ..world import synthetic
from ..world.difficulty import Difficulty
from ..world.difficulty import difficulty as preset
from .video_files import VIDEO_SUFFIXES, find_videos, identity, inspect, read_frames, read_labels

SHORTEST = 5
"""Frames of the shortest clip that can be trained on: two latent frames."""


@dataclass(frozen=True, eq=False)
class SourceClip:
    """A clip with its trajectory; T frames, N objects.

    Attributes:
        name: for messages and reports.
        frames_THWC: uint8 RGB.
        fps: frames per second.
        prompt: what the video shows; may be empty.
        trajectory: of the clip's size and length, N objects.
        labels_THW: uint8, the object that a pixel shows, counted from 1 in the trajectory's order, 0 for the background; for all T frames,
            or ``[1, H, W]`` where only the first one's are known, or None.
        origin: what it takes to make the clip again, as plain JSON values.
    """

    name: str
    frames_THWC: Frames
    fps: float
    prompt: str
    trajectory: Trajectory
    labels_THW: NDArray[np.uint8] | None
    origin: dict[str, Any]

    def masks_at(self, frame: int) -> NDArray[np.bool_]:
        """The masks ``[N, H, W]`` on a frame that has labels."""
        assert self.labels_THW is not None
        labels_N = np.arange(1, len(self.trajectory.objects) + 1, dtype=np.uint8)
        masks: NDArray[np.bool_] = self.labels_THW[frame] == labels_N[:, None, None]
        return masks

    @property
    def masks_TNHW(self) -> NDArray[np.bool_] | None:  # noqa: N802 (a tensor)
        """The masks of all frames with labels, unfolded: N times the labels' memory."""
        if self.labels_THW is None:
            return None
        return np.stack([self.masks_at(t) for t in range(len(self.labels_THW))])


class Source(Protocol):
    """A numbered set of clips of one size and length. Must be picklable: clips are made in other processes."""

    def __len__(self) -> int:
        """How many clips."""

    def clip(self, index: int) -> SourceClip:
        """Clip number `index`; the same one on every call. Raises ValueError where it cannot be read."""

    def settings(self) -> dict[str, Any]:
        """All that decides what the clips are, as plain JSON values."""


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
            TrainError: an argument out of range, sides that are no multiples of 32, or frames that are not 4k + 1, at least 5.
        """
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise TrainError(f"the synthetic world is asked for {count!r} clips, but at least 1 is needed.")
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
        name, prompt = f"{self.split}-{self.seed}-{index}", f"{names} in motion."
        return SourceClip(name, clip.frames_THWC, clip.motion.fps, prompt, clip.document, clip.owner_THW, origin)

    def settings(self) -> dict[str, Any]:
        """See `Source.settings`."""
        return {"synthetic": {"version": synthetic.VERSION, "count": self.count, **self._world()}}

    def _world(self) -> dict[str, Any]:
        level = self.difficulty if isinstance(self.difficulty, str) else asdict(self.difficulty)
        size = list(self.size)
        return {"seed": self.seed, "split": self.split, "difficulty": level, "size": size, "frames": self.frames}


def synthetic_clip(origin: Mapping[str, Any]) -> synthetic.Clip:
    """The clip of the synthetic world that `SourceClip.origin` (from the index of encoded clips) names, with all that is known of it."""
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


class VideoFolder:
    """A maker's own clips: for each ``name.mp4`` (mov, webm, mkv) its trajectory ``name.json``, and optionally prompt and masks.

    ``name.txt`` holds the prompt. ``name.masks/00000.png`` ... are label pictures of the video's size and frames: pixel value k is the
    trajectory's object k (counted from 1), 0 the background; frame 0 alone, or every frame that is used. The first `frames` frames are
    used; they are scaled to cover `size` and cropped around the centre, boxes and masks with them.

    Attributes:
        skipped: one sentence per clip that was left out.
    """

    def __init__(
        self,
        folder: str | Path,
        size: tuple[int, int],
        frames: int,
        fps: float | None = None,
        *,
        skip_bad: bool = False,
        problems: str | Path | None = None,
    ) -> None:
        """Look at every clip's header, trajectory and first mask; no frame is decoded yet.

        Args:
            folder: holds the files; folders in it are not searched.
            size: (width, height) in pixels that the clips are brought to, multiples of 32.
            frames: per clip, 4k + 1, at least 5.
            fps: frames per second to thin faster videos out to; None takes every frame.
            skip_bad: leave out clips that cannot be used, as long as they are 1 % at most (one always may be).
            problems: where to write what is wrong with which clip; ``problems.txt`` in the folder when None.

        Raises:
            TrainError: no folder, no videos, or clips that cannot be used.
        """
        self.folder, self.size, self.frames, self.fps = Path(folder).absolute(), size, frames, fps
        check_clip_size(f"the videos in {folder}", size, frames)
        if not self.folder.is_dir():
            raise TrainError(f"there is no folder {folder} with videos; check the name.")
        videos = find_videos(self.folder)
        if not videos:
            raise TrainError(
                f"{folder} holds no videos ({', '.join(VIDEO_SUFFIXES)}); put clips and their trajectories there."
            )
        self.videos, self.skipped = self._usable(videos)
        if self.skipped:
            self._judge(len(videos), skip_bad, self.folder / "problems.txt" if problems is None else Path(problems))

    def __len__(self) -> int:
        """How many clips."""
        return len(self.videos)

    def clip(self, index: int) -> SourceClip:
        """See `Source.clip`."""
        path = self.videos[index]
        entry = inspect(path, self.size, self.frames, self.fps)
        frames_THWC = read_frames(path, entry, self.size)
        labels_THW = read_labels(entry, self.size)
        origin = {"video": {"path": str(path), "first": 0, "frames": self.frames, "fps": self.fps}}
        return SourceClip(path.name, frames_THWC, entry.fps, entry.prompt, entry.trajectory, labels_THW, origin)

    def settings(self) -> dict[str, Any]:
        """See `Source.settings`; a video counts by its name and size in bytes, the small files by their content."""
        clips = [identity(path) for path in self.videos]
        return {"videos": {"size": list(self.size), "frames": self.frames, "fps": self.fps, "clips": clips}}

    def _usable(self, videos: list[Path]) -> tuple[list[Path], list[str]]:
        good, bad = [], []
        stems: dict[str, Path] = {}
        for path in videos:
            twin = stems.setdefault(path.stem, path)
            try:
                if twin is not path:
                    raise ValueError(f"it shares its trajectory with {twin.name}; rename one of them")
                inspect(path, self.size, self.frames, self.fps)
                good.append(path)
            except (ValueError, OSError) as error:
                bad.append(f"{path.name}: {error}")
        return good, bad

    def _judge(self, total: int, skip_bad: bool, problems: Path) -> None:
        try:
            problems.parent.mkdir(parents=True, exist_ok=True)
            problems.write_text("\n".join(self.skipped) + "\n", encoding="utf-8", errors="backslashreplace")
            where = f"all are listed in {problems}"
        except OSError as error:
            where = f"the list could not be written to {problems} ({error.strerror})"
        if self.videos and skip_bad and len(self.skipped) <= max(1, total // 100):
            return
        remedy = "correct or remove them" if skip_bad else "correct or remove them, or set skip_bad for up to 1 %"
        raise TrainError(
            f"{len(self.skipped)} of {total} clips in {self.folder} cannot be used, such as {self.skipped[0].rstrip('.')} ({where}); {remedy}."
        )


def check_clip_size(what: str, size: tuple[int, int], frames: int) -> None:
    """Raises `TrainError` where clips of this size and length cannot be encoded or trained on."""
    if frames < SHORTEST:
        plural = "frame" if frames == 1 else "frames"
        raise TrainError(f"{what} has {frames} {plural}: a clip needs at least {SHORTEST} to show motion (4k + 1).")
    try:
        check_size(*size, frames)
    except ValueError as error:
        raise TrainError(f"{what}: {error}") from error
