"""Which boxes of different frames are one object."""

from __future__ import annotations

from flashmotion_core.trajectory.matching import intersection_over_union, match

A, B = (0.0, 0.0, 10.0, 10.0), (100.0, 0.0, 10.0, 10.0)


def test_intersection_over_union() -> None:
    assert intersection_over_union(A, A) == 1
    assert intersection_over_union(A, (5.0, 0.0, 10.0, 10.0)) == 1 / 3
    assert intersection_over_union(A, (10.0, 0.0, 10.0, 10.0)) == 0
    assert intersection_over_union(A, B) == 0


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
