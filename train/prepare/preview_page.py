"""The page that shows what training would see: every clip with its boxes, masks, control map, caption and verdict."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flashmotion_core.reports.html import fill
from flashmotion_core.whole_file import write_whole

from .clip_record import PreparedClip, PreparedVideo
from .curate import crop_of

TEMPLATES = Path(__file__).with_name("templates")
PAGE, TABLE = "index.html", "clips.csv"
SORTS = (
    ("name", "name"),
    ("objects", "objects"),
    ("area", "area of the largest object"),
    ("speed", "speed of the fastest object"),
    ("seen", "share of frames an object is seen"),
    ("camera", "speed of the camera"),
    ("lost", "share lost to the crop"),
)


def write_page(
    place: Path,
    pools: Mapping[str, Sequence[PreparedVideo]],
    evaluated: set[str],
    summary: Sequence[str],
) -> Path:
    """Write the page and ``clips.csv``, a table of all clips with their verdicts; returns the page's path.

    Args:
        place: the folder that the pools are in.
        pools: by name of the pool's folder, the videos.
        evaluated: names of clips (``pool/name``) that are held back for the evaluation.
        summary: sentences for the top.
    """
    clips = [
        _view(pool, video, clip, f"{pool}/{clip.name}" in evaluated)
        for pool, videos in pools.items()
        for video in videos
        for clip in video.clips
    ]
    left_out = [(video.video, f"{video.reason}.") for videos in pools.values() for video in videos if video.reason]
    page = fill(
        TEMPLATES / "preview.html.j2",
        title="What training will see",
        summary=summary,
        left_out=left_out,
        clips=clips,
        sorts=SORTS,
    )
    rows = io.StringIO()
    table = csv.writer(rows)
    table.writerow(["video", "clip", "verdict", "reason", "objects", "boxes", "caption_by", "caption"])
    for videos in pools.values():
        for video in videos:
            if video.reason:
                table.writerow([video.video, "", "rejected", video.reason, 0, "", "", ""])
    for one in clips:
        made = (one["video"], one["name"], one["verdict"], one["reason"], one["sort_keys"]["objects"], one["boxes"])
        table.writerow([*made, one["caption_by"], one["caption"]])
    write_whole(place / TABLE, rows.getvalue())
    write_whole(place / PAGE, page)
    return place / PAGE


def summary_of(videos: Sequence[PreparedVideo]) -> list[str]:
    """Sentences about a pool: how many clips there are, what they were rejected for, and where captions come from."""
    clips = [clip for video in videos for clip in video.clips]
    kept = [clip for clip in clips if not clip.reason]
    by = Counter(clip.caption_by for clip in kept)
    said = {
        "yours": "yours",
        "captioner": "of the captioner",
        "neutral": "a neutral sentence, as nothing else was given",
    }
    captions = ", ".join(f"{by[who]} {words}" for who, words in said.items() if by[who])
    own = sum(clip.boxes == "yours" for clip in kept)
    lines = [
        f"{len(kept)} of {len(clips)} clips are kept, from {sum(bool(video.kept) for video in videos)} of {len(videos)} videos; "
        f"{own} of them have boxes of yours."
    ]
    return [*lines, f"Captions: {captions}."] if kept else lines


def _view(pool: str, video: PreparedVideo, clip: PreparedClip, evaluated: bool) -> dict[str, Any]:
    """What the template shows of a clip."""
    verdict = "rejected" if clip.reason else "evaluation" if evaluated else "training"
    used = clip.used or clip.objects
    folder = f"{quote(pool)}/{quote(video.video)}"
    name = quote(clip.name)
    left, top, right, bottom = crop_of(clip.size, clip.shape[:2])
    lost = 1 - (right - left) * (bottom - top) / (clip.size[0] * clip.size[1])
    facts = [
        f"from {clip.start_ms / 1000:.2f} s of {video.video}",
        f"{clip.size[0]} x {clip.size[1]}, trained at {clip.shape[0]} x {clip.shape[1]} x {clip.shape[2]}, which loses {lost:.0%}",
        f"boxes: {clip.boxes}",
        *([f"camera: {clip.camera:.3f} diagonals a second"] if clip.boxes == "found" else []),
    ]
    whole = clip.name == Path(video.video).stem and not clip.objects
    links = [] if whole else [("document", f"{folder}/{name}.json")]
    links += [("video", f"{folder}/{name}.mp4")] if verdict != "rejected" and not whole else []
    return {
        "video": video.video,
        "name": clip.name,
        "verdict": verdict,
        "reason": clip.reason,
        "notes": clip.notes,
        "picture": f"{folder}/{name}.jpg",
        "label": f"{clip.name}: six moments with boxes, masks and the control map",
        "caption": clip.caption,
        "caption_by": clip.caption_by,
        "boxes": clip.boxes,
        "facts": facts,
        "objects": [_object(number, one) for number, one in enumerate(clip.objects, start=1)],
        "links": links,
        "sort_keys": {
            "name": clip.name,
            "objects": len([one for one in clip.objects if one.get("used")]),
            "area": max((one["area"] for one in used), default=0),
            "speed": max((one["speed"] for one in used), default=0),
            "seen": max((one["seen"] for one in used), default=0),
            "camera": clip.camera,
            "lost": round(lost, 4),
        },
    }


def _object(number: int, one: Mapping[str, Any]) -> str:
    numbers = f"{one['area']:.2%} of the frame, {one['speed']:.2f} pixels per frame, seen on {one['seen']:.0%}"
    end = "used" if one.get("used") else one["problem"] or "not among the largest"
    return f"{one['name'] or 'thing'} {number}: {numbers}; {end}"
