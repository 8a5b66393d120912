"""Turn one video into clips: shots, windows, objects, a verdict, a caption, and the files of each clip."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.adapters import MapStyle
from flashmotion_core.files.texts import read_text
from flashmotion_core.trajectory import Trajectory
from flashmotion_core.trajectory import cover as cover_boxes
from flashmotion_core.video.frames import Frames, cover

from ..config.data_settings import Data, Prepare
from ..data.looks import best_first, fit
from ..data.sources import SourceClip
from ..data.video_files import TRACK_SUFFIXES, cropped, read_frames, read_labels
from ..files import clip_problem
from .captions import NEUTRAL, Captioner, fitting, token_counter
from .clip_files import in_boxes, no_objects, read_own_document, to_document, write_clip, write_document
from .clip_record import PreparedClip, PreparedVideo
from .curate import Verdict, judge
from .cuts import find_shots
from .finder import make_finder
from .found_objects import Finder, FoundObjects
from .motion_measures import speeds
from .parts import keep_clip, kept_clip
from .scan import Scan, cut_out, scan
from .sheet import clip_sheet, write_jpeg
from .video_facts import checked_document, clip_size, cut_notes, no_window, own_document, own_starts
from .windows import Window, windows


@dataclass(frozen=True)
class VideoWork:
    """What is done with every video of a folder; it travels to other processes.

    Attributes:
        data: size, length and rate of clips, and the rules.
        text_encoder: a folder with a tokenizer that prompts are counted with; None for no limit.
        device: where models run.
    """

    data: Data
    text_encoder: str | None
    device: str

    @property
    def rules(self) -> Prepare:
        """The settings of the phase."""
        assert self.data.prepare is not None
        return self.data.prepare

    @cached_property
    def finder(self) -> Finder:
        """What finds objects."""
        return make_finder(self.rules.detector, self.rules.words, self.rules.tracker, self.device)

    @cached_property
    def captioner(self) -> Captioner | None:
        """What describes clips without a prompt."""
        return None if self.rules.captioner is None else Captioner(self.rules.captioner, self.device)

    def __call__(self, video: Path, key: str, folder: Path, own_clips: Mapping[Path, int]) -> None:
        """Write a video's clips, pictures of them and a record of it into a folder that `parts.open_part` made.

        Args:
            video: the file.
            key: see `PreparedVideo.key`.
            folder: where the clips go, and where those that are there from an earlier try are kept.
            own_clips: see `folder_clips.FolderClips`.
        """
        own = next((path for path in map(video.with_suffix, TRACK_SUFFIXES) if path.is_file()), None)
        try:
            made = self._as_it_is(video, key, folder) if own else self._in_clips(video, key, folder, own_clips)
        except (ValueError, OSError) as error:
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            made = PreparedVideo(video.name, key, clip_problem(error), 0, 0.0, [])
        made.write(folder)

    def _as_it_is(self, video: Path, key: str, folder: Path) -> PreparedVideo:
        """A video with a document of the maker's: its beginning is one clip, which nobody judges."""
        data = self.data
        shape, entry = fit(video, self.shapes, data.fps, max_crop=data.max_crop, repeat_frames=data.repeat_frames)
        labels_THW, frames_THWC = read_labels(entry, shape[:2]), read_frames(video, entry, shape[:2])
        caption, by, notes = self._caption(video, video.stem, frames_THWC)
        clip = SourceClip(video.name, frames_THWC, entry.fps, caption, entry.trajectory, labels_THW, {})
        self._sheet(folder, video.stem, clip)
        (folder / f"{video.stem}.txt").write_text(caption, encoding="utf-8")
        made = PreparedClip(video.stem, 0, entry.source_size, shape, "", [*notes, *entry.notes], "yours", caption, by)
        return PreparedVideo(video.name, key, "", 1, float(entry.shown.times[-1]), [made])

    def _in_clips(self, video: Path, key: str, folder: Path, own_clips: Mapping[Path, int]) -> PreparedVideo:
        found = scan(video)
        shots = find_shots(found.thumbnails_THWC)
        times_T = found.shown.times[: len(found.thumbnails_THWC)]
        shape, chosen = self._cut(found, shots, times_T, own_starts(own_clips))
        size = clip_size(found.shown.size, shape[:2])
        made = {window.start_ms: kept_clip(folder, window.name(video.stem)) for window in chosen}
        missing = [window for window in chosen if made[window.start_ms] is None]
        for window, frames_THWC in cut_out(video, found.shown, missing, size):
            clip = self._clip(video, window, shape, frames_THWC, found, shots, folder)
            keep_clip(folder, clip)
            made[window.start_ms] = clip
        clips = [clip for _, clip in sorted(made.items()) if clip is not None]
        seconds = float(times_T[-1])
        reason = "" if clips else no_window(found, shots, shape[2], self.data.fps)
        if found.problem and clips:
            clips[-1].notes.append(f"the rest of the video is left out, as {found.problem}")
        return PreparedVideo(video.name, key, reason, len(shots), seconds, clips)

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """The (width, height, frames) that clips may have."""
        return [(*self.data.size, self.data.frames), *self.data.buckets]

    def _cut(
        self, found: Scan, shots: Sequence[tuple[int, int]], times_T: NDArray[np.float64], given_ms: Sequence[int]
    ) -> tuple[tuple[int, int, int], list[Window]]:
        """The shape that loses least of those that windows fit into, and these windows, of which there may be none.

        Raises:
            ValueError: every shape loses too much of the picture.
        """
        data, shown = self.data, found.shown.size
        usable = [one for one in best_first(self.shapes, shown) if cropped(shown, one[:2]) <= data.max_crop]
        if not usable:
            least = min(cropped(shown, one[:2]) for one in self.shapes)
            raise ValueError(
                f"it would lose {least:.0%} of its picture, above data.max_crop ({data.max_crop:.0%}); add a shape to data.buckets"
            )
        for shape in usable:
            chosen = windows(times_T, shots, shape[2], data.fps, given_ms, repeat_frames=data.repeat_frames)
            if chosen:
                return shape, chosen
        return usable[-1], []

    def _clip(
        self,
        video: Path,
        window: Window,
        shape: tuple[int, int, int],
        frames_THWC: Frames,
        scanned: Scan,
        shots: Sequence[tuple[int, int]],
        folder: Path,
    ) -> PreparedClip:
        name, data = window.name(video.stem), self.data
        size = (frames_THWC.shape[2], frames_THWC.shape[1])
        shot = next((one for one in shots if one[0] <= window.taken[0] <= one[1]), (window.taken[0], window.taken[-1]))
        found = self.finder.find(frames_THWC, scanned.background(*shot, size))
        own = own_document(video, name)
        if own is not None:
            document = read_own_document(own, size, shape[2], data.fps)
            used, moving = in_boxes(document, found.labels_THW), "yours"
            verdict = Verdict(tuple(range(len(used.names))), (), 0.0, "", cut_notes(window, shots))
        else:
            speed_N, camera = speeds(frames_THWC, found.labels_THW, len(found.names), data.fps)
            verdict = judge(found, speed_N, camera, shape[:2], self.rules)
            used, moving = found.only(verdict.chosen), "found"
            shown = used if not verdict.reason else found
            document = to_document(shown, data.fps) if len(shown.names) else no_objects(size, shape[2], data.fps)
        caption, by, notes = self._caption(video, name, frames_THWC)
        reason = verdict.reason
        try:
            document = document if reason or own else checked_document(document, used)
        except ValueError as error:
            reason = str(error).rstrip(".")
        enlarged = max(wanted / there for wanted, there in zip(shape[:2], scanned.shown.size, strict=True))
        repeated = len(window.taken) - len(set(window.taken))
        if repeated:
            notes = [*notes, f"repeats {repeated} of {len(window.taken)} frames"]
        if enlarged > 1:
            notes = [*notes, f"is enlarged {enlarged:.2f} times"]
        if reason:
            write_document(folder / f"{name}.json", document)
            clip = SourceClip(name, frames_THWC, data.fps, caption, document, found.labels_THW, {})
        else:
            write_clip(folder, name, frames_THWC, data.fps, document, used.labels_THW, caption)
            clip = self._trained(name, shape[:2], frames_THWC, caption, document, used)
        self._sheet(folder, name, clip)
        return PreparedClip(
            name,
            window.start_ms,
            size,
            shape,
            reason,
            [*verdict.notes, *notes],
            moving,
            caption,
            by,
            round(verdict.camera, 4),
            [{**one.plain(), "used": n in verdict.chosen} for n, one in enumerate(verdict.objects)],
        )

    def _trained(
        self,
        name: str,
        size: tuple[int, int],
        frames_THWC: Frames,
        caption: str,
        document: Trajectory,
        used: FoundObjects,
    ) -> SourceClip:
        """The clip as training crops it."""
        frames = np.stack([cover(frame, *size) for frame in frames_THWC])
        labels_THW = np.zeros(frames.shape[:3], dtype=np.uint8)
        for t, labels_HW in enumerate(used.labels_THW):
            for n in range(len(used.names)):
                labels_THW[t][cover(labels_HW == n + 1, *size)] = n + 1
        return SourceClip(name, frames, self.data.fps, caption, cover_boxes(document, size), labels_THW, {})

    def _sheet(self, folder: Path, name: str, clip: SourceClip) -> None:
        style: MapStyle = self.data.style()
        write_jpeg(folder / f"{name}.jpg", clip_sheet(clip, style, self.data.first_frame))

    @cached_property
    def _count(self) -> object:
        return None if self.text_encoder is None else token_counter(self.text_encoder)

    def _caption(self, video: Path, name: str, frames_THWC: Frames) -> tuple[str, str, list[str]]:
        """A clip's prompt, whose words it is, and notes on it."""
        own = [path for path in (video.with_name(f"{name}.txt"), video.with_suffix(".txt")) if path.is_file()]
        if own:
            text, by = " ".join(read_text(own[0]).split()), "yours"
        elif self.captioner is not None:
            text, by = self.captioner.describe(frames_THWC), "captioner"
        else:
            text, by = "", "neutral"
        if not text:
            return NEUTRAL, "neutral", []
        if self._count is None:
            return text, by, []
        cut, tokens = fitting(text, self._count)  # type: ignore[arg-type]
        if cut == text:
            return text, by, []
        if self.rules.long_prompts == "refuse":
            raise ValueError(
                f"the prompt of {name} has {tokens} tokens; shorten it, or set data.prepare.long_prompts to cut"
            )
        return cut, by, [f"the prompt of {tokens} tokens is cut after {len(cut.split())} words"]
