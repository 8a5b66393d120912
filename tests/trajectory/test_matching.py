"""Which boxes of different frames are one object."""

from __future__ import annotations

import numpy as np
import pytest

from flashmotion_core.trajectory.conversions.matching import Box, match, overlaps

A, B = (0.0, 0.0, 10.0, 10.0), (100.0, 0.0, 10.0, 10.0)


def test_overlaps() -> None:
    others = [A, (5.0, 0.0, 10.0, 10.0), (10.0, 0.0, 10.0, 10.0), B, (2.0, 2.0, 0.0, 0.0)]
    assert overlaps(np.array([A]), np.array(others)).tolist() == [[1, 1 / 3, 0, 0, 0]]


def test_distinct_labels_are_the_identity() -> None:
    things = match([[A, B], [B, A]], [["cat", "dog"], ["cat", "dog"]])
    assert [(thing.label, thing.places) for thing in things] == [("cat", [(0, 0), (1, 0)]), ("dog", [(0, 1), (1, 1)])]


def test_equal_labels_are_told_apart_by_overlap_and_the_best_overlap_wins() -> None:
    near, nearer = (4.0, 0.0, 10.0, 10.0), (1.0, 0.0, 10.0, 10.0)
    things = match([[A, B], [B, near, nearer]], [["", ""], ["", "", ""]])
    assert [thing.places for thing in things] == [[(0, 0), (1, 2)], [(0, 1), (1, 0)], [(1, 1)]]


def test_overlap_does_not_join_different_labels() -> None:
    things = match([[A, A], [A, A]], [["cat", "cat"], ["cat", "dog"]])
    assert [(thing.label, thing.places) for thing in things] == [
        ("cat", [(0, 0), (1, 0)]),
        ("cat", [(0, 1)]),
        ("dog", [(1, 1)]),
    ]


def one_by_one(boxes: list[list[Box]], labels: list[list[str]]) -> list[tuple[str, list[tuple[int, int]]]]:
    """The rule as it is written: the largest overlap first, earlier object and earlier box first at a tie."""
    things: list[tuple[str, list[tuple[int, int]]]] = []
    for t, (frame, names) in enumerate(zip(boxes, labels, strict=True)):
        pairs = []
        for n, (label, places) in enumerate(things):
            then, place = places[-1]
            for index, box in enumerate(frame):
                overlap = float(overlaps(np.array([boxes[then][place]]), np.array([box]))[0, 0])
                if label == names[index] and overlap:
                    pairs.append((-overlap, n, index))
        things_left, boxes_left = set(range(len(things))), set(range(len(frame)))
        for _, n, index in sorted(pairs):
            if n in things_left and index in boxes_left:
                things_left.remove(n)
                boxes_left.remove(index)
                things[n][1].append((t, index))
        things += [(names[index], [(t, index)]) for index in sorted(boxes_left)]
    return things


@pytest.mark.parametrize("seed", range(5))
def test_all_pairs_at_once_are_what_the_rule_says(seed: int) -> None:
    """Whole numbers, so that many overlaps are equal."""
    random = np.random.default_rng(seed)
    boxes, labels = [], []
    for count in random.integers(0, 9, 12):
        sides = random.integers(0, 5, (count, 4)).astype(float).tolist()
        boxes.append([(x, y, w, h) for x, y, w, h in sides])
        labels.append([str(label) for label in random.integers(0, 2, count)])
    assert [(thing.label, thing.places) for thing in match(boxes, labels)] == one_by_one(boxes, labels)
