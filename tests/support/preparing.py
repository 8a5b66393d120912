"""A run that notes which videos and clips each rank worked on: python -m tests.support.preparing NOTES ARGUMENTS OF run_all.py."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train.command import main
from train.prepare import video_marks
from train.prepare.prepare_video import VideoWork


def noted(notes: Path) -> None:
    """Append a line to ``NOTES.RANK`` for each video that is hashed (``read``) or prepared (``made``)."""
    usual_call, usual_content = VideoWork.__call__, video_marks._content

    def note(line: str) -> None:
        with notes.with_name(f"{notes.name}.{os.environ.get('RANK', '0')}").open("a") as file:
            file.write(f"{line}\n")

    def call(self: VideoWork, video: Path, key: str, folder: Path, own_clips: Mapping[Path, int]) -> None:
        note(f"made {video.name}")
        usual_call(self, video, key, folder, own_clips)

    def content(video: Path, clips: Mapping[Path, int]) -> Any:
        note(f"read {video.name}")
        return usual_content(video, clips)

    VideoWork.__call__ = call  # type: ignore[method-assign]
    video_marks._content = content


if __name__ == "__main__":
    noted(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
