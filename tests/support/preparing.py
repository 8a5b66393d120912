"""Three runs, one after the other, that note which videos each rank worked on: python -m tests.support.preparing NOTES VIDEOS RUN ARGUMENTS.

The second finds everything done; before the third a prompt changes, and a file lies where a folder belongs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train.command import main
from train.prepare import video_marks
from train.prepare.prepare_video import VideoWork


class Notes:
    """What a rank did, in the file ``NOTES.RANK``: a line for each video that is hashed (``read``) or prepared (``made``)."""

    def __init__(self, notes: Path) -> None:
        self.file = notes.with_name(f"{notes.name}.{os.environ['RANK']}")
        usual_call, usual_content = VideoWork.__call__, video_marks._content

        def call(work: VideoWork, video: Path, key: str, folder: Path, own_clips: Mapping[Path, int]) -> None:
            self.add(f"made {video.name}")
            usual_call(work, video, key, folder, own_clips)

        def content(video: Path, clips: Mapping[Path, int]) -> Any:
            self.add(f"read {video.name}")
            return usual_content(video, clips)

        VideoWork.__call__ = call  # type: ignore[method-assign]
        video_marks._content = content

    def add(self, line: str) -> None:
        """Append a line."""
        with self.file.open("a") as file:
            file.write(f"{line}\n")


if __name__ == "__main__":
    notes, videos, run = Notes(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3])
    for turn in range(3):
        if turn == 2 and os.environ["RANK"] == "0":
            (videos / "1.txt").write_text("other words")
            (run / "prepared/pool_train/1.mp4.part").write_text("a file")
        notes.add(f"ended with {main([*sys.argv[4:], '--run', str(run)])}")
