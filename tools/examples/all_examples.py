"""The example workflows, one function each. `tools.make_workflows` writes the files.

All share one reading order, left to right: what to do and what to choose, draw, make the video, watch it. ComfyUI opens a template so that
all of it fits the page, so the whole is about as wide as a screen, and the notes are set in headings, the only large type of a note.
"""

from __future__ import annotations

from typing import Any

from ..quickstart import scenes
from .example_graphs import both_notes, column, document, graph, guided_graph
from .example_parts import (
    DECODE,
    DRAW_X,
    FAR_RESULT_X,
    GAP,
    LEFT,
    MAKE_X,
    MIDDLE,
    RESULT,
    RESULT_X,
    RIGHT,
    STEPS,
    TRACK,
    Example,
    Node,
    Note,
)
from .example_texts import (
    DETECTOR_FILE,
    FILES_BEST,
    FILES_DETECTOR,
    FILES_FAST,
    FILES_GUIDED,
    FILES_TINY,
    FILES_VIDEO,
    FILES_WAN,
    SMALL_VAE_FILE,
    STEPS_5B,
    STEPS_BEST,
    STEPS_DETECTOR,
    STEPS_FAST,
    STEPS_GUIDED,
    STEPS_TINY,
    STEPS_VIDEO,
    TRACKER_FILE,
    TURBO_FILES,
    VIDEO_FILE,
)


def all_examples() -> dict[str, Example]:
    """The example workflows by file name."""
    return {
        "flashmotion_no_adapter": _no_adapter(),
        "flashmotion_tiny_cpu": _tiny(),
        "flashmotion_tiny_best_of_seeds": _best_of_seeds(),
        "flashmotion_plus_adapter": _full(),
        "flashmotion_quick_takes": _fast(),
        "flashmotion_with_detector": _detector(),
        "flashmotion_video_motion": _video_motion(),
    }


def _girl() -> tuple[str, str]:
    """Trajectory and prompt."""
    # What ComfyUI's own example.png shows, cropped to the clip: she walks up the hill, away from us.
    girl = document(
        (1280, 704), 121,
        [{
            "id": "girl", "label": "girl", "path": "smooth", "keyframes": [
                {"frame": 0, "x": 0.515, "y": 0.5, "w": 0.54, "h": 0.98, "ease": "in-out"},
                {"frame": 60, "x": 0.62, "y": 0.43, "w": 0.42, "h": 0.8, "ease": "in-out"},
                {"frame": 120, "x": 0.8, "y": 0.36, "w": 0.3, "h": 0.58},
            ],
        }],
    )  # fmt: skip
    prompt = "A child's drawing comes to life. The girl in the pink dress walks up the green hill to the right."
    return girl, prompt


def _no_adapter() -> Example:
    # Straight to the right: what the box brings along of sky and hill fits where it goes.
    walk = document(
        (1280, 704), 121,
        [{
            "id": "girl", "label": "girl", "keyframes": [
                {"frame": 0, "x": 0.515, "y": 0.5, "w": 0.54, "h": 0.98, "ease": "in-out"},
                {"frame": 120, "x": 0.71, "y": 0.5, "w": 0.54, "h": 0.98},
            ],
        }],
    )  # fmt: skip
    prompt = "A child's drawing comes to life. The girl in the pink dress walks to the right across the green hill."
    titles = {
        "13": "Stock model: more steps and CFG",
        "14": "Without the LoRA",
        "15": "Which model",
        "16": "Negative prompt",
        "18": "Which video",
    }
    notes = both_notes("Move an object without an adapter", STEPS_GUIDED, FILES_GUIDED, x=FAR_RESULT_X)
    return Example(guided_graph("example.png", walk, prompt), notes, titles, aside="Or: stock model")


def _full() -> Example:
    return Example(
        graph(TURBO_FILES, "example.png", *_girl()),
        both_notes("Make an object follow a path", STEPS_5B, FILES_WAN),
    )


def _fast() -> Example:
    return Example(
        graph(TURBO_FILES, "example.png", *_girl(), small_vae=SMALL_VAE_FILE),
        both_notes("A quick look first", STEPS_FAST, FILES_FAST, switch=True),
        {"15": "Small decoder", "16": "Full VAE"},
        fixed_seed=True,
    )


def _detector() -> Example:
    empty = document((1280, 704), 121, [])
    nodes = graph(TURBO_FILES, "example.png", empty, "The girl in the pink dress waves.", DETECTOR_FILE)
    return Example(nodes, both_notes("Take boxes from a detector", STEPS_DETECTOR, FILES_DETECTOR))


def _video_motion() -> Example:
    made = graph(TURBO_FILES, "example.png", document((1280, 704), 121, []), "The girl in the pink dress walks along.")
    right = TRACK + GAP  # for what stands behind the column that tracks
    nodes = {
        key: (kind, x + right if x >= DRAW_X else x, y, width, height, inputs)
        for key, (kind, x, y, width, height, inputs) in made.items()
    }
    nodes["4"][5].update({"masks": ["19", 0], "mask_batch": "one mask per frame"})
    nodes |= column(
        DRAW_X, TRACK,
        ("14", 106, "Video Slice", {"video": ["13", 0], "start_time": 0.0, "duration": 5.0, "strict_duration": False}),
        ("15", 86, "GetVideoComponents", {"video": ["14", 0]}),
        ("16", 98, "CheckpointLoaderSimple", {"ckpt_name": TRACKER_FILE}),
        ("17", 88, "CLIPTextEncode", {"clip": ["16", 1], "text": "person"}),
        ("18", 158, "SAM3_VideoTrack", {
            "images": ["15", 0], "model": ["16", 0], "conditioning": ["17", 0], "detection_threshold": 0.5, "max_objects": 1, "detect_interval": 1,
        }),
        ("19", 57, "SAM3_TrackToMask", {"track_data": ["18", 0], "object_indices": "0"}),
        ("13", 187, "LoadVideo", {"file": VIDEO_FILE}),  # last: it grows with the video
    )  # fmt: skip
    notes = [
        (title, text, x + right if x >= DRAW_X else x, y, width, height)
        for title, text, x, y, width, height in both_notes("Take motion from a video", STEPS_VIDEO, FILES_VIDEO)
    ]
    return Example(nodes, notes, {"17": "What moves in the video"}, tracks=True)


def _tiny() -> Example:
    scene = scenes.draw(0)
    files = [f"flashmotion_tiny_{name}.safetensors" for name in ("generator", "vae", "resnet")]
    nodes = graph(files, f"{scene.name} [temp]", scene.document)  # nodes/carried.py puts it there
    return Example(nodes, both_notes("Two objects follow two boxes", STEPS_TINY, FILES_TINY))


def _best_of_seeds() -> Example:
    """The tiny example in a batch of four, scored; the best clip is saved."""
    nodes = dict(_tiny().nodes)

    def changed(key: str, height: int, **inputs: Any) -> Node:
        kind, x, y, width, _, given = nodes[key]
        return kind, x, y, width, height, {**given, **inputs}

    # The least that the classic editor makes of them once there is a trajectory and a picture.
    drawing, picture = 760, 330
    height = drawing + GAP + picture
    score, text, sampler = 190, 190, 210
    nodes["3"] = changed("3", height - nodes["3"][2])
    nodes["4"] = changed("4", drawing)
    nodes["6"] = changed("6", nodes["6"][4], batch_size=4)
    noted = nodes["7"][2] + sampler + GAP + DECODE + GAP
    nodes |= column(
        MAKE_X, RIGHT, ("7", sampler, *_kind(nodes["7"])), ("8", DECODE, *_kind(nodes["8"])), top=nodes["7"][2]
    )
    nodes |= column(DRAW_X, MIDDLE, ("18", picture, "PreviewImage", {"images": ["17", 4]}), top=height - picture)
    nodes |= column(
        RESULT_X,
        RESULT,
        ("17", score, "TrajectoryScore", {"frames": ["8", 0], "trajectory": ["4", 0]}),
        ("19", text, "PreviewAny", {"source": ["17", 0]}),
        ("9", 100, "CreateVideo", {"images": ["17", 5], "fps": ["4", 8]}),
        ("10", height - score - text - 100 - 3 * GAP, *_kind(nodes["10"])),
    )
    notes: list[Note] = [
        ("Keep the best of four seeds", STEPS_BEST, 0, 0, LEFT, STEPS),
        ("Files", FILES_BEST, MAKE_X, noted, RIGHT, height - noted),
    ]
    titles = {"18": "Asked and found boxes", "19": "Score"}
    return Example(dict(sorted(nodes.items(), key=lambda entry: int(entry[0]))), notes, titles, height=height)


def _kind(node: Node) -> tuple[str, dict[str, Any]]:
    """Class and inputs."""
    return node[0], node[5]
