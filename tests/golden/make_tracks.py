"""Write `tracks.json`: what Python makes of tools' tables, which the editor's modules must make of them, too.

    python -m tests.golden.make_tracks        (in the repository's root)

Layout: {"sentences": {name: English}, "cases": [{"name", "text", "choices", "canonical" and "notices", or "problem"}]}.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flashmotion_core.trajectory import TrajectoryError, dumps, read_tracks
from flashmotion_core.trajectory.tracks.track_table import NOTICES

TARGET = Path(__file__).parent / "tracks.json"
OWN = "frame,id,label,x,y,w,h,visible"
TRACK = '<track id="{}" label="{}">{}</track>'
BOX = '<box frame="{}" xtl="{}" ytl="{}" xbr="{}" ybr="{}" outside="{}" occluded="{}" keyframe="1"></box>'
META = (
    "<meta><task><id>1</id><name>a &lt; b</name><size>12</size><original_size>"
    "<width>320</width><height>240</height></original_size></task></meta>"
)


def cvat(*tracks: str, meta: str = META) -> str:
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>{meta}\n'
        + "\n".join(tracks)
        + "\n</annotations>\n"
    )


def box(frame: Any, x: Any, outside: Any = 0, occluded: Any = 0) -> str:
    return BOX.format(frame, x, 20, (x + 30 if isinstance(x, (int, float)) else 60), 60, outside, occluded)


def coco(images: Any, annotations: Any, categories: Any = ({"id": 1, "name": "dog"},), **more: Any) -> str:
    return json.dumps({"images": images, "annotations": annotations, "categories": list(categories), **more})


def image(key: Any, **more: Any) -> dict[str, Any]:
    return {"id": key, "width": 320, "height": 240, **more}


def mark(picture: Any, **more: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": picture, "category_id": 1, "bbox": [10, 20, 30.5, 40], **more}


NAMES = [image(7, file_name="clip_10.png"), image(8, file_name="clip_9.png"), image(9, file_name="clip_011.png")]
INDEXED = [image(1, frame_index=1), image(2, frame_index=3)]
OCCLUDED = {"track_id": 2, "occluded": True}
JITTER = "\n".join(f"{frame},1,{10 + (frame * frame % 13) / 10},20,30,40,1,-1,-1,-1" for frame in range(1, 901))

CASES: list[tuple[str, str] | tuple[str, str, dict[str, Any]]] = [
    # Our own table
    ("Excel's CSV UTF-8", f"\ufeff{OWN}\r\n0,a,cat,1,2,30,40,1\r\n1,a,cat,2,2,30,40,0\r\n"),
    ("other order, case, True and 0.0", "Visible,LABEL,Id,H,W,Y,X,Frame\nTrue,cat,a,40,30,2,1,0.0\nFALSE,cat,a,40,30,2,1,1.0\n"),
    ("semicolons and decimal commas", "frame;id;label;x;y;w;h;visible\n0;a;;1,5;2;30,25;40;1,0\n1;a;;,5;2;30;40;0,0\n"),
    ("tabs", OWN.replace(",", "\t") + "\n0\ta\t\t1,5\t2.5\t30\t40\tyes\n1\ta\t\t1\t2\t30\t40\tNo\n"),
    ("Excel's separator line", "sep=;\r\nframe;id;x;y;w;h\r\n1;a;1;2;30;40\r\n2;a;3;2;30;40\r\n"),
    ("a comma-separated quoted decimal comma", f'{OWN}\n0,a,,"1,5",2,30,40,1\n'),
    ("spaces and quotes", ' Frame , "ID" ,x,y,w,h\n 3 , a b ,1,2,30,40\n'),
    ("trailing separators of a spreadsheet", "frame,id,x,y,w,h,,\n0,a,1,2,30,40,,\n1,a,1,2,30,40,,\n"),
    ("pandas' row numbers and lost boxes", ",frame,track_id,x,y,w,h,score\n0,1,5,1,2,30,40,0.9\n1,2,5,nan,,NaN,None,0\n2,3,5,9,2,30,0,0.1\n"),
    ("all boxes lost", "frame,id,x,y,w,h\n0,a,nan,nan,nan,nan\n"),
    ("two rows for one box", f"{OWN}\n0,a,,1,2,30,40,1\n0,a,,1,2,30,40,1\n"),
    ("fractions", "frame,id,x,y,w,h\n0,a,0.1,0.2,0.25,0.5\n10,a,0.5,0.2,0.25,0.5\n"),
    ("fractions, said to be pixels", "frame,id,x,y,w,h\n0,a,0.1,0.2,0.25,0.5\n", {"fractions": False}),
    ("hidden instead of visible", "frame,id,x,y,w,h,outside\n0,a,1,2,30,40,0\n1,a,1,2,30,40,1\n"),
    ("centres", "Frame Number,Object ID,x_center,y_center,width,height\n0,a,50,40,30,20\n"),
    ("no id and no label", "frame,x,y,w,h\n0,1,2,30,40\n1,5,2,30,40\n"),
    ("no id, two boxes a frame", "frame,x,y,w,h\n0,1,2,30,40\n0,5,2,30,40\n"),
    ("two columns of one kind", "frame,id,x,left,y,w,h\n0,a,1,2,3,4,5\n"),
    ("two names", "frame,track_id,id,class,name,x,y,w,h\n0,a,9,dog,rex,1,2,30,40\n"),
    ("ids that count within a label", "frame,label,id,x,y,w,h\n0,cat,1,1,2,30,40\n0,dog,1,5,2,30,40\n"),
    ("a frame with a fraction", "frame,id,x,y,w,h\n0.5,a,1,2,30,40\n"),
    ("frames 5 to 6, said to count from 1", "frame,id,x,y,w,h\n5,a,1,2,30,40\n6,a,5,2,30,40\n", {"countedFrom": 1}),
    ("frames 1 to 2 of at least 9", "frame,id,x,y,w,h\n1,a,1,2,30,40\n2,a,5,2,30,40\n", {"frames": 9}),
    ("a frame beyond the longest clip", "frame,id,x,y,w,h\n5000,a,1,2,30,40\n"),
    ("an unknown answer", "frame,id,x,y,w,h,visible\n0,a,1,2,30,40,maybe\n"),
    ("a negative width", "frame,id,x,y,w,h\n0,a,1,2,-30,40\n"),
    ("broken quotes", 'frame;id;x;y;w;h\n0;"a"b;1;2;30;40\n'),
    ("a row that is too short", "frame,id,x,y,w,h\n0,a,1\n"),
    ("an unknown header", "time,who,where\n0,a,1\n"),
    # Corners
    ("corners", "frame,label,x1,y1,x2,y2\n0,cat,10,20,40,60\n4,cat,30,20,60,60\n"),
    ("corners from 1", "frame,label,xmin,ymin,xmax,ymax\n1,cat,10,20,40,60\n2,cat,30,20,60,60\n"),
    ("corners the wrong way", "frame,label,x1,y1,x2,y2\n0,cat,40,20,10,60\n"),
    ("corners without a header, as the numbers show", "0,cat,200,20,240,60\n1,cat,30,20,60,60\n"),
    ("extents without a header, as the numbers show", "0,cat,200,20,40,60\n1,cat,30,20,60,60\n"),
    ("either, without a header", "0,cat,30,20,60,60\n1,cat,31,20,60,60\n"),
    ("fractions of corners without a header", "0,cat,0.6,0.5,0.9,0.8\n1,cat,0.1,0.5,0.9,0.8\n"),
    # MOT
    ("MOT", "1,1,10,20,30,40,1,-1,-1,-1\n2,1,12,20,30,40,1,-1,-1,-1\n1,2,50,20,30,40,0.5,-1,-1,-1\n"),
    ("MOT from 0", "0,1,10,20,30,40,1,-1,-1,-1\n2,1,12.5,20,30,40,1,-1,-1,-1\n"),
    ("MOT that begins late", "11,1.0,10,20,30,40,1,-1,-1,-1\n12,1.0,12,20,30,40,1,-1,-1,-1\n"),
    ("MOT's ground truth", "1,1,10,20,30,40,1,1,1\n2,1,12,20,30,40,1,1,0\n1,2,50,20,30,40,0,7,1\n3,1,12,20,30,0,1,1,1\n"),
    ("MOT with semicolons and a class", "1;1;10,5;20;30;40;1;-1;-1;-1;cat\n2;1;12,5;20;30;40;1;-1;-1;-1;cat\n"),
    ("MOT with spaces", " 1  1 10 20 30 40 1 -1 -1 -1 \r\n 2 1 12 20  30 40 1 -1 -1 -1\r\n\r\n"),
    ("a header with spaces", 'frame id label x y w h\n0 a "a dog" 1 2 30 40\n1 a "a dog" 3 2 30 40\n'),
    ("YOLO with tracks", "0 0.5 0.5 0.2 0.3 1\n0 0.55 0.5 0.2 0.3 1\n"),
    ("MOT's detections", "1,-1,10,20,30,40,0.8,-1,-1,-1\n"),
    ("MOT with 900 frames of jitter", JITTER),
    ("MOT with 900 frames of jitter, exact", JITTER, {"tolerance": 0}),
    ("70 objects", "\n".join(f"1,{n},{n},20,30,40,1,-1,-1,-1" for n in range(1, 71))),
    ("2 of 70 objects", "\n".join(f"1,{n},{n},20,30,40,1,-1,-1,-1" for n in range(1, 71)), {"objects": ["70", "3"]}),
    ("an object that is not there", "1,1,10,20,30,40\n", {"objects": ["9"]}),
    ("no objects", "1,1,10,20,30,40\n", {"objects": []}),
    # DarkLabel
    ("DarkLabel", "0,person,3,200,20,40,60\n1,person,3,201,20,40,60\n5,dog,4,1,2,30,40\n"),
    ("DarkLabel with corners", "0,person,3,200,20,240,80\n1,person,3,201,20,241,80\n"),
    ("DarkLabel's ids within a class", "0,person,0,200,20,40,60\n0,dog,0,1,2,30,40\n"),
    # CVAT
    ("CVAT", cvat(TRACK.format(0, "cat", box(2, 10) + box(6, 50.5, 0, 1) + box(9, 90, 1)), TRACK.format(1, "dog &amp; co", box(0, 5)))),
    ("CVAT without its meta", cvat(TRACK.format(0, "cat", box(0, 10) + box(3, 50)), meta="")),
    ("CVAT with other shapes", cvat(TRACK.format(0, "cat", box(0, 10) + '<polygon frame="1" points="1,2"/>'))),
    ("CVAT for images", cvat('<image id="0" name="a.png" width="320" height="240"><box label="cat"/></image>')),
    ("CVAT that is cut off", cvat(TRACK.format(0, "cat", box(0, 10)))[:-20]),
    ("CVAT with a box without a frame", cvat(TRACK.format(0, "cat", '<box xtl="1" ytl="2" xbr="3" ybr="4"/>'))),
    ("CVAT with corners the wrong way", cvat(TRACK.format(0, "cat", box(0, 10).replace('xbr="40"', 'xbr="4"')))),
    ("CVAT with a wrong flag", cvat(TRACK.format(0, "cat", box(0, 10, "yes")))),
    ("an entity attack", '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;">]>\n<annotations>&c;</annotations>'),
    ("an external entity", '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotations>&b;</annotations>'),
    ("an unknown entity", cvat(TRACK.format(0, "&b;", box(0, 10)))),
    ("deep elements", "<annotations>" + "<a>" * 200_000),
    ("another XML", "<svg><g/></svg>"),
    ("crossed elements", "<annotations>\n<a><b></a></b></annotations>"),
    # COCO
    ("COCO by file name", coco(NAMES, [mark(7, bbox=[9, 9, 9, 9]), mark(8), mark(9, bbox=[11, 11, 9, 9])])),
    ("COCO with frames and tracks", coco(INDEXED, [mark(1, track_id=4), mark(2, track_id=4), mark(1, track_id=5, bbox=[])])),
    ("COCO by id", coco([{"id": 12}, {"id": 3}], [mark(12), mark(3, bbox=[1, 2, 3.5, 4])])),
    ("COCO of CVAT", coco(NAMES, [mark(7, attributes=OCCLUDED), mark(8, attributes={"track_id": 2}), mark(9, iscrowd=1)])),
    ("COCO with a crowd", coco(NAMES, [mark(7), mark(8, iscrowd=True)])),
    ("COCO with two dogs and no track", coco(NAMES, [mark(7), mark(7)])),
    ("COCO with some tracks", coco(NAMES, [mark(7, track_id=1), mark(8)])),
    ("COCO of two videos", coco([image(1, video_id=1, file_name="a"), image(2, video_id=2, file_name="b")], [mark(1)])),
    ("COCO of two sizes", coco([image(1, file_name="a"), image(2, file_name="b", width=64)], [mark(1)])),
    ("COCO with an unknown image", coco(NAMES, [mark(99)])),
    ("COCO without boxes", coco(NAMES, [])),
    ("COCO with a polygon for a box", coco(NAMES, [mark(7, bbox=[1, 2, 3])])),
    ("COCO with a frame twice", coco([image(1, frame_id=1), image(2, frame_id=1)], [mark(1)])),
    ("COCO that is not JSON", '{"images": [], "annotations": [}'),
    ("COCO with a mark", "\ufeff" + coco(NAMES, [mark(7)])),
    # Documents and nonsense
    ("a document with a mark", '\ufeff{"version": 1, "size": [64, 64], "frames": 3, "objects": []}'),
    ("another JSON", '{"boxes": []}'),
    ("only a separator", "sep=;\n"),
    *((name, text) for name, text in (("nothing", ""), ("blank lines", " \r\n\n"), ("prose", "Dear diary,\nit rained."), ("numbers", "1,2,3\n"))),
]  # fmt: skip

_PYTHON = {"countedFrom": "counted_from"}


def build() -> dict[str, Any]:
    cases = []
    for name, text, *more in CASES:
        choices: dict[str, Any] = {"size": [256, 192], **(more[0] if more else {})}
        try:
            found = read_tracks(text, **{_PYTHON.get(key, key): value for key, value in choices.items()})
            result: dict[str, Any] = {
                "canonical": dumps(found.trajectory),
                "notices": [[notice.name, *notice.values] for notice in found.notices],
            }
        except TrajectoryError as error:
            result = {"problem": str(error)}
        cases.append({"name": name, "text": text, "choices": choices, **result})
    return {"sentences": NOTICES, "cases": cases}


def dump(golden: dict[str, Any]) -> str:
    """One line per case."""
    cases = ",\n".join(json.dumps(case, separators=(",", ":")) for case in golden["cases"])
    return f'{{"sentences": {json.dumps(golden["sentences"], indent=1)},\n"cases": [\n{cases}\n]}}\n'


if __name__ == "__main__":
    TARGET.write_text(dump(build()), encoding="utf-8", newline="\n")
