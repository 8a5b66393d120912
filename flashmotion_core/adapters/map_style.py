"""How the control map that an adapter was trained on looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MAX_THICKNESS = 4096
"""Pixels; no side of a clip is longer."""


@dataclass(frozen=True)
class MapStyle:
    """How the control map that an adapter was trained on looks.

    Attributes:
        mode: ``box`` (outlines after frame 0) or ``mask`` (filled).
        opacity: 0..1 of the palette's full colour; 0.5 is what released adapters know.
        thickness: outline in pixels; None for min(height, width) // 100.
    """

    mode: Literal["box", "mask"] = "box"
    opacity: float = 0.5
    thickness: int | None = None

    def __post_init__(self) -> None:
        if self.mode not in ("box", "mask"):
            raise ValueError(f"the map mode is {self.mode!r}, but must be 'box' or 'mask'.")
        if not 0 < self.opacity <= 1:
            raise ValueError(f"the map opacity is {self.opacity!r}, but must be above 0 and at most 1.")
        if self.thickness is not None and not 1 <= self.thickness <= MAX_THICKNESS:
            raise ValueError(
                f"the map's outline thickness is {self.thickness!r}, but must be at least 1 pixel and at most {MAX_THICKNESS}."
            )
