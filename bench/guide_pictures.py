"""Pictures of where the motion guide fails, and of a photograph through the tiny codec: WebP files in docs/tiny.

    python bench/guide_pictures.py [--out docs/tiny]                                                  (needs the extra [train])

Three scenes drawn for it, as no clip of the synthetic world shows them so plainly: a figure whose legs walk, a bar that turns, and a disc that
leaves what it covered. Each has the real clip, copy and paste, the guide and the adapter, in four steps of the tiny FastGenerator, which knows
none of the three. The photograph (SpaceX, public domain, from scikit-image) goes through the codec alone: no generator saw it.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.tiny_clips import FAST, Recipe, make_clip, through_codec
from flashmotion_core.files.whole_file import write_whole
from flashmotion_core.guide.guide_clip import GuideClip
from flashmotion_core.reports.contact_sheets import contact_sheet
from flashmotion_core.trajectory import Sampled, render
from flashmotion_core.video.frames import Frames
from train.world.backgrounds import draw_background
from train.world.draws import Draws
from train.world.sprites import COLORS, DARK

Box = tuple[float, float, float, float]

SIZE, FRAMES = (128, 128), 17
FINER = 4
"""Pixels that are drawn along each side of one."""
SHOWN = (0, 5, 10, 16)
MARGIN, QUALITY = 110, 82
ROWS = {
    "guide,\nfollow 0.75": Recipe(FAST, follow=0.75),
    "guide,\nfollow 0.5": Recipe(FAST, follow=0.5),
    "adapter": Recipe(FAST, "flashmotion_tiny_resnet"),
}


@dataclass(frozen=True, eq=False)
class DrawnScene:
    """A real clip [T, H, W, 3], what an artist would ask for, and frame 0's mask [1, H, W]."""

    frames_THWC: Frames
    asked: Sampled
    mask_NHW: NDArray[np.bool_]


def limbs() -> DrawnScene:
    """A figure that walks from left to right; its box keeps its size."""
    return _scene(
        _ground(3), lambda draw, share: _walker(draw, 36 + 56 * share, 0.2 + 2.5 * share), (12.0, 22.0, 48.0, 84.0), 56
    )


def turning() -> DrawnScene:
    """A bar with a red and a blue half, which makes half a turn; its box encloses all of them."""

    def bar(draw: Any, share: float) -> None:
        x, y = 38 + 52 * share, 64.0
        across, down = 24 * math.cos(math.pi * share), 24 * math.sin(math.pi * share)
        _limb(draw, ((x - across, y - down), (x + across, y + down)), 17, DARK)
        _limb(draw, ((x - across, y - down), (x, y)), 13, COLORS["red"])
        _limb(draw, ((x, y), (x + across, y + down)), 13, COLORS["blue"])

    return _scene(_ground(5), bar, (6.0, 32.0, 64.0, 64.0), 52)


def uncovering() -> DrawnScene:
    """A disc that lay over a white cross, of which frame 0 shows nothing."""
    ground = _ground(11)
    behind = ImageDraw.Draw(ground)
    for line in (((24, 64), (52, 64)), ((38, 50), (38, 78))):
        _limb(behind, line, 7, COLORS["white"])
    return _scene(ground, lambda draw, share: _disc(draw, 38 + 54 * share, 64, 23), (15.0, 41.0, 46.0, 46.0), 54)


def _ground(seed: int) -> Image.Image:
    """A background of the world, at the finer size."""
    scene = draw_background(Draws(seed), SIZE[1], SIZE[0], min(SIZE), 0.0)
    return Image.fromarray(scene).resize((SIZE[0] * FINER, SIZE[1] * FINER), Image.Resampling.BICUBIC)


def _scene(ground: Image.Image, paint: Any, start: Box, travel: float) -> DrawnScene:
    """Paint something over the ground at shares 0..1 of the clip; its box travels to the right."""
    shares = np.linspace(0, 1, FRAMES)
    frames = []
    for share in shares.tolist():
        painted = ground.copy()
        paint(ImageDraw.Draw(painted), share)
        frames.append(np.asarray(painted.resize(SIZE, Image.Resampling.BOX)))
    alone = Image.new("L", ground.size)
    paint(_Mask(ImageDraw.Draw(alone)), 0.0)
    boxes_TN4 = np.array(start) + shares[:, None, None] * np.array([travel, 0, 0, 0])
    mask_HW = np.asarray(alone.resize(SIZE, Image.Resampling.BOX)) > 127
    return DrawnScene(np.stack(frames), Sampled(boxes_TN4, np.ones((FRAMES, 1), dtype=bool), SIZE), mask_HW[None])


class _Mask:
    """Draws everything in white."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw

    def line(self, points: Any, fill: Any, width: int) -> None:
        del fill
        self._draw.line(points, fill=255, width=width)

    def ellipse(self, box: Any, fill: Any) -> None:
        del fill
        self._draw.ellipse(box, fill=255)


def _walker(draw: Any, x: float, phase: float) -> None:
    """A figure with its hip at x; `phase` counts its double steps."""
    hip, shoulder = (x, 66.0), (x, 46.0)
    for side, leg, arm in ((math.pi, "violet", "orange"), (0.0, "blue", "yellow")):
        swing = 0.6 * math.sin(2 * math.pi * phase + side)
        bend = 0.5 * max(0.0, math.cos(2 * math.pi * phase + side))
        knee = (hip[0] + 18 * math.sin(swing), hip[1] + 18 * math.cos(swing))
        foot = (knee[0] + 16 * math.sin(swing - bend), knee[1] + 16 * math.cos(swing - bend))
        hand = (shoulder[0] - 22 * math.sin(swing), shoulder[1] + 22 * math.cos(swing))
        _limb(draw, (hip, knee, foot), 10, COLORS[leg])
        if not side:
            _limb(draw, (shoulder, hip), 17, COLORS["red"])
        _limb(draw, (shoulder, hand), 8, COLORS[arm])
    _disc(draw, x, 32, 9, COLORS["brown"])


def _limb(draw: Any, points: Sequence[tuple[float, float]], width: float, color: tuple[int, int, int]) -> None:
    """A bent line with round ends."""
    draw.line([(x * FINER, y * FINER) for x, y in points], fill=color, width=round(width * FINER))
    for x, y in points:
        _disc(draw, x, y, width / 2, color)


def _disc(draw: Any, x: float, y: float, radius: float, color: tuple[int, int, int] = COLORS["green"]) -> None:
    draw.ellipse([(side + sign * radius) * FINER for sign in (-1, 1) for side in (x, y)], fill=color)


def rows(scene: DrawnScene) -> dict[str, Frames]:
    """The scene as it is, pasted, and as the tiny models make it."""
    first_HWC = scene.frames_THWC[0]
    found = {"real": scene.frames_THWC, "copy and\npaste": GuideClip(first_HWC, scene.asked, scene.mask_NHW).all()}
    for name, recipe in ROWS.items():
        made = make_clip(
            recipe,
            first_HWC,
            scene.asked,
            lambda style: render(scene.asked, mode=style.mode, opacity=style.opacity, thickness=style.thickness),
            masks_NHW=scene.mask_NHW,
        )
        found[name] = made.frames_THWC
    return found


def photograph() -> dict[str, Frames]:
    """A rocket that copy and paste lifts off, and the same through the codec, which was trained on other photographs."""
    from skimage import data

    launch = Image.fromarray(data.rocket()).crop((110, 7, 530, 427)).resize((256, 256), Image.Resampling.LANCZOS)
    boxes_TN4 = np.array([116.0, 68.0, 26.0, 180.0]) - np.linspace(0, 1, FRAMES)[:, None, None] * np.array(
        [0, 90, 0, 0]
    )
    asked = Sampled(boxes_TN4, np.ones((FRAMES, 1), dtype=bool), launch.size)
    pasted = GuideClip(np.asarray(launch), asked).all()
    return {"copy and\npaste": pasted, "through\nthe codec": through_codec(pasted)}


def sheet(shown: dict[str, Frames], frames: Sequence[int]) -> Image.Image:
    """One line for each row, with its name."""
    pictures = Image.fromarray(contact_sheet([list(clip[list(frames)]) for clip in shown.values()]))
    named = Image.new("RGB", (pictures.width + MARGIN, pictures.height), (235, 235, 235))
    named.paste(pictures, (MARGIN, 0))
    draw, font = ImageDraw.Draw(named), ImageFont.load_default(size=14)
    for number, name in enumerate(shown):
        middle = (number + 0.5) * pictures.height / len(shown)
        draw.multiline_text((8, middle), name, fill=(20, 20, 20), font=font, anchor="lm")
    return named


def main() -> int:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "docs/tiny", help="folder")
    out = parser.parse_args().out
    made = {f"guide_{scene.__name__}": sheet(rows(scene()), SHOWN) for scene in (limbs, turning, uncovering)}
    made["codec_photograph"] = sheet(photograph(), (0, 8, 16))
    for name, drawn in made.items():
        file = out / f"{name}.webp"
        write_whole(file, partial(drawn.save, format="WEBP", quality=QUALITY, method=6))
        print(f"{file}: {file.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
