"""Which schedule a generator is sampled with, from the files' own words; and that every door knows every preset."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashmotion_core.cli.convert import main
from flashmotion_core.cli.generate_inputs import choose_schedule as headless_schedule
from flashmotion_core.files.weights import read_header
from flashmotion_core.sampling.schedule import PRESETS, Schedule, preset_schedule
from flashmotion_core.sampling.schedule_sources import KnownSchedule, choose_schedule, known_schedule

from ...support import generator_files
from ...support.sentences import refuses


def test_the_entry_wins_then_keys_then_titles_then_the_name() -> None:
    gate = ["blocks.0.to_gate_compress.weight"]
    entry = {"flashmotion.schedule": preset_schedule("plain").to_json()}
    title = {"modelspec.title": "Turbo"}
    cases = [
        (gate, {**entry, **title}, "plain", "its metadata"),
        (gate, title, "fastwan", "its keys"),
        ([], title, "turbo", "its metadata"),
        ([], {}, "fastwan", "its name"),
    ]
    for keys, metadata, name, source in cases:
        found = known_schedule("FastWan/5b.safetensors", keys, metadata)
        assert found == KnownSchedule("FastWan/5b.safetensors", preset_schedule(name), source)
    assert known_schedule("wan.safetensors", [], {"prompt": "turbo", "title": "turbo" * 200}) is None


def test_a_damaged_entry_names_its_file() -> None:
    with refuses(key="lora.safetensors", value="flashmotion.schedule", remedy="export the file again"):
        known_schedule(
            "lora.safetensors", [], {"flashmotion.schedule": '{"name": "turbo", "sigmas": [NaN], "shift": 5}'}
        )


def test_a_choice_wins_and_a_contradiction_is_asked_about() -> None:
    turbo = KnownSchedule("a.safetensors", Schedule(), "its metadata")
    fastwan = KnownSchedule("b.safetensors", preset_schedule("fastwan"), "its name")
    assert choose_schedule("from file", []) is None
    assert choose_schedule("from file", [turbo, KnownSchedule("c", Schedule(), "its name")]) == turbo
    chosen = choose_schedule("fastwan", [turbo])
    assert chosen is not None
    assert chosen.schedule == preset_schedule("fastwan")
    with refuses(
        key="a.safetensors says turbo (its metadata)", value="b.safetensors says fastwan", remedy="choose one"
    ):
        choose_schedule("from file", [turbo, fastwan])


@pytest.mark.parametrize("name", PRESETS)
def test_every_door_knows_every_preset(name: str, tmp_path: Path) -> None:
    source = generator_files.write(
        tmp_path / "in.safetensors", generator_files.prefixed(""), generator_files.small_generator()
    )
    target = tmp_path / "out.safetensors"
    assert main([str(source), str(target), "--schedule", name]) == 0
    found = known_schedule("out.safetensors", *read_header(target))
    assert found is not None
    assert found.schedule == preset_schedule(name)
    assert headless_schedule(name, None, Schedule()) == preset_schedule(name)
    assert headless_schedule(None, None, preset_schedule(name)) == preset_schedule(name)
