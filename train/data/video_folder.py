"""Your own folder of videos as a source of clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from flashmotion_core.files.file_kinds import VIDEO_SUFFIXES

from ..errors import TrainError
from ..files import digest
from ..parallel import ONE, World
from .looks import Look, look_over, see_video
from .sources import SourceClip, check_clip_size
from .video_files import find_videos, inspect, read_frames, read_labels


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
        """See `Source.identity` and `video_identity.identity`."""
        seen = self._looks[index]
        return [*seen.identity, *([list(seen.shape)] if seen.shape != self._shapes[0] else [])]

    def content(self, index: int) -> str:
        """See `Source.content` and `video_identity.content`."""
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
