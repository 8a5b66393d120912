"""Where clips come from before they are encoded: the synthetic world, or your own folder of videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.trajectory import Trajectory
from flashmotion_core.video.frames import Frames
from flashmotion_core.wan.conditioning import check_size

from ..config.settings import SHORTEST
from ..errors import TrainError
from ..files import digest
from ..parallel import ONE, World
from ..world import synthetic
from ..world.difficulty import Difficulty
from ..world.difficulty import difficulty as preset
from .looks import Look, look_over, see_video
from .video_files import VIDEO_SUFFIXES, find_videos, inspect, read_frames, read_labels


@dataclass(frozen=True, eq=False)
class SourceClip:
    """A clip with its trajectory; T frames, N objects.

    Attributes:
        name: how messages and reports call it.
        frames_THWC: uint8 RGB.
        fps: frames per second.
        prompt: what the video shows; may be empty.
        trajectory: N objects, with the size and length of the clip.
        labels_THW: uint8, the object that each pixel shows, counted from 1 in the trajectory's order, or 0 for the background. ``[1, H, W]``
            if only those of frame 0 are known; None if none are.
        origin: what is needed to make the clip again, as plain JSON values.
    """

    name: str
    frames_THWC: Frames
    fps: float
    prompt: str
    trajectory: Trajectory
    labels_THW: NDArray[np.uint8] | None
    origin: dict[str, Any]

    def masks_at(self, frame: int) -> NDArray[np.bool_]:
        """The masks ``[N, H, W]`` of a frame that has labels."""
        assert self.labels_THW is not None
        labels_N = np.arange(1, len(self.trajectory.objects) + 1, dtype=np.uint8)
        masks: NDArray[np.bool_] = self.labels_THW[frame] == labels_N[:, None, None]
        return masks

    @property
    def masks_TNHW(self) -> NDArray[np.bool_] | None:  # noqa: N802 (a tensor)
        """The masks of all frames with labels, which take N times the labels' memory."""
        if self.labels_THW is None:
            return None
        return np.stack([self.masks_at(t) for t in range(len(self.labels_THW))])


class Source(Protocol):
    """A numbered set of clips of one size and length. It must be picklable, because other processes make the clips."""

    def __len__(self) -> int:
        """How many clips."""

    def clip(self, index: int) -> SourceClip:
        """Clip number `index`, the same on every call. Raises ValueError if it cannot be read."""

    def settings(self) -> dict[str, Any]:
        """Everything that all clips depend on, as plain JSON values."""

    def identity(self, index: int) -> list[Any]:
        """What makes clip number `index` another one, beside the settings, as plain JSON values."""

    def content(self, index: int) -> str | None:
        """A hash of what clip number `index` shows, whatever its name, boxes and prompt; None if it is drawn and cannot be another's."""

    def leave_out(self, problems: Mapping[int, str]) -> None:
        """Continue without clips that could not be read; one reason for each number. Raises TrainError if they are needed."""


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


class VideoFolder:
    """Your own clips: for each ``name.mp4`` (mov, webm, mkv) a trajectory ``name.json``, and optionally a prompt and masks.

    ``name.txt`` holds the prompt. ``name.masks/00000.png`` ... are label pictures of the video's size, for frame 0 only or for every frame
    that is used: pixel value k is the trajectory's object k (counted from 1), 0 the background. Everything is counted and drawn as
    a player shows the video: upright, with square pixels. The clip begins with the video and has `fps` frames a second (`video_timing`), scaled
    to cover `size` and cropped around the centre, together with boxes and masks.

    Attributes:
        skipped: one sentence per clip that was left out.
        problems: the file that lists them.
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
        buckets: Sequence[tuple[int, int, int]] = (),
        max_crop: float = 1.0,
        repeat_frames: bool = False,
        looks: Path | None = None,
        world: World = ONE,
        workers: int = 0,
    ) -> None:
        """Check every clip's packets, first frame, trajectory and first mask; the other frames are not decoded yet.

        Args:
            folder: the folder with the files; its subfolders are not searched.
            size: (width, height) of the clips in pixels, multiples of 32.
            frames: per clip, 4k + 1, at least 5.
            fps: frames per second of the clips; faster videos are thinned out. None takes every frame.
            skip_bad: skip clips that cannot be used, as long as they are at most 1 % (or a single one).
            problems: the file to list the bad clips in; None for ``problems.txt`` in the folder. What was recognised in tracks
                of a tool, and what was cropped or repeated, is written beside it, in ``notes.txt``.
            buckets: further (width, height, frames); a video becomes a clip of the shape of which it loses least, and of those the longest.
            max_crop: the share of the picture that a video may lose; one that loses more cannot be used.
            repeat_frames: whether videos slower than `fps` are taken too.
            looks: a file that keeps what was found, so that only what changed is looked at again; None for none.
            world: the ranks that look at the videos together; all must call this.
            workers: processes of each rank that look.

        Raises:
            TrainError: there is no folder, it has no videos, or some clips cannot be used.
        """
        self.folder, self.size, self.frames, self.fps = Path(folder).absolute(), size, frames, fps
        check_clip_size(f"the videos in {folder}", size, frames)
        if not self.folder.is_dir():
            raise TrainError(f"the folder of videos {folder} does not exist; check its name.")
        videos = find_videos(self.folder)
        if not videos:
            raise TrainError(
                f"{folder} holds no videos ({', '.join(VIDEO_SUFFIXES)}); put clips and their trajectories there."
            )
        self.notes: list[str] = []
        self._options: Any = {"max_crop": max_crop, "repeat_frames": repeat_frames}
        self._found, self._skip_bad = len(videos), skip_bad
        self.problems = self.folder / "problems.txt" if problems is None else Path(problems)
        self._shapes = ((*size, frames), *buckets)
        see = partial(see_video, shapes=self._shapes, fps=fps, **self._options)
        found = look_over(videos, see, digest(list(self._shapes), fps, self._options), looks, world, workers)
        self.videos, self.skipped, self._looks = list[Path](), list[str](), list[Look]()
        stems: dict[str, Path] = {}
        for video, seen in zip(videos, found, strict=True):
            twin, problem = stems.setdefault(video.stem, video), seen.problem
            if twin is not video:
                problem = f"it shares {video.stem}.json with {twin.name}; rename one of them"
            if problem is not None:
                self.skipped.append(f"{video.name}: {problem}")
                continue
            self.videos.append(video)
            self._looks.append(seen)
            self.notes += seen.notes
        if self.notes and world.is_main:
            self.problems.parent.mkdir(parents=True, exist_ok=True)
            notes = self.problems.with_name(self.problems.name.replace("problems", "notes"))
            notes.write_text("\n".join(self.notes) + "\n", encoding="utf-8")
        if self.skipped:
            self._judge()

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """(width, height, frames) of each clip."""
        return [seen.shape for seen in self._looks]

    @property
    def lost(self) -> list[float]:
        """The share of the picture that is cropped, of each clip."""
        return [seen.lost for seen in self._looks]

    def __len__(self) -> int:
        """How many clips."""
        return len(self.videos)

    def clip(self, index: int) -> SourceClip:
        """See `Source.clip`."""
        path, (*size, frames) = self.videos[index], self._looks[index].shape
        try:
            entry = inspect(path, (size[0], size[1]), frames, self.fps, **self._options)
            frames_THWC = read_frames(path, entry, (size[0], size[1]))
            labels_THW = read_labels(entry, (size[0], size[1]))
        except (ValueError, OSError) as error:
            raise ValueError(f"{path.name}: {error}") from error
        origin = {"video": {"path": str(path), "first": 0, "frames": frames, "fps": self.fps}}
        return SourceClip(path.name, frames_THWC, entry.fps, entry.prompt, entry.trajectory, labels_THW, origin)

    def settings(self) -> dict[str, Any]:
        """See `Source.settings`."""
        return {"videos": {"size": list(self.size), "frames": self.frames, "fps": self.fps}}

    def identity(self, index: int) -> list[Any]:
        """See `Source.identity` and `video_files.identity`."""
        seen = self._looks[index]
        return [*seen.identity, *([list(seen.shape)] if seen.shape != self._shapes[0] else [])]

    def content(self, index: int) -> str:
        """See `Source.content` and `video_files.content`."""
        return self._looks[index].content

    def leave_out(self, problems: Mapping[int, str]) -> None:
        """See `Source.leave_out`: clips whose pictures turned out to be damaged count like those that were skipped at once."""
        self.skipped += problems.values()
        self._judge(len(problems))

    def _judge(self, unread: int = 0) -> None:
        """List the skipped clips, of which the last `unread` are in `videos`; raises TrainError if there are too many."""
        problems = self.problems
        try:
            problems.parent.mkdir(parents=True, exist_ok=True)
            problems.write_text("\n".join(self.skipped) + "\n", encoding="utf-8", errors="backslashreplace")
            where = f"all are listed in {problems}"
        except OSError as error:
            where = f"the list could not be written to {problems} ({error.strerror})"
        if len(self.videos) > unread and self._skip_bad and len(self.skipped) <= max(1, self._found // 100):
            return
        remedy = (
            "correct or remove them" if self._skip_bad else "correct or remove them, or set skip_bad to skip up to 1 %"
        )
        raise TrainError(
            f"{len(self.skipped)} of {self._found} clips in {self.folder} cannot be used, such as {self.skipped[0].rstrip('.')} ({where}); {remedy}."
        )


def check_apart(train: Source, evaluation: Source) -> None:
    """Raises `TrainError` if a video is on both sides, under whatever name: what was trained on cannot show what was learnt."""
    trained = {train.content(index): index for index in range(len(train))}
    both = [
        (trained[found], index)
        for index in range(len(evaluation))
        if (found := evaluation.content(index)) in trained and found
    ]
    if both:
        first, second = train.identity(both[0][0])[0], evaluation.identity(both[0][1])[0]
        raise TrainError(
            f"{len(both)} evaluation clips are training clips too, such as {second} (in data.train: {first}); remove them from one of the two."
        )


def check_clip_size(what: str, size: tuple[int, int], frames: int) -> None:
    """Raises `TrainError` if clips of this size and length cannot be encoded or trained on."""
    if frames < SHORTEST:
        raise TrainError(
            f"{what}: the frame count is {frames}, but a clip needs at least {SHORTEST} frames (4k + 1) to show motion; use {SHORTEST}."
        )
    try:
        check_size(*size, frames)
    except ValueError as error:
        raise TrainError(f"{what}: {error}") from error
