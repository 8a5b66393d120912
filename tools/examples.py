"""The example workflows: graphs in API form, where their nodes stand, and what their notes say. `tools.make_workflows` writes the files.

All share one reading order, left to right: what to do and what to choose, draw, make the video, watch it. ComfyUI opens a template so that
all of it fits the page, so the whole is about as wide as a screen, and the notes are set in headings, the only large type of a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flashmotion_core.guide.guide_levels import FOLLOW, FROM_FOLLOW

from .quickstart import scenes
from .quickstart.readable import readable

GAP = 40  # between nodes: a title bar and a margin
LEFT, MIDDLE, RIGHT, RESULT = 350, 520, 340, 390  # widths of the columns
TRACK = 300  # of one more between the first two, where a video is tracked
DRAW_X = LEFT + GAP
MAKE_X = DRAW_X + MIDDLE + GAP
RESULT_X = MAKE_X + RIGHT + GAP
FAR_RESULT_X = RESULT_X + RIGHT + GAP  # where a further column stands before it
# Of the columns. A template is fitted to the page, and below 58 % the classic renderer shows no text: on 1440 x 900 pixels this gives 62 %.
HEIGHT = 1020
STEPS, SAVE, DECODE = 206, 375, 70  # heights of the first note, of what shows the video, and of the decoding
SWITCH, SMALL_SAVE = 80, 340  # where a switch chooses the decoder
REPOSITORY = "https://github.com/flashmotion/flashmotion"
WAN_21 = "https://huggingface.co/Comfy-Org/Wan_2.1_ComfyUI_repackaged/resolve/main/split_files"
WAN_22 = "https://huggingface.co/Comfy-Org/Wan_2.2_ComfyUI_Repackaged/resolve/main/split_files"
LIGHTX2V = "https://huggingface.co/lightx2v/Autoencoders/resolve/main"
SAM3 = "https://huggingface.co/Comfy-Org/sam3.1/resolve/main/checkpoints"
SDPOSE = "https://huggingface.co/Comfy-Org/SDPose/resolve/main"
KIJAI = "https://huggingface.co/Kijai/WanVideo_comfy/resolve/main"
AUTHORS = "https://huggingface.co/quanhaol/FlashMotion"

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
SMALL_VAE_FILE = "lighttaew2_2.safetensors"
VIDEO_FILE = "video.mp4"  # ComfyUI brings none: everybody chooses another
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
    def groups(self) -> list[Group]:
        """A frame around each column."""
        more = [("Track", TRACK)] if self.tracks else []
        beside = [] if self.aside is None else [(self.aside, RIGHT)]
        columns = [("Choose", LEFT), *more, ("Draw", MIDDLE), ("Make the video", RIGHT), *beside, ("Watch", RESULT)]
        groups, x, number = [], 0, 0
        for title, width in columns:
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


def document(size: tuple[int, int], frames: int, objects: list[dict[str, Any]]) -> str:
    """A trajectory document, readable in a text field."""
    return readable({"version": 1, "size": size, "frames": frames, "fps": 24, "objects": objects})


def _column(x: int, width: int, *nodes: tuple[str, int, str, dict[str, Any]], top: int = 0) -> dict[str, Node]:
    """Nodes below one another, each given as (id, height, class, inputs)."""
    placed = {}
    for name, height, kind, inputs in nodes:
        placed[name] = (kind, x, top, width, height, inputs)
        top += height + GAP
    return placed


def _graph(
    files: Sequence[str],
    image: str,
    trajectory: str,
    prompt: str | None = None,
    detector: str | None = None,
    small_vae: str | None = None,
) -> dict[str, Node]:
    """The nodes of an example, ids in the order of use.

    `files`: generator, VAE, adapter, and the generator's LoRA if it has one; `prompt` None: a generator without text; `small_vae`: what
    decodes while a switch is off.
    """
    generator, vae, adapter, *lora = files
    encoder: dict[str, Any] = {
        "clip_name": TEXT_FILE,
        "type": "wan",
        "device": "default",
    }
    loaders = [
        (
            "1",
            160,
            "LoadFastGenerator",
            {"generator_name": generator, "weight_dtype": "default"} | ({"lora_name": lora[0]} if lora else {}),
        ),
        ("2", 60, "VAELoader", {"vae_name": vae}),
        *([("11", 120, "CLIPLoader", encoder)] if prompt is not None else []),
    ]
    picture = STEPS + GAP + sum(height + GAP for _, height, *_ in loaders)
    drawing = {
        "trajectory": trajectory, "connected_objects": "if nothing is drawn", "width": 0, "height": 0, "length": 0,
        "length_change": "retime", "mask_batch": "one mask per object", "track_size": 0.15, "first_frame_shapes": "boxes",
        "start_image": ["3", 0],
    }  # fmt: skip
    control = {
        "model": ["1", 0], "vae": ["2", 0], "trajectory": ["4", 0], "adapter_name": adapter, "strength": 1.0, "start": 0.0, "end": 1.0,
        "masks": ["4", 2],
    }  # fmt: skip
    size = {"width": ["4", 5], "height": ["4", 6], "length": ["4", 7]}
    sampler = {
        "model": ["5", 0],
        "latent": ["6", 0],
        "seed": 0,
        "preset": "from model",
        "steps": 4,
        "custom_sigmas": "",
    }
    if prompt is not None:
        sampler["positive"] = ["12", 0]
    above: dict[str, Node] = {}
    if detector is not None:
        asked = {"model": ["13", 0], "image": ["3", 0], "threshold": 0.6, "class_name": "all", "max_detections": 4}
        above = {
            "13": ("UNETLoader", DRAW_X, 0, 225, 140, {"unet_name": detector, "weight_dtype": "default"}),
            "14": ("RTDETR_detect", DRAW_X + 235, 0, MIDDLE - 235, 140, asked),
        }
        drawing["boxes"] = ["14", 0]
    top = 140 + GAP if above else 0
    decoding = "VAEDecode", {"samples": ["7", 0], "vae": ["2", 0] if small_vae is None else ["16", 0]}
    making: list[tuple[str, int, str, dict[str, Any]]] = [("8", DECODE, *decoding)]
    watching: list[tuple[str, int, str, dict[str, Any]]] = []
    saved, prompt_height = SAVE, 110
    if small_vae is not None:
        either = {"switch": False, "on_false": ["15", 0], "on_true": ["2", 0]}
        making, watching = (
            [],
            [("15", 60, "VAELoader", {"vae_name": small_vae}), ("16", SWITCH, "ComfySwitchNode", either), *making],
        )
        saved, prompt_height = SMALL_SAVE, 110 + DECODE + GAP
    text = [("12", prompt_height, "CLIPTextEncode", {"clip": ["11", 0], "text": prompt})] if prompt is not None else []
    video = {"video": ["9", 0], "filename_prefix": "video/FlashMotion", "format": "mp4", "codec": "h264"}
    nodes = {
        **_column(0, LEFT, *loaders, ("3", HEIGHT - picture, "LoadImage", {"image": image}), top=STEPS + GAP),
        **above,
        **_column(DRAW_X, MIDDLE, ("4", HEIGHT - top, "DrawTrajectory", drawing), top=top),
        **_column(
            MAKE_X, RIGHT,
            *text,
            ("5", 250, "ApplyFastAdapter", control),
            ("6", 180, "Wan22ImageToVideoLatent", {"vae": ["2", 0], **size, "batch_size": 1, "start_image": ["3", 0]}),
            ("7", 250, "FewStepSampler", sampler),
            *making,
        ),
        **_column(
            RESULT_X, RESULT,
            *watching,
            ("9", 100, "CreateVideo", {"images": ["8", 0], "fps": ["4", 8]}),
            ("10", saved, "SaveVideo", video),
        ),
    }  # fmt: skip
    return dict(sorted(nodes.items(), key=lambda entry: int(entry[0])))


def _guided_graph(image: str, trajectory: str, prompt: str) -> dict[str, Node]:
    """The nodes of the example without an adapter: the guided model in a few steps, and beside it the stock one in more."""
    drawing = {
        "trajectory": trajectory, "connected_objects": "if nothing is drawn", "width": 0, "height": 0, "length": 0,
        "length_change": "retime", "mask_batch": "one mask per object", "track_size": 0.15, "first_frame_shapes": "boxes",
        "start_image": ["3", 0],
    }  # fmt: skip
    lora = {"generator_name": BASE_FILE, "weight_dtype": "default", "lora_name": TURBO_LORA}
    encoder = {"clip_name": TEXT_FILE, "type": "wan", "device": "default"}
    guide = {
        "model": ["15", 0], "vae": ["2", 0], "image": ["3", 0], "trajectory": ["4", 0], "follow": FOLLOW, "hold_object": FROM_FOLLOW,
        "hold_background": FROM_FOLLOW, "masks": ["4", 2],
    }  # fmt: skip
    size = {"width": ["4", 5], "height": ["4", 6], "length": ["4", 7]}
    latent = {"vae": ["2", 0], **size, "batch_size": 1, "start_image": ["3", 0]}
    few = {
        "model": ["5", 0], "latent": ["6", 0], "seed": 0, "preset": "from model", "steps": 4, "custom_sigmas": "", "positive": ["12", 0],
    }  # fmt: skip
    many = {
        "model": ["5", 0], "seed": 0, "steps": 20, "cfg": 5.0, "sampler_name": "uni_pc", "scheduler": "simple", "positive": ["12", 0],
        "negative": ["16", 0], "latent_image": ["6", 0], "denoise": 1.0,
    }  # fmt: skip
    which = {"switch": ["13", 0]}
    loaders = [
        ("1", 160, "LoadFastGenerator", lora),
        ("2", 60, "VAELoader", {"vae_name": VAE_FILE}),
        ("11", 120, "CLIPLoader", encoder),
    ]
    picture = STEPS + GAP + sum(height + GAP for _, height, *_ in loaders)
    nodes = {
        **_column(0, LEFT, *loaders, ("3", HEIGHT - picture, "LoadImage", {"image": image}), top=STEPS + GAP),
        **_column(DRAW_X, MIDDLE, ("4", HEIGHT, "DrawTrajectory", drawing)),
        **_column(
            MAKE_X, RIGHT,
            ("12", 110, "CLIPTextEncode", {"clip": ["11", 0], "text": prompt}),
            ("5", 250, "ApplyMotionGuide", guide),
            ("6", 180, "Wan22ImageToVideoLatent", latent),
            ("7", 250, "FewStepSampler", few),
            ("8", DECODE, "VAEDecode", {"samples": ["18", 0], "vae": ["2", 0]}),
        ),
        **_column(
            RESULT_X, RIGHT,
            ("13", 60, "PrimitiveBoolean", {"value": False}),
            ("14", 160, "LoadFastGenerator", {"generator_name": BASE_FILE, "weight_dtype": "default"}),
            ("15", SWITCH, "ComfySwitchNode", {**which, "on_false": ["1", 0], "on_true": ["14", 0]}),
            ("16", 110, "CLIPTextEncode", {"clip": ["11", 0], "text": NEGATIVE}),
            ("17", 270, "KSampler", many),
            ("18", SWITCH, "ComfySwitchNode", {**which, "on_false": ["7", 0], "on_true": ["17", 0]}),
        ),
        **_column(
            FAR_RESULT_X, RESULT,
            ("9", 100, "CreateVideo", {"images": ["8", 0], "fps": ["4", 8]}),
            ("10", SAVE, "SaveVideo", {"video": ["9", 0], "filename_prefix": "video/FlashMotion", "format": "mp4", "codec": "h264"}),
        ),
    }  # fmt: skip
    return dict(sorted(nodes.items(), key=lambda entry: int(entry[0])))


def _notes(title: str, steps: str, files: str, *, switch: bool = False, x: int = RESULT_X) -> list[Note]:
    """What to do, above the loaders; where files come from, below the result."""
    below = 100 + SAVE + 2 * GAP if not switch else 60 + SWITCH + DECODE + 100 + SMALL_SAVE + 5 * GAP
    return [(title, steps, 0, 0, LEFT, STEPS), ("Files", files, x, below, RESULT, HEIGHT - below)]


# The English of Wan's own, in short.
NEGATIVE = (
    "overexposed, static, blurred details, subtitles, worst quality, low quality, jpeg artifacts, ugly, deformed, extra fingers, poorly "
    "drawn hands, poorly drawn face, fused fingers, three legs, walking backwards"
)
VAE_FILE, TEXT_FILE = "wan2.2_vae.safetensors", "umt5_xxl_fp8_e4m3fn_scaled.safetensors"
BASE_FILE, TURBO_LORA = "wan2.2_ti2v_5B_fp16.safetensors", "Wan22_TI2V_5B_Turbo_lora_rank_64_fp16.safetensors"
ADAPTER_FILE = "flashmotion_resnet.safetensors"
TURBO_FILES = (BASE_FILE, VAE_FILE, ADAPTER_FILE, TURBO_LORA)
DETECTOR_FILE, TRACKER_FILE = "rt_detr_v4-x-hgnet_fp16.safetensors", "sam3.1_multiplex_fp16.safetensors"
# Where a file can be downloaded. ComfyUI offers that for pages of Hugging Face and Civitai only, so a file elsewhere has a note instead.
URLS = {
    BASE_FILE: f"{WAN_22}/diffusion_models/{BASE_FILE}",
    TURBO_LORA: f"{KIJAI}/LoRAs/Wan22-Turbo/{TURBO_LORA}",
    VAE_FILE: f"{WAN_22}/vae/{VAE_FILE}",
    TEXT_FILE: f"{WAN_21}/text_encoders/{TEXT_FILE}",
    SMALL_VAE_FILE: f"{LIGHTX2V}/{SMALL_VAE_FILE}",
    DETECTOR_FILE: f"{SDPOSE}/diffusion_models/{DETECTOR_FILE}",
    TRACKER_FILE: f"{SAM3}/{TRACKER_FILE}",
}
FILES_WAN = f"""## diffusion_models: [{BASE_FILE}]({URLS[BASE_FILE]}), 10 GB, Apache-2.0.
## loras: [{TURBO_LORA}]({URLS[TURBO_LORA]}), 0.3 GB, makes it a four-step generator. CC BY-NC-SA 4.0: no commercial use. For others, see [Models]({REPOSITORY}#models).
## model_patches: no public {ADAPTER_FILE} exists. [Train one]({REPOSITORY}/blob/main/docs/training.md), or try [the authors']({AUTHORS}), which nobody has tried here. Without one, bypass Apply Fast Adapter (Ctrl+B): the video then ignores the boxes.
## vae: [{VAE_FILE}]({URLS[VAE_FILE]})
## text_encoders: [{TEXT_FILE}]({URLS[TEXT_FILE]})"""
FILES_GUIDED = f"""## diffusion_models: [{BASE_FILE}]({URLS[BASE_FILE]}), 10 GB, Apache-2.0.
## loras: [{TURBO_LORA}]({URLS[TURBO_LORA]}), 0.3 GB, makes it a four-step generator. CC BY-NC-SA 4.0: no commercial use. With *Stock model* on it is not used.
## vae: [{VAE_FILE}]({URLS[VAE_FILE]}), Apache-2.0.
## text_encoders: [{TEXT_FILE}]({URLS[TEXT_FILE]}), Apache-2.0."""
FILES_DETECTOR = f"""{FILES_WAN}
## diffusion_models: [{DETECTOR_FILE}]({URLS[DETECTOR_FILE]}), the detector. It needs ComfyUI 0.30 or newer."""
FILES_VIDEO = f"""## Those of flashmotion_plus_adapter, whose note says where they come from, and:
## checkpoints: [{TRACKER_FILE}]({URLS[TRACKER_FILE]}), the tracker, under Meta's SAM licence. It needs ComfyUI 0.30 or newer. Without a GPU, the editor's own *Take motion from a video* (menu Motion) needs no model."""
FILES_FAST = f"""## Those of flashmotion_plus_adapter, whose note says where they come from, and:
## vae_approx: [{SMALL_VAE_FILE}]({URLS[SMALL_VAE_FILE]}), Apache-2.0, the small decoder. ComfyUI shows taew2_2 in wrong colours."""
FILES_TINY = f"""## There is nothing to put in place: FlashMotion brings these models, and Load Image finds the picture among ComfyUI's temporary files.
## If a model is missing from its list, the archive was unpacked in part: install FlashMotion again.
## To make another video, choose another picture in Load Image and draw its boxes.
## The models know drawn scenes like this one, of 128 x 128 pixels and 17 frames, and nothing else. For photographs, see flashmotion_no_adapter and [the README]({REPOSITORY}#models)."""
STEPS_5B = """# 1. Put the files in place (see Files).
# 2. Choose a picture. Write a prompt.
# 3. Drag the box. At another frame, drag it to where it should be.
# 4. Run: 121 frames in four steps."""
STEPS_GUIDED = """# 1. Put the files in place (see Files).
# 2. Choose a picture. Write a prompt.
# 3. Drag the box. At the last frame, drag it elsewhere.
# 4. Run. Too loose? Raise *follow*."""
STEPS_FAST = """# 1. Draw. Run: a quick look, by a small decoder.
# 2. Another take? Change the seed.
# 3. Switch on, run again: the same clip by the full VAE."""
STEPS_DETECTOR = """# 1. Put the files in place (see Files).
# 2. Choose a photograph. Run: what is found stays where it is.
# 3. To move it, choose Use connected objects as keyframes in the ... menu."""
STEPS_BEST = """# 1. Run: four clips, each of other noise.
# 2. The best one plays; the score says which and why.
# 3. Draw, and run again."""
FILES_BEST = """## There is nothing to put in place.
## Four clips take four times the memory: batch_size."""
STEPS_VIDEO = """# 1. Put the files in place (see Files).
# 2. Choose a picture, and a video.
# 3. Say what moves in the video, as in "dog".
# 4. Run: the object in your picture takes that way."""
STEPS_TINY = """# 1. Run. A CPU is enough.
# 2. At the last frame, drag the boxes elsewhere.
# 3. Run again: the objects follow."""


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
    notes = _notes("Move an object without an adapter", STEPS_GUIDED, FILES_GUIDED, x=FAR_RESULT_X)
    return Example(_guided_graph("example.png", walk, prompt), notes, titles, aside="Or: stock model")


def _full() -> Example:
    return Example(
        _graph(TURBO_FILES, "example.png", *_girl()),
        _notes("Make an object follow a path", STEPS_5B, FILES_WAN),
    )


def _fast() -> Example:
    return Example(
        _graph(TURBO_FILES, "example.png", *_girl(), small_vae=SMALL_VAE_FILE),
        _notes("A quick look first", STEPS_FAST, FILES_FAST, switch=True),
        {"15": "Small decoder", "16": "Full VAE"},
        fixed_seed=True,
    )


def _detector() -> Example:
    empty = document((1280, 704), 121, [])
    nodes = _graph(TURBO_FILES, "example.png", empty, "The girl in the pink dress waves.", DETECTOR_FILE)
    return Example(nodes, _notes("Take boxes from a detector", STEPS_DETECTOR, FILES_DETECTOR))


def _video_motion() -> Example:
    made = _graph(TURBO_FILES, "example.png", document((1280, 704), 121, []), "The girl in the pink dress walks along.")
    right = TRACK + GAP  # for what stands behind the column that tracks
    nodes = {
        key: (kind, x + right if x >= DRAW_X else x, y, width, height, inputs)
        for key, (kind, x, y, width, height, inputs) in made.items()
    }
    nodes["4"][5].update({"masks": ["19", 0], "mask_batch": "one mask per frame"})
    nodes |= _column(
        DRAW_X, TRACK,
        ("13", 187, "LoadVideo", {"file": VIDEO_FILE}),
        ("14", 106, "Video Slice", {"video": ["13", 0], "start_time": 0.0, "duration": 5.0, "strict_duration": False}),
        ("15", 86, "GetVideoComponents", {"video": ["14", 0]}),
        ("16", 98, "CheckpointLoaderSimple", {"ckpt_name": TRACKER_FILE}),
        ("17", 88, "CLIPTextEncode", {"clip": ["16", 1], "text": "person"}),
        ("18", 158, "SAM3_VideoTrack", {
            "images": ["15", 0], "model": ["16", 0], "conditioning": ["17", 0], "detection_threshold": 0.5, "max_objects": 1, "detect_interval": 1,
        }),
        ("19", 57, "SAM3_TrackToMask", {"track_data": ["18", 0], "object_indices": "0"}),
    )  # fmt: skip
    notes = [
        (title, text, x + right if x >= DRAW_X else x, y, width, height)
        for title, text, x, y, width, height in _notes("Take motion from a video", STEPS_VIDEO, FILES_VIDEO)
    ]
    return Example(nodes, notes, {"17": "What moves in the video"}, tracks=True)


def _tiny() -> Example:
    scene = scenes.draw(0)
    files = [f"flashmotion_tiny_{name}.safetensors" for name in ("generator", "vae", "resnet")]
    nodes = _graph(files, f"{scene.name} [temp]", scene.document)  # nodes/carried.py puts it there
    return Example(nodes, _notes("Two objects follow two boxes", STEPS_TINY, FILES_TINY))


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
    nodes |= _column(
        MAKE_X, RIGHT, ("7", sampler, *_kind(nodes["7"])), ("8", DECODE, *_kind(nodes["8"])), top=nodes["7"][2]
    )
    nodes |= _column(DRAW_X, MIDDLE, ("18", picture, "PreviewImage", {"images": ["17", 4]}), top=height - picture)
    nodes |= _column(
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
