"""Write `editor.json`: what Python makes of documents and tables, which the editor's modules must make of them, too.

    python -m tests.golden.make_editor        (in the repository's root)

Layout: {"texts": [{"text", "canonical" or "problem"}], "moving": a document, "lengths": [{"frames", "fit", "canonical"}] of
it, "tables": [{"document", "csv"}], "readings": [{"csv", "size", "tolerance", "canonical" or "problem"}]}. Documents are
canonical texts. "crops": [{"picture", "size", "crop" or null}], and "generated": which sides and lengths can be.
The reason inside "is not valid JSON (...)" is each language's own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flashmotion_core.trajectory import TrajectoryError, dumps, from_csv, parse, retime, sample, to_csv, trim
from flashmotion_core.trajectory.drawing.crop import crop_to_cover
from flashmotion_core.wan.conditioning import check_size

FOLDER = Path(__file__).parent
TARGET = FOLDER / "editor.json"
KEY = {"frame": 0, "x": 0.5, "y": 0.5, "w": 0.2, "h": 0.3}
SMALLEST: dict[str, Any] = {"version": 1, "size": [1280, 704], "frames": 121}


def with_object(**changes: Any) -> dict[str, Any]:
    return {**SMALLEST, "objects": [{"id": "cat", "keyframes": [KEY], **changes}]}


def with_key(**changes: Any) -> dict[str, Any]:
    return with_object(keyframes=[{**KEY, **changes}])


def with_shape(**changes: Any) -> dict[str, Any]:
    return {**with_object(shape={"columns": 3, "rows": 2, "runs": [1, 2, 3], **changes}), "version": 2}


SHAPES: list[dict[str, Any]] = [
    *(
        {},
        {"runs": [0, 6]},
        {"runs": [5, 1]},
        {"columns": 512, "rows": 512, "runs": [0, 262144]},
        {"columns": 2.0, "rows": 3},
    ),
    *(
        {"columns": 0},
        {"columns": 513},
        {"rows": "2"},
        {"runs": [6]},
        {"runs": 6},
        {"runs": [1, 0, 5]},
        {"runs": [-1, 7]},
    ),
    *(
        {"runs": [1, 2]},
        {"runs": [1, 2.5, 2.5]},
        {"runs": [1, 2, 4]},
        {"runs": [1] * 4097},
        {"cells": 1},
        {"runs": [1, 10**9]},
    ),
]
TEXTS: list[Any] = [
    SMALLEST,
    {**SMALLEST, "fps": 23.976},
    {**SMALLEST, "fps": 1e-7},
    with_object(color="#FF8800", hidden=[[7, 9], [1, 2], [3, 3], [8, 20]], label="a cat", path="smooth"),
    with_object(label='quote " back \\ tab \t line \n del \x7f \N{GRINNING FACE} \u00e9', id="\u732b"),
    with_key(x=1.0, y=-0.0, w=1e-6, h=0.000012345, ease=[0.25, 0.0, 1, 1.5]),
    with_key(frame=5.0, x=0.1 + 0.2, y=-3.9999999999999996, ease="in-out"),
    with_object(keyframes=[{**KEY, "frame": f, "ease": e} for f, e in ((0, "hold"), (7, [0, -2, 1, 3]), (120, "out"))]),
    *("", "  \n", "{", '{"version": 1} x', "[1]", "null", "7", '"text"', "true"),
    *('{"version": 1, "version": 1}', '{"version" \n : 1, "b": {"c": 1, "\\u0063": 2}}', '{"version": NaN}'),
    *('{"version": -Infinity}', '{"__proto__": {"version": 1}}', '{"version": 1, "constructor": 1}'),
    *(
        f'{{"version":1,"size":[64,64],"frames":3,"objects":[{{"id":"a","__proto__":1,"keyframes":[{json.dumps(KEY)}]}}]}}',
        '{"version":1,"size":[64,64],"frames":1e400}',
        '{"version":1,"size":[64,64],"frames":-1e-7}',
        '{"version":1,"size":[64,64],"frames":{"a":{},"b":[]}}',
    ),
    *(
        {},
        {**SMALLEST, "version": 3},
        {**SMALLEST, "version": 2},
        {**SMALLEST, "version": 0},
        {**SMALLEST, "version": "1"},
    ),
    *({"version": 1, "frames": 3}, {**SMALLEST, "size": [1280]}, {**SMALLEST, "size": [16, 704]}),
    *({**SMALLEST, "size": [1280, 704.5]}, {**SMALLEST, "frames": 0}, {**SMALLEST, "frames": True}),
    *({**SMALLEST, "fps": 0}, {**SMALLEST, "fps": False}, {**SMALLEST, "fps": 240.5}, {**SMALLEST, "framez": 3}),
    *({**SMALLEST, "Objekt": 3}, {**SMALLEST, "sizes": 3}, {**SMALLEST, "xyz": 3}, {**SMALLEST, "\u00e9" * 50: 3}),
    *({**SMALLEST, "objects": {}}, {**SMALLEST, "objects": [{"id": "a", "keyframes": [KEY]}] * 65}),
    *({**SMALLEST, "objects": [3]}, {**SMALLEST, "objects": [{"id": "a", "keyframes": [KEY]}] * 2}),
    *(with_object(id=""), with_object(id="x" * 65), with_object(id="\N{GRINNING FACE}" * 64), with_object(id=5)),
    *(with_object(id="\N{GRINNING FACE}" * 65), with_object(id="\ud800"), with_object(label="x" * 121)),
    *(with_object(color="red"), with_object(color="#ff4040\n"), with_object(color=None), with_object(path="smoth")),
    *(with_object(hidden=[3]), with_object(hidden=[[3, 2]]), with_object(hidden=[[0, 121]]), with_object(keys=[])),
    *({**SMALLEST, "objects": [{"id": "a"}]}, with_object(keyframes=[]), with_object(keyframes=[KEY, KEY])),
    *(with_key(frame=121), with_key(frame=-1), with_key(frame=0.5), with_key(x=5.5), with_key(y=-4.1), with_key(w=0)),
    *(
        with_key(h="0.5"),
        with_key(h=4.000001),
        with_key(ease="ease-in"),
        with_key(ease="Hold"),
        with_key(ease=[0, 0, 1]),
    ),
    *(with_shape(**changes) for changes in SHAPES),
    *({**with_shape(), "version": 1}, {**with_shape(), "version": 3}, with_object(shape=None)),
    *(with_key(ease=[0, 0, 1.1, 1]), with_key(ease=[0, -2.5, 1, 1]), with_key(ease=None), with_key(easing="in")),
]

EASES: list[Any] = ["linear", "hold", "in", "out", "in-out", [0.3, -0.8, 0.6, 1.9], [0.5, -2.0, 0.5, 3.0], [0, 1, 1, 0]]


def keys_at(*frames: int, eases: list[Any]) -> list[dict[str, Any]]:
    return [
        {"frame": f, "x": 0.01 * f, "y": 0.5 + 0.02 * (-1) ** k, "w": 0.1 + 0.002 * f, "h": 0.2, "ease": eases[k % len(eases)]}
        for k, f in enumerate(frames)
    ]  # fmt: skip


MOVING = {
    "version": 1,
    "size": [1000, 500],
    "frames": 41,
    "objects": [
        *({"id": f"e{n}", "keyframes": keys_at(3, 8, 19, 38, eases=[ease])} for n, ease in enumerate(EASES)),
        {"id": "smooth", "path": "smooth", "keyframes": keys_at(0, 4, 8, 19, 30, 40, eases=EASES)},
        {"id": "crowd", "keyframes": keys_at(0, 19, 20, 21, 40, eases=EASES), "hidden": [[0, 2], [15, 30], [40, 40]]},
        {"id": "near", "keyframes": keys_at(38, 39, 40, eases=EASES), "hidden": [[1, 1], [10, 12]]},
        {"id": "tiny", "keyframes": [
            {"frame": 0, "x": 0.5, "y": 0.5, "w": 0.4, "h": 0.4, "ease": [0.2, 2.0, 0.5, 2.5]},
            {"frame": 40, "x": 0.5, "y": 0.5, "w": 0.02, "h": 0.3}]},
    ],
}  # fmt: skip
LENGTHS = (1, 2, 5, 9, 20, 31, 40, 42, 121)

HEADER = "frame,id,label,x,y,w,h,visible"
ROW = "0,a,,1,2,3,4,1"
READINGS = [
    *(f"{HEADER}\r\n{ROW}\r\n", f"{HEADER}\n{ROW}", f" frame ,id,label,x,y,w,h,visible\r{ROW}\r\r 3 ,a,, .5 ,2.,3e0,+4,0\r"),
    f'{HEADER}\n0,"a,""b""","two\nlines",1,2,3,4,1\n2,"a,""b""",,10,2,3,4,1\n1,c,d,1,2,3,4,0\n',
    *("", "x", f"{HEADER}\n", f"\ufeff{HEADER}\n{ROW}", f"{HEADER}\n0,a,1,2\n", f"{HEADER}\n\n  \n", f"{HEADER}\n{ROW}\n{ROW}\n"),
    *(f"{HEADER}\n{row}\n" for row in (
        "-1,a,,1,2,3,4,1", "1.0,a,,1,2,3,4,1", "1025,a,,1,2,3,4,1", "0,,,1,2,3,4,1", "0,a,,nan,2,3,4,1", "0,a,,1,2,0,4,1",
        "0,a,,1,2e7,3,4,1", "0,a,,0x1,2,3,4,1", "0,a,,1,2,3,4,yes", '0,"a"b,,1,2,3,4,1', '0,"a,,1,2,3,4,1\n\n',
        "0,a,,900000,2,3,4,1", 'a"b,a,,1,2,3,4,1', f"0,{'x' * 65},,1,2,3,4,1")),
]  # fmt: skip


PICTURES = [(w, h) for w in (1, 7, 33, 384, 1023, 1080, 4000) for h in (1, 9, 34, 256, 1024, 1920, 3000)]
SIZES = [(1280, 704), (704, 1280), (384, 256), (32, 4096), (4096, 32), (832, 480)]


def crop(picture: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    try:
        return crop_to_cover(picture, size)
    except ValueError:
        return None


def generated(width: int = 32, height: int = 32, frames: int = 1) -> bool:
    try:
        check_size(width, height, frames)
    except ValueError:
        return False
    return True


def result(read: Any) -> dict[str, str]:
    try:
        return {"canonical": dumps(read())}
    except TrajectoryError as error:
        return {"problem": str(error)}


def build() -> dict[str, Any]:
    texts = [source if isinstance(source, str) else json.dumps(source) for source in TEXTS]
    golden = json.loads((FOLDER / "trajectory.json").read_text(encoding="utf-8"))
    documents = [parse(case["document"]) for case in golden["cases"]]
    moving = parse(MOVING)
    changes = {"retime": retime, "trim": trim}
    return {
        "texts": [
            *({"text": text, **result(lambda text=text: parse(text))} for text in texts),
            *({"text": json.dumps(case["document"]), "canonical": dumps(parse(case["document"]))} for case in golden["cases"]),
        ],
        "moving": dumps(moving),
        "lengths": [
            {"frames": frames, "fit": fit, "canonical": dumps(change(moving, frames))}
            for fit, change in changes.items()
            for frames in LENGTHS
        ],
        "tables": [
            {"document": dumps(document), "csv": to_csv(sample(document), document.objects)}
            for document in documents[-4:]
        ],
        "readings": [
            {"csv": table, "size": [64, 48], "tolerance": tolerance, **result(
                lambda table=table, tolerance=tolerance: from_csv(table, size=(64, 48), tolerance=tolerance))}
            for table in [*READINGS, to_csv(sample(documents[-2]), documents[-2].objects)]
            for tolerance in (0, 2)
        ],
        "crops": [{"picture": p, "size": size, "crop": crop(p, size)} for p in PICTURES for size in SIZES],
        "generated": [
            {"name": "sides", "values": [side for side in range(200) if generated(width=side)]},
            {"name": "lengths", "values": [frames for frames in range(50) if generated(frames=frames)]},
        ],
    }  # fmt: skip


def dump(golden: dict[str, Any]) -> str:
    """One line per case."""

    def lines(value: Any) -> str:
        if isinstance(value, str):
            return json.dumps(value)
        return "[\n" + ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in value) + "\n]"

    return "{" + ",\n".join(f"{json.dumps(name)}: {lines(value)}" for name, value in golden.items()) + "}\n"


if __name__ == "__main__":
    TARGET.write_text(dump(build()), encoding="utf-8", newline="\n")
    print(TARGET.name)
