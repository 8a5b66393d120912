"""The page that shows what training would see: every clip with its boxes, masks, control map, caption and verdict."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flashmotion_core.files.whole_file import write_whole
from flashmotion_core.reports.html import fill

from .clip_record import PreparedClip, PreparedVideo
from .curate import crop_of

TEMPLATES = Path(__file__).with_name("templates")
PAGE, TABLE = "index.html", "clips.csv"
ON_A_PAGE = 500
"""Clips; a browser shows and sorts so many at once."""
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
    """Write the page, in several parts if there are many clips, and ``clips.csv``, a table of all clips; returns the first part's path.

    Args:
        place: the folder that the pools are in.
        pools: by name of the pool's folder, the videos.
        evaluated: names of clips (``pool/name``) that are held back for the evaluation.
        summary: sentences for the top.
    """
    total = sum(len(video.clips) for videos in pools.values() for video in videos)
    names = [PAGE, *(f"page-{number}.html" for number in range(2, -(-total // ON_A_PAGE) + 1))]
    left_out = list(islice(_left_out(pools), ON_A_PAGE))
    clips = _views(pools, evaluated)
    for number, name in enumerate(names, start=1):
        page = fill(
            TEMPLATES / "preview.html.j2",
            title="What training will see" if number == 1 else f"What training will see, page {number}",
            summary=summary if number == 1 else [],
            left_out=left_out if number == 1 else [],
            clips=list(islice(clips, ON_A_PAGE)),
            sorts=SORTS,
            pages=[(other, target, other == number) for other, target in enumerate(names, start=1)],
        )
        write_whole(place / name, page)
    for old in place.glob("page-*.html"):
        if old.name not in names:
            old.unlink()
    write_whole(place / TABLE, lambda part: _write_table(part, pools, evaluated))
    return place / PAGE


def _left_out(pools: Mapping[str, Sequence[PreparedVideo]]) -> Iterator[tuple[str, str]]:
    return ((video.video, f"{video.reason}.") for videos in pools.values() for video in videos if video.reason)


def _views(pools: Mapping[str, Sequence[PreparedVideo]], evaluated: set[str]) -> Iterator[dict[str, Any]]:
    return (
        _view(pool, video, clip, f"{pool}/{clip.name}" in evaluated)
        for pool, videos in pools.items()
        for video in videos
        for clip in video.clips
    )


def _write_table(path: Path, pools: Mapping[str, Sequence[PreparedVideo]], evaluated: set[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["video", "clip", "verdict", "reason", "objects", "boxes", "caption_by", "caption", "notes"])
        for video, reason in _left_out(pools):
            table.writerow([video, "", "rejected", reason.removesuffix("."), 0, "", "", "", ""])
        for one in _views(pools, evaluated):
            made = (one["video"], one["name"], one["verdict"], one["reason"], one["sort_keys"]["objects"], one["boxes"])
            table.writerow([*made, one["caption_by"], one["caption"], "; ".join(one["notes"])])


def summary_of(videos: Sequence[PreparedVideo]) -> list[str]:
    """Sentences about a pool: how many clips there are, what they were rejected for, and where captions come from."""
    by, total, own, good = Counter[str](), 0, 0, 0
    for video in videos:
        kept = video.kept
        by.update(clip.caption_by for clip in kept)
        total, own, good = (
            total + len(video.clips),
            own + sum(clip.boxes == "yours" for clip in kept),
            good + bool(kept),
        )
    said = {
        "yours": "yours",
        "captioner": "of the captioner",
        "neutral": "a neutral sentence, as nothing else was given",
    }
    captions = ", ".join(f"{by[who]} {words}" for who, words in said.items() if by[who])
    lines = [
        f"{by.total()} of {total} clips are kept, from {good} of {len(videos)} videos; {own} of them have boxes of yours."
    ]
    return [*lines, f"Captions: {captions}."] if by else lines


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
