"""The page about a run: whole, escaped, and valid for an HTML parser."""

from __future__ import annotations

import base64
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flashmotion_core.reports import html as report
from flashmotion_core.reports.cells import WIDTH, Estimate, Interval, Judgement, Noted
from flashmotion_core.reports.html import Commands, DataTable, Files, Picture, Section, Text, Video, write_report
from flashmotion_core.reports.line_plot import COLORS, is_dashed

from ...support.sentences import refuses

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).resolve().parents[3]
VOID = {"meta", "img", "br"}
NASTY = "<script>alert('x')</script></style> & \"quotes\" onload='x' {{ title }} {% for %} \u8996"


class Page(HTMLParser):
    """Elements with attributes, the text, and a check that every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and self.open:
            self.texts.append((self.open[-1], data))

    def within(self, tag: str) -> list[str]:
        return [text for element, text in self.texts if element == tag]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for element, attributes in self.elements if element == tag]


def page(folder: Path, *sections: Section, title: str = "my run") -> Page:
    path = write_report(folder, title, sections)
    assert path == folder / "index.html"
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture
def png(tmp_path: Path) -> Path:
    path = tmp_path / "curves & co.png"
    Image.fromarray(np.zeros((4, 6, 3), dtype=np.uint8)).save(path)
    return path


def test_everything_is_escaped(tmp_path: Path, png: Path) -> None:
    mp4 = tmp_path / '"><script>alert(1)<.mp4'
    mp4.write_bytes(b"x")
    found = page(
        tmp_path / "report",
        Text(title=NASTY, text=NASTY),
        DataTable(title=NASTY, headers=(NASTY, NASTY), rows=[(NASTY, NASTY)]),
        Picture(title=NASTY, file=png, caption=NASTY),
        Video(file=mp4),
        title=NASTY,
    )
    assert not found.all("script")
    assert not any(name.startswith("on") for _, attributes in found.elements for name in attributes)
    assert found.within("h1") == found.within("title") == found.within("p") == found.within("figcaption") == [NASTY]
    assert found.within("h2") == found.within("a") == [NASTY] * 3
    assert found.all("img")[0]["alt"] == NASTY
    assert found.all("video")[0]["aria-label"] == mp4.stem
    assert found.within("th") == [NASTY] * 3
    assert found.all("div")[0]["aria-label"] == NASTY


def test_language_phone_and_links(tmp_path: Path) -> None:
    found = page(tmp_path, *(Text(title=f"Part {i}", text="a\n\nb") for i in range(3)))
    assert found.all("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in found.all("meta")
    assert [a["href"] for a in found.all("a")] == [f"#{section['id']}" for section in found.all("section")]
    assert len(found.within("p")) == 6


def test_the_best_value_is_bold(tmp_path: Path) -> None:
    rows = [
        ("slow", 0.50004, 12.0, "a"),
        ("fast", 0.5, 9.0, "b"),
        ("none", None, float("nan"), "c"),
        ("bad", 0.7, 3, "d"),
    ]
    table = DataTable(headers=("model", "error", "IoU", "note"), rows=rows, lowest=("error",), highest=("IoU",))
    found = page(tmp_path, table)
    assert found.within("strong") == ["0.5", "12", "0.5"]  # two that read the same are equally good
    assert found.within("th") == ["model", "error", "IoU", "note", "slow", "fast", "none", "bad"]
    assert found.within("td") == ["a", "9", "b", "\u2013", "nan", "c", "0.7", "3", "d"]
    assert [cell.get("class") for cell in found.all("td")[:3]] == ["number", "number", None]


def test_the_page_asks_for_nothing_outside_it(tmp_path: Path, png: Path) -> None:
    page(tmp_path, Text(title="a", text="b"), Picture(file=png))
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|//|@import|url\(|<link|<script", re.sub(r"base64,[^\"]*", "", text))


def test_long_text_may_wrap_and_numbers_may_not(tmp_path: Path) -> None:
    found = page(tmp_path, DataTable(headers=("a", "b", "c"), rows=[("row", "word " * 20, 1.0), ("row", "0 to 1", 2)]))
    assert [cell.get("class") for cell in found.all("td")] == ["long", "number", None, "number"]


def test_the_templates_are_packaged() -> None:
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"][
        "flashmotion_core"
    ]
    for file in report.TEMPLATES.iterdir():
        assert any(file.match(pattern) for pattern in packaged), file.name


def test_pictures_are_in_the_page(tmp_path: Path, png: Path) -> None:
    source = page(tmp_path / "report", Picture(title="Curves", file=png)).all("img")[0]["src"]
    assert source is not None
    kind, _, data = source.partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data) == png.read_bytes()
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["index.html"]


def test_large_videos_stand_beside_it_and_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "LARGEST_INLINE_VIDEO", 10)
    files = [tmp_path / name / "clip.mp4" for name in ("a", "b", "c")]
    for file, size in zip(files, (10, 11, 12), strict=True):
        file.parent.mkdir()
        file.write_bytes(b"x" * size)
    found = page(tmp_path / "report", *(Video(file=file, caption="c") for file in files))
    sources = [str(video["src"]) for video in found.all("video")]
    assert sources[0].startswith("data:video/mp4;base64,")
    assert [(tmp_path / "report" / source).stat().st_size for source in sources[1:]] == [11, 12]


@pytest.mark.parametrize(("name", "remedy"), [("missing.png", "run the phase"), ("curves.svg", "use .png")])
def test_a_picture_that_cannot_be_shown(tmp_path: Path, name: str, remedy: str) -> None:
    with refuses(key="report", value=name, remedy=remedy):
        write_report(tmp_path, "my run", [Picture(file=tmp_path / name)])
    assert not (tmp_path / "index.html").exists()


def test_cells_with_a_note_an_interval_and_a_verdict(tmp_path: Path) -> None:
    table = DataTable(
        headers=("bar", "box IoU", "beside", "verdict"),
        rows=[
            (Noted("a", NASTY), Estimate(0.5, 0.4, 0.6), Interval(0.5, 0.4, 0.6, 0.8), Judgement("met", "good", NASTY)),
            ("b", Estimate(0.7, 0.6, 12.0), Interval(0.5, 0.5, 0.5, 0.5), Judgement("open", "open", "why")),
            ("c", None, None, Judgement("not met", "bad", "why")),
        ],
        highest=("box IoU",),
        note=NASTY,
    )
    found = page(tmp_path, table)
    assert found.within("small") == [NASTY, "0.400 to 0.600", NASTY, "0.600 to 12.0", "why", "why"]
    assert found.within("strong") == ["0.700"]
    assert found.within("b") == ["met", "open", "not met"]
    assert found.within("p") == [NASTY]
    cells = found.all("td")
    kinds = ["number", "drawing", "good", "number", "drawing", "open", "number", None, "bad"]
    assert [cell.get("class") for cell in cells] == kinds
    assert [cell["data-label"] for cell in cells] == ["box IoU", "beside", "verdict"] * 3  # shown on narrow screens
    first, point = (
        interval.places() for interval in (table.rows[0][2], table.rows[1][2]) if isinstance(interval, Interval)
    )
    assert 0 < first["low"] < first["value"] < first["high"] < first["target"] < WIDTH
    assert len(set(point.values())) == 1


def test_commands_and_files_end_a_page(tmp_path: Path) -> None:
    sections = (
        Commands(title="Repeat it", commands=[(NASTY, "python a.py 'b=[{c: 1}]' < d")]),
        Files(title="Use it", text="one\n\ntwo", files=[("a b.json", NASTY)]),
    )
    found = page(tmp_path, *sections)
    assert found.within("code") == ["python a.py 'b=[{c: 1}]' < d"]
    assert found.all("a") == [{"href": "a b.json", "download": None}]
    assert found.within("p") == [NASTY, "one", "two"]
    assert not found.all("script")


def test_lines_of_a_plot_differ_beyond_the_last_colour() -> None:
    assert len({(n % len(COLORS), is_dashed(n)) for n in range(2 * len(COLORS))}) == 2 * len(COLORS)
