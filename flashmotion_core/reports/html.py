"""A page about a run: one HTML file that needs nothing beside it, except for large videos."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..files.whole_file import write_whole
from .cells import Cell, Value, cell_of, number_in, shown

TEMPLATES = Path(__file__).with_name("templates")
LARGEST_INLINE_VIDEO = 3_000_000
PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
VIDEOS = {".mp4": "video/mp4"}


@dataclass(frozen=True, kw_only=True)
class Text:
    """Paragraphs, an empty line between them. A section without a title continues the one before."""

    title: str = ""
    text: str


@dataclass(frozen=True, kw_only=True)
class DataTable:
    """A table; the first cell of each row is its name. On a narrow screen each row is a list of headers and cells.

    In columns named in ``lowest`` or ``highest`` the best number is bold. ``note`` is a paragraph above the table.
    """

    title: str = ""
    headers: Sequence[str]
    rows: Sequence[Sequence[Value]]
    note: str = ""
    lowest: Sequence[str] = ()
    highest: Sequence[str] = ()

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.headers) for row in self.rows), f"{self.title}: rows as long as the headers"
        assert {*self.lowest, *self.highest} <= set(self.headers), f"{self.title}: the marked columns exist"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A PNG, JPEG or WebP file, put into the page."""

    title: str = ""
    file: Path
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Video:
    """An MP4 file, put into the page up to 3 MB and copied beside it above that."""

    title: str = ""
    file: Path
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Commands:
    """Commands to copy, each with a sentence above it."""

    title: str = ""
    commands: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Files:
    """Links to files that stand beside the page, each with what it is."""

    title: str = ""
    text: str = ""
    files: Sequence[tuple[str, str]]


Section: TypeAlias = Text | DataTable | Picture | Video | Commands | Files


def fill(template: Path, **values: object) -> str:
    """The text of a page from its template; every value is escaped, and one that is missing is an error."""
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(**values)


def write_report(folder: Path, title: str, sections: Sequence[Section]) -> Path:
    """Write ``folder/index.html`` and return its path.

    Raises:
        ValueError: a picture or video does not exist or is of another kind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    views = [_view(section, number, folder) for number, section in enumerate(sections, start=1)]
    path = folder / "index.html"
    write_whole(path, fill(TEMPLATES / "report.html.j2", title=title, sections=views))
    return path


def _view(section: Section, number: int, folder: Path) -> dict[str, Any]:
    """What the template shows of a section."""
    view: dict[str, Any] = {"id": f"section-{number}", "title": section.title}
    match section:
        case Text():
            return {**view, "kind": "text", "paragraphs": _paragraphs(section.text)}
        case Commands():
            return {**view, "kind": "commands", "commands": section.commands}
        case Files():
            return {**view, "kind": "files", "paragraphs": _paragraphs(section.text), "files": section.files}
        case DataTable():
            columns = [_column(section, index) for index in range(len(section.headers))]
            rows = list(zip(*(cells for _, cells in columns), strict=True))
            return {**view, "kind": "table", "note": section.note, "headers": [top for top, _ in columns], "rows": rows}
    kind = type(section).__name__.lower()
    label = section.caption or section.title or section.file.stem
    return {
        **view,
        "kind": kind,
        "label": label,
        "caption": section.caption,
        "source": _source(section, number, folder),
    }


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in text.split("\n\n") if part.strip()]


def _column(table: DataTable, index: int) -> tuple[Cell, list[Cell]]:
    """The header and the cells of a column."""
    header, values = table.headers[index], [row[index] for row in table.rows]
    numbers = [number for value in values if (number := number_in(value)) is not None]
    number = bool(numbers) and not any(isinstance(value, str) for value in values)
    choose = min if header in table.lowest else max if header in table.highest else None
    chosen = choose(numbers) if choose and numbers else None
    # Compared as shown: two values that look the same are both bold.
    best = {shown(value) for value in values if number_in(value) == chosen} if chosen is not None else set()
    cells = [cell_of(value, header, number=number, best=shown(value) in best) for value in values]
    return Cell(header, "number" if number else ""), cells


def _source(section: Picture | Video, number: int, folder: Path) -> str:
    """A data URI, or the name of a copy beside the page: numbered, so that two videos of one name do not meet.

    Raises:
        ValueError: the file does not exist or is of another kind.
    """
    kinds, file = PICTURES if isinstance(section, Picture) else VIDEOS, section.file
    if file.suffix.lower() not in kinds:
        raise ValueError(
            f"{file} cannot be shown in a report as a {type(section).__name__.lower()}; use {', '.join(kinds)}."
        )
    if not file.is_file():
        raise ValueError(f"{file} does not exist, but the report shows it; run the phase that makes it again.")
    if isinstance(section, Video) and file.stat().st_size > LARGEST_INLINE_VIDEO:
        copy = f"video_{number:02d}.mp4"
        shutil.copyfile(file, folder / copy)
        return copy
    return f"data:{kinds[file.suffix.lower()]};base64,{base64.b64encode(file.read_bytes()).decode()}"
