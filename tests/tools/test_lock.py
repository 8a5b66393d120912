"""requirements-dev.lock pins what the two commands install, for every system, and agrees with pyproject.toml."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.setup import comfyui_source, environment
from tools.setup.environment import EXTRAS, LOCK, REPOSITORY, TORCH

PROJECT = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
RENEW = "run python -m tools.make_lock"


def pins(text: str) -> dict[str, list[Requirement]]:
    """Pins by name; one name has several where Python versions need different ones."""
    found: dict[str, list[Requirement]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            found.setdefault(canonicalize_name(pin.name), []).append(pin)
    return found


def wanted(extra: str) -> list[Requirement]:
    (lines,) = re.findall(rf"^{extra} = \[\n(.*?)^\]", PROJECT, re.MULTILINE | re.DOTALL)
    return [Requirement(text) for text in re.findall(r'^ *"([^"]+)"', lines, re.MULTILINE)]


LOCKED = pins(LOCK.read_text(encoding="utf-8"))
TORCHES = {pin.split("==")[0]: pin.split("==")[1] for pin in TORCH}


@pytest.mark.parametrize("extra", EXTRAS)
def test_every_requirement_is_pinned_within_its_bounds(extra: str) -> None:
    assert wanted(extra)
    for requirement in wanted(extra):
        name = canonicalize_name(requirement.name)
        versions = [TORCHES[name]] if name in TORCHES else [str(pin.specifier)[2:] for pin in LOCKED.get(name, [])]
        assert versions, f"{name} is not in the lock: {RENEW}"
        assert all(requirement.specifier.contains(version) for version in versions), (
            f"{requirement}, {versions}: {RENEW}"
        )


def test_what_comfyui_needs_is_pinned_too(comfyui_lines: list[str]) -> None:
    for line in comfyui_lines:
        requirement = Requirement(line)
        versions = [str(pin.specifier)[2:] for pin in LOCKED.get(canonicalize_name(requirement.name), [])]
        assert versions, f"{requirement.name} is not in the lock: {RENEW}"
        assert all(requirement.specifier.contains(version) for version in versions), f"{line}, {versions}: {RENEW}"


@pytest.fixture
def comfyui_lines() -> list[str]:
    """The requirements of the newest ComfyUI, where it is set up."""
    folder = os.environ.get("FLASHMOTION_COMFYUI")
    if not folder or Path(folder).name != f"ComfyUI-{comfyui_source.NEWEST.version}":
        pytest.skip("needs the newest ComfyUI: run python run_tests.py")
    return comfyui_source.requirements(Path(folder))


def test_exactly_one_version_of_a_package_is_meant_for_one_python() -> None:
    for minor in range(10, environment.LOCK_UNTIL[1] + 1):
        here = {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.1"}
        for name, found in LOCKED.items():
            assert sum(pin.marker is None or pin.marker.evaluate(here) for pin in found) <= 1, (name, here)


def test_the_lock_names_exact_versions_and_no_place() -> None:
    for name, found in LOCKED.items():
        assert name not in TORCHES, (
            "which build of torch is the machine's choice; its version stands in environment.TORCH"
        )
        for pin in found:
            assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), pin
            assert not pin.url
            assert not pin.extras  # pip takes no extras in constraints
    assert not re.search(r"://|--|hash", re.sub(r"^#.*", "", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE))


def test_the_javascript_lock_names_no_place_either() -> None:
    packages = json.loads((REPOSITORY / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert packages
    assert all("resolved" not in package for package in packages.values())


def test_the_environment_is_made_with_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    option, file = environment._constraints(environment.Environment(tmp_path))
    assert option == "--constraint"
    text = Path(file).read_text(encoding="utf-8")
    assert pins(text).keys() == LOCKED.keys() | TORCHES.keys()
    # A Python that came out after the lock takes what there is for it.
    monkeypatch.setattr(sys, "version_info", (environment.LOCK_UNTIL[0], environment.LOCK_UNTIL[1] + 1, 0))
    (_, file) = environment._constraints(environment.Environment(tmp_path))
    assert pins(Path(file).read_text(encoding="utf-8")).keys() == set(TORCHES)
