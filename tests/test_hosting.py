"""What `.github/` runs exists and says what we rely on. The workflows themselves run on GitHub only."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import run_tests

ROOT = Path(__file__).resolve().parents[1]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = [GITHUB / "ISSUE_TEMPLATE" / name for name in ("bug.yml", "idea.yml")]
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
REPOSITORY = re.findall(r'^Repository = "(https://github\.com/[^"]+)"$', PYPROJECT, re.MULTILINE)[0]


def read(path: Path) -> dict[Any, Any]:
    parsed = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(parsed, dict)
    return parsed


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read(path)["jobs"]
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in jobs(path).values():
        yield from job.get("steps", [])


def test_there_are_the_two_workflows() -> None:
    assert [path.name for path in WORKFLOWS] == ["publish.yml", "tests.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_command_exists(path: Path) -> None:
    for step in steps(path):
        if "run" not in step:
            continue
        program, target, *arguments = shlex.split(step["run"])
        assert program == "python"
        if target == "-m":
            module, *arguments = arguments
            assert (ROOT / (module.replace(".", "/") + ".py")).is_file()
        else:
            assert (ROOT / target).is_file()
        if target == "run_tests.py":
            assert run_tests.parser().parse_known_args(arguments)[1] == []


def test_the_fast_tests_run_on_three_systems_and_the_full_ones_on_linux_with_the_readme_commands() -> None:
    fast, full = (jobs(GITHUB / "workflows/tests.yml")[name] for name in ("fast", "full"))
    assert fast["strategy"]["matrix"]["os"] == ["ubuntu-latest", "windows-latest", "macos-latest"]
    assert fast["strategy"]["fail-fast"] is False
    assert [step["run"] for step in fast["steps"] if "run" in step] == ["python run_tests.py --fast"]
    assert full["runs-on"] == "ubuntu-latest"
    assert [step["run"] for step in full["steps"] if "run" in step] == ["python run_tests.py", "python quickstart.py"]


def test_the_oldest_supported_python_is_tested() -> None:
    oldest = re.findall(r'^requires-python = ">=(\d+\.\d+)"$', PYPROJECT, re.MULTILINE)
    tested = jobs(GITHUB / "workflows/tests.yml")["fast"]["strategy"]["matrix"]["python"]
    assert tested[0] == oldest[0]
    assert all(isinstance(version, str) for version in tested)  # 3.10 without quotes is 3.1


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_an_environment_is_cached_by_every_file_that_it_is_made_from(path: Path) -> None:
    for step in steps(path):
        if not step.get("uses", "").startswith("actions/cache@"):
            continue
        (call,) = re.findall(r"hashFiles\((.*?)\)", step["with"]["key"])
        patterns = re.findall(r"'([^']+)'", call)
        assert set(patterns) >= {"tools/setup/**", "pyproject.toml", "requirements-dev.lock", "package-lock.json"}
        assert all(any(ROOT.glob(pattern)) for pattern in patterns), patterns
        assert "steps.python.outputs.python-version" in step["with"]["key"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_only_read_and_runs_only_what_was_looked_at(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert read(path)["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in jobs(path).values())
    assert "pull_request_target" not in text
    used = re.findall(r"uses: (\S+)(.*)", text)
    for action, comment in used:
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action), f"{action} is not pinned by its commit"
            assert comment.startswith(" # "), f"{action} does not say which release that is"
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
        # No value that a stranger chooses (a branch, a title) is pasted into a shell.
        assert "${{" not in step.get("run", "")


def test_only_the_publishing_step_sees_a_secret() -> None:
    for path in (path for path in GITHUB.rglob("*") if path.is_file()):
        found = re.findall(r"secrets\.(\w+)|secrets: *(\w+)", path.read_text(encoding="utf-8"))
        assert found == ([("REGISTRY_ACCESS_TOKEN", "")] if path.name == "publish.yml" else []), path
    (publishing,) = (step for step in steps(GITHUB / "workflows/publish.yml") if "Comfy-Org/" in step.get("uses", ""))
    assert publishing["with"]["personal_access_token"] == "${{ secrets.REGISTRY_ACCESS_TOKEN }}"


def test_nothing_is_published_before_the_version_and_the_tests_are_right() -> None:
    workflow = read(GITHUB / "workflows/publish.yml")
    assert workflow[True] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}  # YAML reads the key `on` as true
    version, tests, publish = (workflow["jobs"][name] for name in ("version", "tests", "publish"))
    assert [step["run"] for step in version["steps"] if "run" in step] == ['python -m tools.version "$GITHUB_REF_NAME"']
    assert (tests["needs"], tests["uses"]) == ("version", "./.github/workflows/tests.yml")
    assert publish["needs"] == "tests"
    assert publish["if"] == f"github.repository == '{REPOSITORY.removeprefix('https://github.com/')}'"
    assert "workflow_call" in read(GITHUB / "workflows/tests.yml")[True]


def test_a_called_workflow_does_not_wait_for_its_caller() -> None:
    groups = [read(path)["concurrency"]["group"] for path in WORKFLOWS]
    assert len(set(groups)) == len(groups)
    assert all("github.workflow" not in group for group in groups)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_has_labelled_fields(path: Path) -> None:
    form = read(path)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"].get("label") for field in fields if field["type"] != "checkboxes")
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_a_bug_report_asks_for_versions_workflow_and_log() -> None:
    required = {
        field.get("id") for field in read(FORMS[0])["body"] if field.get("validations", {}).get("required") is True
    }
    assert required >= {"flashmotion", "comfyui", "frontend", "system", "device", "workflow", "log"}


def test_links_lead_to_this_repository() -> None:
    links = [link["url"] for link in read(GITHUB / "ISSUE_TEMPLATE/config.yml")["contact_links"]]
    assert f"{REPOSITORY}/security/advisories/new" in links
    assert all(link.startswith(f"{REPOSITORY}/") for link in links)
    for link in links:
        inside = re.fullmatch(re.escape(REPOSITORY) + r"/tree/main/(.+)", link)
        assert inside is None or (ROOT / inside[1]).exists()
