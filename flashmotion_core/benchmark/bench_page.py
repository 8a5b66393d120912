"""What a benchmark writes: the table as Markdown, results as JSON, and one HTML page with curves, contact sheets and the worst clips."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..files.whole_file import write_whole
from ..metrics.titles import TITLES
from ..reports.box_overlay import asked_and_found
from ..reports.cells import Value, between, cell_of, figure, shown, signed
from ..reports.contact_sheets import contact_sheet, write_png
from ..reports.html import DataTable, Picture, Section, Text, write_report
from ..reports.line_plot import COLORS, Line, line_plot
from ..video.frames import Frames
from .bench_figures import COMPARED, GROUPS
from .bench_measures import FIGURES, unlisted
from .bench_protocols import CONTROL
from .bench_tables import distances_table, figures_table
from .clip_set import BenchClip, BenchSet, spread
from .runner import RowFigures

SHOWN, WORST, ACROSS = 2, 10, 6
"""Clips of each row, worst clips of the first row, and frames of each, that the page shows."""
FEWEST = 5
"""Clips of a group from which its interval is shown: of two or three clips, resamples are mostly the same clip."""
WIDEST = 192
"""Most pixels across a picture, as the page holds them all."""

READING = """Box IoU compares each object's box in the clip with the box that was asked for: 1 where they are equal, 0 where they do not overlap \
or the object is lost. Centre error is the distance of the boxes' centres as a share of the frame's diagonal, on frames where the object is found. \
Lost is the share of frames where it is not found; lost objects, the share of objects lost on more than half of their frames. Endpoint error is \
the distance of points from the tracks that the set asks for; lost points, the share of their frames where they are not found. The tracker is a \
measure of its own: read every row beside the real clip (what the tracker itself loses), the still (what comes out when boxes are ignored) and \
another clip's boxes (what not following scores by chance).

Copy and paste needs no model: frame 0's objects, moved along their boxes. It is the bound for control, not for quality. Counterfactual boxes \
send the same objects elsewhere, and their row is measured against those boxes: a model that learned its clips by heart fails there. Its \
distances to the real clips are larger because the motion is another one.

Sharpness is that of frames 1 and later as a share of frame 0's; motion the mean change from frame to frame in levels of 255; flicker the \
brightness that goes up and down from frame to frame; dynamic the share of pixels that differ from frame 0; jump the change from frame 0 to 1 over \
the median change later. A blurred video has low sharpness, a frozen one no motion, one that leaves its start picture a high jump. PSNR is against \
the real clip. Frechet and kernel distances compare only with those of the same features, set and number of clips; with few clips, Frechet \
distances are too large, kernel distances are not, and may be negative.

Intervals are 95 % bootstraps over clips. Differences are taken clip by clip, so they can be certain where the intervals of two rows overlap."""


def markdown(found: Mapping[str, Any]) -> str:
    """The table as Markdown, with its protocol and notes."""
    (headers, rows), (more, distances) = figures_table(found, FIGURES), distances_table(found)
    headers, rows = headers + more[2:], [row + other[2:] for row, other in zip(rows, distances, strict=True)]

    def cell(value: Value) -> str:
        note = cell_of(value, "").note
        text = "-" if value is None else f"{shown(value)} ({note})" if note else shown(value)
        return text.replace("|", "\\|")

    lines = [headers, ["---"] * len(headers), *([cell(value) for value in row] for row in rows)]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join([text, *found["notes"], f"Protocol: {found['protocol']}."]) + "\n"


def write_page(folder: Path, bench_set: BenchSet, rows: Sequence[RowFigures], found: Mapping[str, Any]) -> Path:
    """Write `results.json`, `table.md` and `index.html`; the path of the page.

    Args:
        folder: made if missing.
        bench_set: its clips are shown.
        rows: with the boxes found; frames are read again for the pictures.
        found: from `bench_figures.results`.
    """
    write_whole(folder / "table.md", markdown(found))
    tables = {
        "Control": figures_table(found, CONTROL),
        "Quality": figures_table(found, [name for name in FIGURES if name not in CONTROL]),
        "Distances to the real clips": distances_table(found),
    }
    sections: list[Section] = [
        *([Text(title="What it says", text="\n\n".join(found["notes"]))] if found["notes"] else []),
        *(
            DataTable(
                title=title, headers=headers, rows=[row for row in cells if any(value is not None for value in row[2:])]
            )
            for title, (headers, cells) in tables.items()
            if headers[2:]
        ),
        _protocols(found),
        *_differences(found),
        _groups(found),
        *_costs(found),
        _curves(folder, found),
        *_sheets(folder, bench_set, rows),
        *_worst(folder, bench_set, rows),
        *_broken(found),
        Text(title="How to read this", text=READING),
    ]
    page = write_report(folder, f"FlashBench: {found['set']}", sections)
    write_whole(folder / "results.json", json.dumps(found, indent=1, allow_nan=False) + "\n")
    return page


def _protocols(found: Mapping[str, Any]) -> DataTable:
    """Each number's protocol; numbers of the same one share a line."""
    titles = dict(TITLES)
    for name, distances in found["extractors"].items():
        titles |= {f"{name}.{kind}": title for kind, title in distances.items()}
    numbers: dict[str, list[str]] = {}
    shown = {*figures_table(found, FIGURES)[0], *distances_table(found)[0]}
    for key, text in found["protocols"].items():
        if titles[key] not in shown:
            continue
        numbers.setdefault(text, []).append(titles[key])
    rows: list[list[Value]] = [[", ".join(names), text] for text, names in numbers.items()]
    return DataTable(title="Protocol of each number", headers=["numbers", "protocol"], rows=rows)


def _differences(found: Mapping[str, Any]) -> list[Section]:
    first = found["rows"][0]
    rows: list[list[Value]] = []
    for row in found["rows"][1:]:
        cells: list[Value] = [row["title"]]
        for name in COMPARED:
            pair = row["against_first"][name]
            cells.append(None if pair is None else f"{signed(pair['difference'])} ({between(*pair['95'])})")
        rows.append(cells)
    title = f"Differences to {first['title']}, clip by clip"
    return [DataTable(title=title, headers=["row", *(TITLES[name] for name in COMPARED)], rows=rows)] if rows else []


def _groups(found: Mapping[str, Any]) -> DataTable:
    groups = [group for group in GROUPS if any(group in row["groups"] for row in found["rows"])]
    rows: list[list[Value]] = []
    for row in found["rows"]:
        cells: list[Value] = [row["title"]]
        for group in groups:
            part = row["groups"].get(group)
            known = part is not None and part["measured"] >= FEWEST
            cells.append(None if part is None else figure(part["box_iou"], part["box_iou_95"] if known else None))
        rows.append(cells)
    counts = found["rows"][0]["groups"]
    clips = {group: part["measured"] for group, part in counts.items()}
    names = [
        f"{group} ({clips[group]} {'clip' if clips[group] == 1 else 'clips'})" if group in clips else group
        for group in groups
    ]
    few = any(count < FEWEST for count in clips.values())
    note = f"Groups of fewer than {FEWEST} clips have no interval, as it would be too narrow." if few else ""
    return DataTable(title="Box IoU by number of objects", headers=["row", *names], rows=rows, note=note)


def _costs(found: Mapping[str, Any]) -> list[Section]:
    known = [row for row in found["rows"] if row["seconds"]]
    stages = list(dict.fromkeys(stage for row in known for stage in row["seconds"]))
    rows: list[list[Value]] = [
        [row["title"], *(figure(row["seconds"].get(stage)) for stage in stages)] for row in known
    ]
    return (
        [DataTable(title="Cost per clip, as the clips' maker noted it", headers=["row", *stages], rows=rows)]
        if rows
        else []
    )


def _broken(found: Mapping[str, Any]) -> list[Section]:
    rows = [[row["title"], name, reason] for row in found["rows"] for name, reason in row["broken"].items()]
    return (
        [DataTable(title="Clips that could not be measured", headers=["row", "clip", "reason"], rows=rows)]
        if rows
        else []
    )


def _curves(folder: Path, found: Mapping[str, Any]) -> Picture:
    lines = [
        Line(row["title"], unlisted(row["iou_by_frame"]), COLORS[number % len(COLORS)])
        for number, row in enumerate(found["rows"])
    ]
    file = folder / "pictures" / "iou_by_frame.png"
    write_png(file, line_plot(lines, size=(960, 420)))
    return Picture(title="Box IoU by frame", file=file, caption="Mean over clips. Frame 0 is given and does not count.")


def _sheets(folder: Path, bench_set: BenchSet, rows: Sequence[RowFigures]) -> list[Section]:
    legend = "Full lines: boxes that were asked for. Dashed with a cross: found."
    shown: list[Section] = []
    for row in rows:
        clips = spread([clip for clip in bench_set.clips if clip.name in row.clips], SHOWN)
        if clips:
            file = folder / "pictures" / "clips" / f"{row.row.name}.png"
            write_png(file, contact_sheet([strip(row, clip) for clip in clips]))
            caption = row.row.title if shown else f"{row.row.title}. {legend}"
            shown.append(Picture(title="" if shown else "Clips", file=file, caption=caption))
    return shown


def _worst(folder: Path, bench_set: BenchSet, rows: Sequence[RowFigures]) -> list[Section]:
    row = next((found for found in rows if found.row.folder is not None), rows[0])
    scored = [clip for clip in bench_set.clips if row.clips.get(clip.name, {}).get("box_iou") is not None]
    worst = sorted(scored, key=lambda clip: float(row.clips[clip.name]["box_iou"]))[:WORST]
    if not worst:
        return []
    file = folder / "pictures" / "worst" / f"{row.row.name}.png"
    write_png(file, contact_sheet([strip(row, clip) for clip in worst]))
    names = ", ".join(f"{clip.name} ({row.clips[clip.name]['box_iou']:.2f})" for clip in worst)
    return [
        Picture(title=f"The worst clips of {row.row.title}", file=file, caption=f"By box IoU, from the top: {names}.")
    ]


def strip(row: RowFigures, clip: BenchClip) -> list[Frames]:
    """A few frames of a clip with its boxes, small."""
    frames_THWC = row.row.frames(clip)
    asked, found_TN4 = row.row.asks(clip).asked, unlisted(row.clips[clip.name]["boxes"])
    chosen = np.linspace(0, len(frames_THWC) - 1, min(ACROSS, len(frames_THWC))).round().astype(int)
    return [
        _tile(asked_and_found(frames_THWC[t], asked.boxes_TN4[t], asked.visible_TN[t], found_TN4[t]))
        for t in chosen.tolist()
    ]


def _tile(picture_HWC: Frames) -> Frames:
    """The picture within `WIDEST` pixels each way, `WIDEST` wide on the sheet's grey: clips of a set may have several sizes."""
    from PIL import Image

    height, width, _ = picture_HWC.shape
    scale = WIDEST / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = np.asarray(
        Image.fromarray(picture_HWC).resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)
    )
    canvas = np.full((size[1], WIDEST, 3), 235, dtype=np.uint8)
    left = (WIDEST - size[0]) // 2
    canvas[:, left : left + size[0]] = small
    return canvas
