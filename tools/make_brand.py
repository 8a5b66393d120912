"""Draw the icon and the banner of the ComfyUI registry into assets/brand: `python -m tools.make_brand` inside the test environment.

The drawings are SVG text that only this file writes. Their PNGs, which pyproject.toml's [tool.comfy] names, are made of them in Chromium and
carry the SVG's digest, so that a test sees when one was forgotten.
"""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Iterable
from pathlib import Path

from .terminal import options_of

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "brand"
DIGEST = "svg-sha256"  # the PNG's text field
ICON = (400, 400)  # the registry's limit
BANNER = (1260, 540)  # 21:9

SKY, SUN, FAR, NEAR = "#5456f0", "#8083fc", "#3b37b8", "#25227a"
BOX, PATH, BALL, INK = "#ffffff", "#ffe14d", "#ff5c4d", "#17154a"

Point = tuple[float, float]


def icon() -> str:
    """A photograph, a box on a ball, its path with keyframes, and the ghost of the box at the path's end."""
    start, end, control = (118.0, 282.0), (288.0, 114.0), ((372.0, 300.0), (128.0, 118.0))
    body = [
        _photograph(
            ICON, "M0 216Q70 150 168 214T400 196V400H0Z", "M0 300Q110 244 222 304T400 284V400H0Z", (108, 108, 48)
        ),
        _ghost(end, 128, 0.5),
        _trail(start, control, end, 18),
        _target(start, 144),
        *(_diamond(point, 25) for point in (start, _on_curve(start, control, end, 0.52), end)),
    ]
    return _svg(ICON, body, corner=84)


def banner() -> str:
    """The same scene, wide, below the name."""
    start, end, control = (196.0, 388.0), (1080.0, 194.0), ((720.0, 470.0), (700.0, 300.0))
    far = "M0 330Q150 250 330 322T700 300T1010 300T1260 262V540H0Z"
    near = "M0 430Q210 350 420 424T830 420T1260 392V540H0Z"
    middle = _on_curve(start, control, end, 0.5)
    body = [
        _photograph(BANNER, far, near, (470, 316, 66)),
        _name((100.0, 176.0), 0.6),
        _ghost(middle, 132, 0.22),
        _ghost(end, 148, 0.5),
        _trail(start, control, end, 20),
        _target(start, 164),
        *(_diamond(_on_curve(start, control, end, part), 27) for part in (0, 0.28, 0.5, 0.74, 1)),
    ]
    return _svg(BANNER, body, corner=0)


# The name as strokes of one width, so that no font is needed: (centre lines, width), baseline at 0, x-height 96, capitals 150. A keyframe
# dots the i.
ARCH = "M0 0V-96M0 -50C0 -78 18 -96 42 -96C66 -96 82 -78 82 -50V0"
LETTERS = {
    "F": ("M0 0V-150H86M0 -78H70", 86),
    "l": ("M0 0V-150", 0),
    "a": ("M92 -48A46 48 0 1 0 0 -48A46 48 0 1 0 92 -48M92 0V-96", 92),
    "s": ("M66 -76C58 -90 48 -96 34 -96C16 -96 4 -86 4 -72C4 -40 70 -58 70 -26C70 -10 56 0 36 0C18 0 6 -8 0 -22", 70),
    "h": ("M0 0V-150" + ARCH.removeprefix("M0 0V-96"), 82),
    "M": ("M0 0V-150L68 -54L136 -150V0", 136),
    "o": ("M96 -48A48 48 0 1 0 0 -48A48 48 0 1 0 96 -48", 96),
    "t": ("M20 -138V-34C20 -12 32 0 52 0H60M0 -96H56", 60),
    "i": ("M0 0V-96", 0),
    "n": (ARCH, 82),
}
STROKE, GAP = 26, 56
NARROWER = {"Fl": 14, "ot": 22, "ti": 12}  # pairs of letters that would stand too far apart


def _name(origin: Point, scale: float) -> str:
    word, x, strokes, dots = "FlashMotion", 0.0, [], []
    for letter, following in zip(word, word[1:] + " ", strict=True):
        lines, width = LETTERS[letter]
        strokes.append(f'<path d="{lines}" transform="translate({_n(x)})"/>')
        dots += [_diamond((x, -142.0), 24)] if letter == "i" else []
        x += width + GAP - NARROWER.get(letter + following, 0)
    style = f'fill="none" stroke="{BOX}" stroke-width="{STROKE}" stroke-linecap="round" stroke-linejoin="round"'
    place = f'transform="translate({_n(origin[0])} {_n(origin[1])}) scale({_n(scale)})"'
    return f"<g {place}><g {style}>" + "".join(strokes) + "</g>" + "".join(dots) + "</g>"


def _photograph(size: tuple[int, int], far: str, near: str, sun: tuple[float, float, float]) -> str:
    width, height = size
    x, y, radius = sun
    return (
        f'<path d="M0 0H{width}V{height}H0Z" fill="{SKY}"/><circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" fill="{SUN}"/>'
        f'<path d="{far}" fill="{FAR}"/><path d="{near}" fill="{NEAR}"/>'
    )


def _target(middle: Point, side: float) -> str:
    """The ball in its box."""
    return _ball(middle, side * 0.34, 1.0) + _square(middle, side, f'stroke="{BOX}" stroke-width="{_n(side * 0.13)}"')


def _ghost(middle: Point, side: float, opacity: float) -> str:
    """Where ball and box will be."""
    square = _square(middle, side, f'stroke="{BOX}" stroke-width="{_n(side * 0.11)}"')
    return f'<g opacity="{_n(opacity)}">{_ball(middle, side * 0.34, 1.0)}{square}</g>'


def _ball(middle: Point, radius: float, opacity: float) -> str:
    return f'<circle cx="{_n(middle[0])}" cy="{_n(middle[1])}" r="{_n(radius)}" fill="{BALL}" opacity="{_n(opacity)}"/>'


def _square(middle: Point, side: float, stroke: str) -> str:
    x, y = middle[0] - side / 2, middle[1] - side / 2
    return f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(side)}" height="{_n(side)}" rx="{_n(side * 0.08)}" fill="none" {stroke}/>'


def _trail(start: Point, control: tuple[Point, Point], end: Point, width: float) -> str:
    points = " ".join(f"{_n(x)} {_n(y)}" for x, y in (*control, end))
    line = f'd="M{_n(start[0])} {_n(start[1])}C{points}" fill="none" stroke-linecap="round"'
    return f'<path {line} stroke="{INK}" stroke-width="{_n(width * 1.9)}"/><path {line} stroke="{PATH}" stroke-width="{_n(width)}"/>'


def _diamond(middle: Point, radius: float) -> str:
    x, y = middle
    corners = ((x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y))
    points = " ".join(f"{_n(a)},{_n(b)}" for a, b in corners)
    return f'<polygon points="{points}" fill="{PATH}" stroke="{INK}" stroke-width="{_n(radius * 0.4)}" stroke-linejoin="round"/>'


def _on_curve(start: Point, control: tuple[Point, Point], end: Point, fraction: float) -> Point:
    """The point of a cubic Bezier curve."""
    t, u = fraction, 1 - fraction
    weights = (u**3, 3 * u * u * t, 3 * u * t * t, t**3)
    points = (start, *control, end)
    return (
        sum(weight * point[0] for weight, point in zip(weights, points, strict=True)),
        sum(weight * point[1] for weight, point in zip(weights, points, strict=True)),
    )


def _svg(size: tuple[int, int], body: Iterable[str], corner: int) -> str:
    width, height = size
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
        f'<clipPath id="card"><rect width="{width}" height="{height}" rx="{corner}"/></clipPath>\n<g clip-path="url(#card)">\n'
        + "\n".join(body)
        + "\n</g>\n</svg>\n"
    )


def _n(number: float) -> str:
    """A number as SVG writes it: two decimals at most, no trailing zeros."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


DRAWINGS = {"icon": (icon, ICON), "banner": (banner, BANNER)}


def digest(svg: str) -> str:
    """The name of a drawing's content, which its PNG carries."""
    return hashlib.sha256(svg.encode()).hexdigest()


def main() -> int:
    """Write both drawings, and their PNGs with few colours."""
    from PIL import Image, PngImagePlugin
    from playwright.sync_api import sync_playwright

    from .comfy.frontend import BROWSER_ARGUMENTS
    from .setup import browser, environment

    options_of("tools.make_brand", __doc__).parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    program = browser.ensure(Path(sys.executable), environment.home())
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(program), args=list(BROWSER_ARGUMENTS))
        for name, (draw, (width, height)) in DRAWINGS.items():
            svg = draw()
            (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8", newline="\n")
            page = chromium.new_page(viewport={"width": width, "height": height})
            page.set_content(f"<style>body {{ margin: 0 }}</style>{svg}")
            picture = Image.open(io.BytesIO(page.screenshot(omit_background=True))).convert("RGBA")
            origin = PngImagePlugin.PngInfo()
            origin.add_text(DIGEST, digest(svg))
            # 256 of its colours, transparent ones included: a quarter of the bytes, and nothing that one sees.
            picture.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
                FOLDER / f"{name}.png", optimize=True, pnginfo=origin
            )
            page.close()
        chromium.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
