"""The example workflows leave room: no node or note lies on another, not even once a node shows an upright video or picture."""

from __future__ import annotations

from itertools import combinations

import pytest

from tools.examples.all_examples import all_examples
from tools.examples.example_parts import Example

TITLE = 30  # pixels above a node's position
# Without its preview; the classic renderer then adds the picture at the node's full width.
GROWING = {"SaveVideo": 125, "LoadVideo": 110, "PreviewImage": 40, "FewStepSampler": 210, "KSampler": 270}
OUT_OF_FRAME = {"LoadVideo", "FewStepSampler", "KSampler"}  # may grow below their frame: nothing is there
RATIOS = {"portrait": 16 / 9, "landscape": 9 / 16}
EXAMPLES = all_examples()

Rectangle = tuple[str, float, float, float, float]  # what it is; left, top, right, bottom


def rectangles(example: Example, ratio: float) -> list[Rectangle]:
    """Nodes as high as pictures of this ratio make them, and notes."""
    found = []
    for kind, x, y, width, height, _ in example.nodes.values():
        grown = GROWING[kind] + width * ratio if kind in GROWING else 0
        found.append((kind, x, y - TITLE, x + width, y + max(height, grown)))
    return [*found, *((title, x, y - TITLE, x + w, y + h) for title, _, x, y, w, h in example.notes)]


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("ratio", RATIOS)
def test_nothing_lies_on_anything_else(name: str, ratio: str) -> None:
    for one, other in combinations(rectangles(EXAMPLES[name], RATIOS[ratio]), 2):
        apart = one[3] <= other[1] or other[3] <= one[1] or one[4] <= other[2] or other[4] <= one[2]
        assert apart, f"{one} and {other}"


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_landscape_result_stays_in_its_frame(name: str) -> None:
    example = EXAMPLES[name]
    (bottom,) = {top + height for _, _, top, _, height in example.groups}
    assert max(place[4] for place in rectangles(example, RATIOS["landscape"]) if place[0] not in OUT_OF_FRAME) <= bottom


@pytest.mark.parametrize("name", EXAMPLES)
def test_its_notes_are_readable_as_it_opens(name: str) -> None:
    # What ComfyUI 0.30 fits a template into on a page of 1440 x 900. Below 57 % the classic renderer draws no text.
    wide, high, least = 1082, 705, 0.57
    groups = EXAMPLES[name].groups
    width = max(x + w for _, x, _, w, _ in groups) - min(x for _, x, *_ in groups)
    (height,) = {h for *_, h in groups}
    assert min(wide / width, high / height) > least
