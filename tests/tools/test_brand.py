"""The registry's icon and banner: drawn by the repository, of the registry's sizes, and named by pyproject.toml."""

from __future__ import annotations

import re

import pytest
from PIL import Image

from tools.make_brand import BANNER, DIGEST, DRAWINGS, FOLDER, ICON, digest
from tools.setup.environment import REPOSITORY


def test_sizes_are_what_the_registry_takes() -> None:
    assert ICON == (400, 400)
    assert BANNER[0] / BANNER[1] == pytest.approx(21 / 9)


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_drawing_is_what_the_program_draws(name: str) -> None:
    draw, size = DRAWINGS[name]
    assert (FOLDER / f"{name}.svg").read_bytes() == draw().encode(), "run python -m tools.make_brand"
    with Image.open(FOLDER / f"{name}.png") as picture:
        picture.load()
        assert picture.size == size
        assert picture.info[DIGEST] == digest(draw()), "run python -m tools.make_brand"
    assert (FOLDER / f"{name}.png").stat().st_size < 60_000


def test_a_drawing_needs_no_font_and_no_other_file() -> None:
    for draw, _ in DRAWINGS.values():
        assert not re.search(r"<text|<image|href|font", draw())


def test_pyproject_names_the_pictures_in_this_repository() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    (slug,) = re.findall(r'^Repository = "https://github\.com/([^"]+)"$', text, re.MULTILINE)
    for key, name in (("Icon", "icon"), ("Banner", "banner")):
        (url,) = re.findall(rf'^{key} = "([^"]+)"$', text, re.MULTILINE)
        assert (
            url
            == f"https://raw.githubusercontent.com/{slug}/main/{(FOLDER / name).relative_to(REPOSITORY).as_posix()}.png"
        )
