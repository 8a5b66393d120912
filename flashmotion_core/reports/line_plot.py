"""Small line plots with Pillow, which every host has: figures over frames, for reports and for a node's picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Color = tuple[int, int, int]

COLORS: tuple[Color, ...] = (
    (31, 119, 180),
    (214, 82, 20),
    (44, 140, 60),
    (148, 62, 168),
    (170, 120, 10),
    (20, 150, 160),
    (200, 50, 110),
    (90, 90, 90),
)
"""Distinct on white, dark enough to read."""
INK, GRID, PAPER = (50, 50, 55), (222, 222, 226), (255, 255, 255)
DASH = 7
"""Pixels of a dash."""


@dataclass(frozen=True, eq=False)
class Line:
    """Values over frames, NaN where there is none; its name stands in the legend."""

    name: str
    values_T: NDArray[np.float64]
    color: Color


def line_plot(
    lines: Sequence[Line],
    *,
    size: tuple[int, int] = (720, 300),
    title: str = "",
    across: str = "frame",
    most: float | None = 1.0,
) -> NDArray[np.uint8]:
    """A plot as uint8 RGB [height, width, 3].

    Args:
        lines: all drawn over the numbers 0, 1, ... of their values.
        size: (width, height) in pixels.
        title: above the plot.
        across: the name of the horizontal axis.
        most: the value at the top, 0 being at the bottom; None for the largest one.
    """
    from PIL import Image, ImageDraw

    width, height = size
    picture = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(picture)
    font = _font(max(11, min(16, height // 22)))
    line = _height(draw, font)
    legend = _legend_rows(draw, font, lines, width - 16)
    left, right = 8 + int(draw.textlength("0.00", font=font)) + 6, width - 14
    top, bottom = 14 + (line + 4 if title else 0) + len(legend) * (line + 4), height - 2 * line - 12
    draw.text((8, 6), title, fill=INK, font=font)
    _write_legend(draw, font, legend, 8 + (line + 4 if title else 0), line)
    highest = most if most is not None else _largest(lines)
    count = max((len(entry.values_T) for entry in lines), default=1)
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = bottom - share * (bottom - top)
        draw.line((left, y, right, y), fill=GRID)
        draw.text((left - 6, y), f"{share * highest:.3g}", fill=INK, font=font, anchor="rm")
    for number in _ticks(count):
        x = left + number * (right - left) / max(count - 1, 1)
        draw.text((x, bottom + 4), str(number), fill=INK, font=font, anchor="ma")
    draw.text(((left + right) / 2, height - 4), across, fill=INK, font=font, anchor="ms")
    for order, entry in enumerate(lines):
        points = [
            (left + t * (right - left) / max(count - 1, 1), bottom - min(max(value / highest, 0), 1) * (bottom - top))
            if np.isfinite(value)
            else None
            for t, value in enumerate(entry.values_T.tolist())
        ]
        _draw_line(draw, points, entry.color, dashed=is_dashed(order))
    drawn: NDArray[np.uint8] = np.asarray(picture).copy()
    return drawn


def is_dashed(order: int) -> bool:
    """Every second line is, so that colours are not all that tells lines apart; beyond the last colour the others are."""
    return (order + order // len(COLORS)) % 2 == 1


def _largest(lines: Sequence[Line]) -> float:
    found = [float(np.nanmax(entry.values_T)) for entry in lines if np.isfinite(entry.values_T).any()]
    return max([*found, 1e-9])


def _ticks(count: int) -> list[int]:
    """Up to seven whole numbers from 0 to count - 1."""
    if count < 2:
        return [0]
    step = next(s for s in (1, 2, 4, 5, 8, 10, 16, 20, 25, 50, 100, 200, 500) if (count - 1) / s <= 7)
    return list(range(0, count, step))


def _font(size: int) -> Any:
    from PIL import ImageFont

    try:
        return ImageFont.load_default(size)
    except TypeError:  # Pillow before 10.1
        return ImageFont.load_default()


def _height(draw: Any, font: Any) -> int:
    _left, top, _right, bottom = draw.textbbox((0, 0), "Ag", font=font)
    return int(bottom - top) + 2


def _legend_rows(draw: Any, font: Any, lines: Sequence[Line], width: int) -> list[list[tuple[float, int, Line]]]:
    """The legend's entries with their left edge and number, in as many rows as they need."""
    rows: list[list[tuple[float, int, Line]]] = []
    x = float(width)
    for order, entry in enumerate(lines):
        needed = 30 + draw.textlength(entry.name, font=font) + 16
        if x + needed > width or not rows:
            rows.append([])
            x = 8.0
        rows[-1].append((x, order, entry))
        x += needed
    return rows


def _write_legend(draw: Any, font: Any, rows: list[list[tuple[float, int, Line]]], top: int, line: int) -> None:
    for row, entries in enumerate(rows):
        y = top + row * (line + 4) + line / 2
        for x, order, entry in entries:
            _draw_line(draw, [(x, y), (x + 24, y)], entry.color, dashed=is_dashed(order))
            draw.text((x + 30, y), entry.name, fill=INK, font=font, anchor="lm")


def _draw_line(draw: Any, points: Sequence[tuple[float, float] | None], color: Color, *, dashed: bool) -> None:
    """A line through the points, broken at None; a point alone is a dot."""
    for index, here in enumerate(points):
        if here is None:
            continue
        following = points[index + 1] if index + 1 < len(points) else None
        before = points[index - 1] if index else None
        if following is None:
            if before is None:
                draw.ellipse((here[0] - 2, here[1] - 2, here[0] + 2, here[1] + 2), fill=color)
            continue
        draw.line((*here, *following), fill=color, width=2) if not dashed else _dash(draw, here, following, color)


def _dash(draw: Any, here: tuple[float, float], there: tuple[float, float], color: Color) -> None:
    a, b = np.array(here), np.array(there)
    count = max(int(np.ceil(np.linalg.norm(b - a) / DASH)), 1)
    for number in range(0, count, 2):
        start, end = a + (b - a) * number / count, a + (b - a) * min(number + (1 if count > 1 else 0.6), count) / count
        draw.line((*start.tolist(), *end.tolist()), fill=color, width=2)
