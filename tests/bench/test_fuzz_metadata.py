"""A small share of what bench/fuzz_metadata.py runs: no variant of metadata gets through to a failure."""

from __future__ import annotations

import random

import pytest

from bench.fuzz_metadata import load, make_metadata, make_variant, try_one

pytestmark = pytest.mark.usefixtures("one_thread")


def test_metadata_as_it_is_written_is_read() -> None:
    for seed in range(20):
        assert try_one(*make_metadata(random.Random(seed))) == "read"


def test_variants_are_read_or_refused_in_one_sentence() -> None:
    outcomes = {seed: try_one(*make_variant(random.Random(seed))) for seed in range(300)}
    assert {seed: found for seed, found in outcomes.items() if found not in ("read", "refused")} == {}
    assert set(outcomes.values()) == {"read", "refused"}


def test_a_crash_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    what, metadata = make_metadata(random.Random(0))

    def broken(*_: object) -> None:
        raise KeyError("dim")

    monkeypatch.setattr("bench.fuzz_metadata.load", broken)
    assert "KeyError" in try_one(what, metadata)
    monkeypatch.undo()
    assert load(what, metadata)
