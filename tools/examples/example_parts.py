"""What an example workflow is: nodes, notes, groups, the files that it names, and what app mode shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .example_texts import (
    SMALL_VAE_FILE,
    URLS,
)

GAP = 40  # between nodes: a title bar and a margin
LEFT, MIDDLE, RIGHT, RESULT = 350, 520, 340, 390  # widths of the columns
TRACK = 300  # of one more between the first two, where a video is tracked
DRAW_X = LEFT + GAP
MAKE_X = DRAW_X + MIDDLE + GAP
RESULT_X = MAKE_X + RIGHT + GAP
FAR_RESULT_X = RESULT_X + RIGHT + GAP  # where a further column stands before it
NARROW = {LEFT: 340, TRACK: 255, MIDDLE: 430, RIGHT: 255, RESULT: 330}  # widths where there are five columns
# Of the columns. A template is fitted to the page, and below 58 % the classic renderer shows no text: on 1440 x 900 pixels this gives 62 %.
HEIGHT = 1020
STEPS, SAVE, DECODE = 212, 375, 70  # heights of the first note, of what shows the video, and of the decoding
SWITCH, SMALL_SAVE = 80, 340  # where a switch chooses the decoder
# Which inputs name files of which folder of ComfyUI's models.
FILE_INPUTS = {
    "generator_name": "diffusion_models",
    "lora_name": "loras",
    "unet_name": "diffusion_models",
    "vae_name": "vae",
    "clip_name": "text_encoders",
    "ckpt_name": "checkpoints",
    "adapter_name": "model_patches",
}
# ComfyUI's Load VAE looks for this name in another folder, where it also serves previews.
OTHER_FOLDERS = {SMALL_VAE_FILE: "vae_approx"}
# What app mode shows, in this order: widgets to fill in, by the class of their node, and whose result.
APP_INPUTS = (
    ("LoadImage", "image"),
    ("LoadVideo", "file"),
    ("DrawTrajectory", "trajectory"),
    ("CLIPTextEncode", "text"),
    ("ApplyMotionGuide", "follow"),
    ("FewStepSampler", "seed"),
    ("PrimitiveBoolean", "value"),
)
APP_OUTPUT = "SaveVideo"
Node = tuple[str, int, int, int, int, dict[str, Any]]  # class, x, y, width, height, inputs
Note = tuple[str, str, int, int, int, int]  # title, Markdown, x, y, width, height
Group = tuple[str, int, int, int, int]  # title, x, y, width, height


@dataclass
class Example:
    """One workflow: nodes by id, and notes.

    Attributes:
        nodes: by id.
        notes: beside them.
        titles: of nodes, where the class's own does not say what it is there for.
        fixed_seed: the seed stays after a run; otherwise the frontend draws another.
        aside: title of a further column before the last one, if there is one.
        tracks: whether there is a column that tracks a video.
        height: of the columns, without the groups' frames.
    """

    nodes: dict[str, Node]
    notes: list[Note]
    titles: dict[str, str] = field(default_factory=dict)
    fixed_seed: bool = False
    aside: str | None = None
    tracks: bool = False
    height: int = HEIGHT

    @property
    def columns(self) -> list[tuple[str, int]]:
        """Title and width of each column."""
        more = [("Track", TRACK)] if self.tracks else []
        beside = [] if self.aside is None else [(self.aside, RIGHT)]
        return [("Choose", LEFT), *more, ("Draw", MIDDLE), ("Make the video", RIGHT), *beside, ("Watch", RESULT)]

    @property
    def taken(self) -> list[int]:
        """How wide each column is in the file: five columns are narrower, so that they open as large as four."""
        widths = [width for _, width in self.columns]
        return [NARROW[width] for width in widths] if len(widths) > 4 else widths

    def placed(self, x: int, width: int) -> tuple[int, int]:
        """Where a node or note of the column at `x` stands in the file, and how wide it is."""
        left = 0
        shown = 0
        for (_, usual), taken in zip(self.columns, self.taken, strict=True):
            if x == left:
                return shown, taken
            left, shown = left + usual + GAP, shown + taken + GAP
        return x, width  # two in one column: only where there are four

    def __post_init__(self) -> None:
        self.nodes = {
            key: (kind, *self._row(x, y, width), height, inputs)
            for key, (kind, x, y, width, height, inputs) in self.nodes.items()
        }
        self.notes = [(title, text, *self._row(x, y, width), height) for title, text, x, y, width, height in self.notes]

    def _row(self, x: int, y: int, width: int) -> tuple[int, int, int]:
        left, taken = self.placed(x, width) if len(self.columns) > 4 else (x, width)
        return left, y, taken

    @property
    def groups(self) -> list[Group]:
        """A frame around each column."""
        groups, x, number = [], 0, 0
        for (title, _), width in zip(self.columns, self.taken, strict=True):
            number += title != self.aside
            shown = title if title == self.aside else f"{number}  {title}"
            groups.append((shown, x - 12, -90, width + 24, self.height + 102))
            x += width + GAP
        return groups

    @property
    def graph(self) -> dict[str, Any]:
        """The nodes as the server takes them."""
        return {name: {"class_type": node[0], "inputs": node[5]} for name, node in self.nodes.items()}

    @property
    def app(self) -> dict[str, Any]:
        """The same workflow as an app, as the frontend reads it (`extra.linearData`): inputs by node and name, and outputs by node."""
        kinds = [(node[0], int(key)) for key, node in self.nodes.items()]
        return {
            "inputs": [[key, name] for wanted, name in APP_INPUTS for kind, key in kinds if kind == wanted],
            "outputs": [str(key) for kind, key in kinds if kind == APP_OUTPUT],
        }

    @property
    def models(self) -> dict[str, list[dict[str, str]]]:
        """What each loader needs, by its id, as the frontend reads it: name and folder, and where the file can be downloaded, if it can."""
        found: dict[str, list[dict[str, str]]] = {}
        for key, (*_, inputs) in self.nodes.items():
            for name, usual in FILE_INPUTS.items():
                if name not in inputs:
                    continue
                file = inputs[name]
                url = {"url": URLS[file]} if file in URLS else {}
                folder = OTHER_FOLDERS.get(file, usual)
                found.setdefault(key, []).append({"name": file, **url, "directory": folder})
        return found
