"""run_tests.py's two runs of pytest: nothing of them is lost, and the last line counts both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import lanes
from tools.setup.environment import REPOSITORY, scripts_of

PYTEST = scripts_of(Path(sys.prefix)) / ("pytest.exe" if os.name == "nt" else "pytest")
CONFTEST = f"""
import importlib.util
spec = importlib.util.spec_from_file_location("hooks", {str(REPOSITORY / "tests/support/lanes.py")!r})
hooks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hooks)
pytest_collection_modifyitems = hooks.pytest_collection_modifyitems
pytest_terminal_summary = hooks.pytest_terminal_summary
"""
TESTS = """
import os, pytest
def test_free(): assert os.environ["OMP_NUM_THREADS"] == "1" and os.environ["PYTEST_XDIST_WORKER"]
@pytest.mark.skip(reason="a reason")
def test_skipped(): pass
@pytest.mark.server
def test_server(): assert "PYTEST_XDIST_WORKER" not in os.environ
@pytest.mark.browser
def test_browser(): assert not os.environ.get("BROKEN"), "broken here"
"""
RUN = (
    f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); import os; from pathlib import Path; from tools import lanes\n"
    "sys.exit(lanes.run_both(sys.argv[1], dict(os.environ), Path(sys.argv[2])))"
)


def run(project: Path, **variables: str) -> tuple[int, list[str]]:
    """(the exit code, the lines printed) of both lanes in a process of their own."""
    (project / "pytest.ini").write_text("[pytest]\naddopts = -ra\nmarkers =\n  server\n  browser\n  slow\n")
    (project / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (project / "test_it.py").write_text(TESTS, encoding="utf-8")
    hidden = ("OMP_NUM_THREADS", "PYTEST_XDIST_WORKER", lanes.COUNTS)
    environment = {**{name: value for name, value in os.environ.items() if name not in hidden}, **variables}
    command = [sys.executable, "-c", RUN, str(PYTEST), str(project)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.mark.slow
def test_both_runs_are_shown_and_counted(tmp_path: Path) -> None:
    code, said = run(tmp_path)
    assert code == 0, said
    assert said[-1].startswith("3 passed, 0 failed, 1 skipped in ")
    assert any("a reason" in line for line in said)
    assert sum("passed" in line and "===" in line for line in said) == 2


@pytest.mark.slow
def test_a_failure_of_the_second_run_is_the_exit_code(tmp_path: Path) -> None:
    code, said = run(tmp_path, BROKEN="1")
    assert code == 1
    assert any("broken here" in line for line in said)
    assert said[-1].startswith("2 passed, 1 failed, 1 skipped in ")


def test_a_run_without_numbers_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"passed": 2, "failed": 0, "skipped": 1, "error": 3}))
    said = lanes.total([tmp_path / "a.json", tmp_path / "b.json"], 3.2)
    assert said == "2 passed, 0 failed, 1 skipped, 3 errors, and a run of pytest that did not finish in 3 s"
