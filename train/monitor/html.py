"""A page about a run: one HTML file that needs nothing beside it, except for large videos."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TypeAlias

from flashmotion_core.whole_file import write_whole

from ..errors import TrainError

LARGEST_INLINE_VIDEO = 3_000_000
PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
VIDEOS = {".mp4": "video/mp4"}

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2126; --soft: #59636e; --line: #d5dbe1; --shade: #f4f6f8; --best: #0b6b3a }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14181c; --ink: #e4e8ec; --soft: #9aa5b1; --line: #323a43; --shade: #1d2329; --best: #6fd39b }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 64rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 1rem }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 0 0 .6rem }
nav ul { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; list-style: none; margin: 0; padding: 0 }
a { color: inherit; text-underline-offset: .2em }
section { margin-top: 2.2rem }
section.follows { margin-top: 1.2rem }
p { margin: 0 0 .8rem; max-width: 44rem; white-space: pre-line }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .45rem .8rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); overflow-wrap: normal }
thead th { border-top: 0; background: var(--shade); font-size: .9rem }
tbody th { font-weight: 500 }
.number { text-align: right; white-space: nowrap }
td strong { color: var(--best) }
figure { margin: 0 }
img, video { display: block; max-width: 100%; height: auto; border: 1px solid var(--line); border-radius: .4rem; background: #fff }
video { background: #000 }
figcaption { margin-top: .4rem; color: var(--soft); font-size: .9rem }
"""


@dataclass(frozen=True, kw_only=True)
class Text:
    """Paragraphs, an empty line between them. An empty title goes on with the section before."""

    title: str = ""
    text: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table; the first cell of each row is its name. Cells may be text, numbers, or None where there is nothing to say.

    In columns named in ``lowest`` or ``highest`` the best number is bold.
    """

    title: str = ""
    headers: Sequence[str]
    rows: Sequence[Sequence[str | float | None]]
    lowest: Sequence[str] = ()
    highest: Sequence[str] = ()

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.headers) for row in self.rows), f"{self.title}: rows as long as the headers"
        assert {*self.lowest, *self.highest} <= set(self.headers), f"{self.title}: no such column"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A PNG, JPEG or WebP file, put into the page."""

    title: str = ""
    file: Path
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Video:
    """An MP4 file: in the page up to 3 MB, otherwise copied beside it."""

    title: str = ""
    file: Path
    caption: str = ""


Section: TypeAlias = Text | Table | Picture | Video


def write_report(folder: Path, title: str, sections: Sequence[Section]) -> Path:
    """Write ``folder/index.html`` and return its path.

    Raises:
        TrainError: a picture or video is not there or of another kind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Copied videos are numbered by their section, so that two of the same name do not meet.
    body = "\n".join(_section(section, number, folder) for number, section in enumerate(sections, start=1))
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
{_contents(sections)}
</header>
<main>
{body}
</main>
</body>
</html>
"""
    path = folder / "index.html"
    write_whole(path, page)
    return path


def _contents(sections: Sequence[Section]) -> str:
    entries = [
        f'<li><a href="#section-{number}">{escape(section.title)}</a></li>'
        for number, section in enumerate(sections, start=1)
        if section.title
    ]
    return f'<nav aria-label="Contents"><ul>{"".join(entries)}</ul></nav>' if len(entries) > 2 else ""


def _section(section: Section, number: int, folder: Path) -> str:
    heading = f"<h2>{escape(section.title)}</h2>\n" if section.title else ""
    if isinstance(section, Text):
        inside = "\n".join(f"<p>{escape(part.strip())}</p>" for part in section.text.split("\n\n") if part.strip())
    elif isinstance(section, Table):
        inside = _table(section)
    else:
        inside = _figure(section, number, folder)
    kind = "" if section.title else ' class="follows"'
    return f'<section id="section-{number}"{kind}>\n{heading}{inside}\n</section>'


def _cell(value: str | float | None) -> str:
    if value is None:
        return "&ndash;"
    return (
        escape(value) if isinstance(value, str) else escape(f"{value:.4g}" if isinstance(value, float) else str(value))
    )


def _table(table: Table) -> str:
    columns = list(zip(*table.rows, strict=True)) if table.rows else [()] * len(table.headers)
    numeric = [any(isinstance(v, int | float) for v in c) and not any(isinstance(v, str) for v in c) for c in columns]
    best: list[str | None] = []
    for header, cells in zip(table.headers, columns, strict=True):
        numbers = [value for value in cells if isinstance(value, int | float) and value == value]  # a NaN is no best
        choose = min if header in table.lowest else max if header in table.highest else None
        # As it is shown: two values that look the same are both bold.
        best.append(_cell(choose(numbers)) if choose and numbers else None)
    lines = []
    for row in table.rows:
        line = [f'<th scope="row">{_cell(row[0])}</th>']
        for value, right, winner in list(zip(row, numeric, best, strict=True))[1:]:
            shown = _cell(value)
            marked = f"<strong>{shown}</strong>" if winner is not None and shown == winner else shown
            line.append(f'<td class="number">{marked}</td>' if right else f"<td>{marked}</td>")
        lines.append(f"<tr>{''.join(line)}</tr>")
    heads = "".join(
        f'<th scope="col"{" class=" + chr(34) + "number" + chr(34) if right else ""}>{escape(header)}</th>'
        for header, right in zip(table.headers, numeric, strict=True)
    )
    # The frame scrolls on a narrow screen, and can be reached by keyboard to do so.
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{escape(table.title or "Table")}"><table>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n" + "\n".join(lines) + "\n</tbody>\n</table></div>"
    )


def _figure(section: Picture | Video, number: int, folder: Path) -> str:
    kinds = PICTURES if isinstance(section, Picture) else VIDEOS
    file = section.file
    if file.suffix.lower() not in kinds:
        raise TrainError(
            f"{file} cannot stand in a report as a {type(section).__name__.lower()}; use {', '.join(kinds)}."
        )
    if not file.is_file():
        raise TrainError(f"{file} is to stand in the report, but there is no such file.")
    if isinstance(section, Video) and file.stat().st_size > LARGEST_INLINE_VIDEO:
        source = f"video_{number:02d}.mp4"
        shutil.copyfile(file, folder / source)
    else:
        source = f"data:{kinds[file.suffix.lower()]};base64,{base64.b64encode(file.read_bytes()).decode()}"
    label = escape(section.caption or section.title or file.stem)
    if isinstance(section, Picture):
        element = f'<img src="{source}" alt="{label}">'
    else:
        element = (
            f'<video src="{source}" aria-label="{label}" controls loop muted playsinline preload="metadata"></video>'
        )
    caption = f"\n<figcaption>{escape(section.caption)}</figcaption>" if section.caption else ""
    return f"<figure>\n{element}{caption}\n</figure>"
