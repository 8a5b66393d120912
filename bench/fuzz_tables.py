"""Fuzz the readers of tools' tables, in Python and in JavaScript, with random and damaged tables of every format.

    python bench/fuzz_tables.py [100000] [--seed 0] [--node PATH]

Each text is read by both. Any error but a `TrajectoryError` (Python) or a `RangeError` (JavaScript), a document that does not
survive writing and reading, or another result in the other language counts as a crash. Without node only Python is tried,
and the last line says so. Exits with 1 on any crash or difference, after printing the seed that reproduces it.
"""

from __future__ import annotations

import json
import random
import sys
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.fuzzing import damaged
from bench.languages import fuzz_languages
from flashmotion_core.trajectory import TrajectoryError, dumps, parse, read_tracks

SIZE = (640, 360)
WORKER = Path(__file__).with_suffix(".js")
CELLS = (
    *("", " ", "nan", "NaN", "None", "null", "-", "inf", "-inf", "1e5", "1e-3", "1e999", "-0", "-1", "0", "0.0", "1", "1,5", ".5"),
    *("5.", "+4", "True", "FALSE", "yes", "no", "0x1", "1_0", "1 0", '"', '""', "a;b", "a,b", "\ufeff", "\u732b", "\x00", "\u0130"),
    *("9" * 30, "9" * 400, "x" * 70, "x" * 130, "1024", "1025", "5000", "1e6", "1000001", "\u0661", "\x1c7", "\u20281"),
)  # fmt: skip
PIECES = (
    *("{", "}", "[", "]", ",", ":", '"', "\\", "<", ">", "/", "&", "&amp;", "&#0;", "&#x41;", "&b;", "</", "<!--", "-->", "<?"),
    *("<!DOCTYPE a>", "<![CDATA[", "\n", "\r", "\r\n", ";", "\t", "\ufeff", "\x00", "NaN", "null", "1e999", "-", "'", "=", "sep=;\n"),
)  # fmt: skip
HEADERS = {
    "frame": ("frame", "Frame", "FRAME_ID", "fn", "frame number"),
    "id": ("id", "track_id", "Object ID", "ID"),
    "label": ("label", "class", "name"),
    "x": ("x", "left", "X1", "xmin"),
    "y": ("y", "top", "Y1", "ymin"),
    "w": ("w", "width", "W"),
    "h": ("h", "height", "H"),
    "x2": ("x2", "xmax", "right"),
    "y2": ("y2", "ymax", "bottom"),
    "visible": ("visible", "Visibility", "hidden", "outside"),
    "score": ("score", "conf", "", "Unnamed: 0"),
}


def make_boxes(rng: random.Random) -> list[tuple[int, int, list[float]]]:
    """Some (frame, object, [x, y, w, h]), in pixels, whole pixels or fractions."""
    first, step = rng.choice((0, 1, 1, 7)), rng.choice((1, 1, 1, 5))
    scale, whole = rng.choice(((1.0, False), (1.0, True), (1 / 640, False)))
    found = []
    for n in range(rng.choice((1, 1, 2, 3)) if rng.random() < 0.98 else 66):
        for frame in range(rng.choice((1, 2, 3, 8)) if rng.random() < 0.9995 else 700):
            box = [rng.uniform(0, 600), rng.uniform(0, 300), rng.uniform(1, 200), rng.uniform(1, 200)]
            found.append((first + frame * step, n, [round(v) if whole else round(v * scale, 4) for v in box]))
    if rng.random() < 0.3:
        rng.shuffle(found)
    return found


def make_headed(rng: random.Random) -> str:
    """A table with a header: columns, names, separator and decimal form by chance."""
    corners = rng.random() < 0.3
    columns = ["frame", "x", "y", *(("x2", "y2") if corners else ("w", "h"))]
    columns += [
        name for name in ("id", "label", "visible", "score") if rng.random() < (0.3 if name == "score" else 0.7)
    ]
    if rng.random() < 0.6:
        rng.shuffle(columns)
    separator = rng.choice((",", ",", ";", "\t"))
    decimal = "," if separator != "," and rng.random() < 0.7 else "."
    own = rng.random() < 0.3
    rows = [[name if own else rng.choice(HEADERS[name]) for name in columns]]
    for frame, n, (x, y, w, h) in make_boxes(rng):
        numbers = {"x": x, "y": y, "w": w, "h": h, "x2": x + w, "y2": y + h, "score": rng.random()}
        values = {name: repr(value).replace(".", decimal) for name, value in numbers.items()}
        values |= {
            "frame": str(frame),
            "id": f"o{n}",
            "label": rng.choice(("", "cat")),
            "visible": rng.choice(("0", "1", "True")),
        }
        rows.append([values[name] for name in columns])
    return finish(rows, separator, rng)


def make_plain(rng: random.Random) -> str:
    """MOT, DarkLabel or corners without a header."""
    kind, separator = rng.choice(("mot", "mot", "gt", "dark", "corner")), rng.choice((",", ",", ",", ";"))
    corners = rng.random() < 0.5
    rows = []
    for frame, n, (x, y, w, h) in make_boxes(rng):
        box = [repr(v) for v in ((x, y, x + w, y + h) if corners and kind in ("dark", "corner") else (x, y, w, h))]
        rows.append({
            "mot": [str(frame), str(n + 1), *box, rng.choice(("1", "0.7")), "-1", "-1", "-1"],
            "gt": [str(frame), str(n + 1), *box, rng.choice(("1", "1", "0")), "1", rng.choice(("1", "0.4", "0"))],
            "dark": [str(frame), "cat", str(n), *box],
            "corner": [str(frame), f"cat {n}", *box],
        }[kind])  # fmt: skip
    return finish(rows, separator, rng)


def finish(rows: list[list[str]], separator: str, rng: random.Random) -> str:
    """The text of the rows, some with a strange cell, a row twice, or a cell less or more."""
    if rng.random() < 0.4:
        for _ in range(rng.randint(1, 3)):
            row = rng.choice(rows)
            action = rng.randrange(6)
            if action == 0 and row:
                row.pop()
            elif action == 1:
                row.append(rng.choice(CELLS))
            elif action == 2:
                rows.append(list(row))
            elif row:
                row[rng.randrange(len(row))] = rng.choice(CELLS)
    end = rng.choice(("\n", "\r\n", "\r"))
    mark = rng.choice(("", "", "\ufeff", f"sep={separator}\r\n"))
    return mark + end.join(separator.join(row) for row in rows) + rng.choice(("", end))


def make_cvat(rng: random.Random) -> str:
    """CVAT's XML for video."""
    tracks: dict[int, list[str]] = {}
    for frame, n, (x, y, w, h) in make_boxes(rng):
        corner = (x + w, y + h)
        flags = f'outside="{int(rng.random() < 0.1)}" occluded="{int(rng.random() < 0.1)}" keyframe="1"'
        tracks.setdefault(n, []).append(
            f'<box frame="{frame}" xtl="{x}" ytl="{y}" xbr="{corner[0]}" ybr="{corner[1]}" {flags}/>'
        )
        if rng.random() < 0.02:
            tracks[n].append('<polygon frame="1" points="1,2;3,4"></polygon>')
    size = rng.choice(
        ("", "<size>20</size>", "<size>20</size><original_size><width>320</width><height>240</height></original_size>")
    )
    body = "\n".join(f'<track id="{n}" label="cat">{"".join(boxes)}</track>' for n, boxes in tracks.items())
    return f'<?xml version="1.0"?>\n<annotations><meta><task>{size}</task></meta>\n{body}</annotations>'


def make_coco(rng: random.Random) -> str:
    """COCO JSON."""
    boxes = make_boxes(rng)
    numbered, tracked = rng.random() < 0.5, rng.random() < 0.7
    frames = sorted({frame for frame, _, _ in boxes})
    images = [
        {
            "id": frame,
            "file_name": f"f{frame}.png",
            **({"frame_index": frame} if numbered else {}),
            **rng.choice(({}, {"width": 320, "height": 240})),
        }
        for frame in frames
    ]
    marks = [
        {
            "image_id": frame,
            "bbox": box,
            "category_id": n % 3,
            **({"track_id": n} if tracked else {}),
            **rng.choice(({}, {"iscrowd": 0})),
        }
        for frame, n, box in boxes
    ]
    data: Any = {
        "images": images,
        "annotations": marks,
        "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
    }
    if rng.random() < 0.4:
        part = rng.choice((rng.choice(images), rng.choice(marks), rng.choice(data["categories"]), data))
        key = rng.choice(list(part))
        strange: tuple[Any, ...] = (None, True, -1, 0, 1.5, 10**20, 1e300, "", "x", [], {}, [1, 2, 3, 4], "7", "\ud800")
        if rng.random() < 0.3:
            del part[key]
        else:
            part[key] = rng.choice(strange)
    return json.dumps(data)


def make_text(rng: random.Random) -> str:
    """A table's text; one third with damaged characters."""
    text = rng.choice((make_headed, make_headed, make_plain, make_plain, make_cvat, make_coco))(rng)
    if rng.random() < 0.33:
        for _ in range(rng.randint(1, 3)):
            text = damaged(text, rng, (*PIECES, *CELLS), longest=40)
    return text


def try_python(text: str) -> dict[str, Any]:
    """What Python makes of a text: a document and notices, a problem, or a crash."""
    try:
        try:
            found = read_tracks(text, size=SIZE)
        except TrajectoryError as error:
            return {"problem": str(error)}
        written = dumps(found.trajectory)
        if parse(written) != found.trajectory:
            return {"crash": "another document after writing and reading"}
        return {"canonical": written, "notices": [[notice.name, *notice.values] for notice in found.notices]}
    except Exception:  # any exception is a finding
        return {"crash": traceback.format_exc()}


def main(arguments: list[str] | None = None) -> int:
    """Run and report; the exit status says whether all went well."""
    return fuzz_languages(__doc__, make_text, try_python, WORKER, *SIZE, arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
