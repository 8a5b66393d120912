"""The quickstart's start pictures: numbered scenes of the synthetic world that the tiny models were trained on.

Runs inside the environment. Scenes have a seed of their own that neither training nor evaluation uses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from PIL import Image

from flashmotion_core import trajectory
from train.world.difficulty import PRESETS
from train.world.synthetic import Clip, clip

from .overlay import COLOURS
from .readable import readable

SIZE, FRAMES, FPS = (128, 128), 17, 12.0
WORLD = replace(PRESETS["simple"], sprites=(2, 2))
SEED = 2026
# Scenes 0, 1 and 2 were picked: their colours are clear, both objects move far, and they come out better than most. The rest are not picked.
PICKED = (40, 64, 27)


@dataclass(frozen=True, eq=False)
class Scene:
    """A scene of the world. `clip`: the true video, sprites and boxes. `document`: their motion as an artist would draw it."""

    number: int
    clip: Clip
    document: str

    @property
    def name(self) -> str:
        """File name of the start picture."""
        return picture_name(self.number)

    @property
    def objects(self) -> str:
        """What the picture shows, in words."""
        names = (sprite.name for sprite in self.clip.sprites)
        return " and ".join(f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in names)

    def picture(self) -> Image.Image:
        """The start picture, RGB."""
        return Image.fromarray(self.clip.frames_THWC[0])


def picture_name(number: int) -> str:
    """File name of a scene's start picture."""
    return f"flashmotion_scene_{number}.png"


def draw(number: int) -> Scene:
    """Scene `number`, 0 to 2**32 - 1; the same on every machine."""
    index = PICKED[number] if number < len(PICKED) else number
    drawn = clip(SEED, index, WORLD, SIZE, FRAMES)
    return Scene(number, drawn, readable(trajectory.to_mapping(_motion(drawn))))


def _motion(drawn: Clip) -> trajectory.Trajectory:
    """The keyframes that move the sprites, with labels. Rounded to be short: 1/10000 of the frame is far below a pixel."""
    objects = tuple(
        replace(
            tracked,
            label=sprite.name,
            color="#{:02x}{:02x}{:02x}".format(*colour),
            keyframes=tuple(
                replace(key, **{name: round(getattr(key, name), 4) for name in ("x", "y", "w", "h")})
                for key in tracked.keyframes
            ),
        )
        for tracked, sprite, colour in zip(drawn.motion.objects, drawn.sprites, COLOURS, strict=False)
    )
    return replace(drawn.motion, fps=FPS, objects=objects)
