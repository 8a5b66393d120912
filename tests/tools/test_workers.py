"""run_tests.py's run of pytest: what shares a worker, how many threads it has, and that its exit code is pytest's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import workers
from tools.setup.environment import REPOSITORY, scripts_of

PYTEST = scripts_of(Path(sys.prefix)) / ("pytest.exe" if os.name == "nt" else "pytest")
CONFTEST = f"""
import importlib.util
spec = importlib.util.spec_from_file_location("hooks", {str(REPOSITORY / "tests/support/order.py")!r})
hooks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hooks)
pytest_collection_modifyitems = hooks.pytest_collection_modifyitems
pytest_xdist_make_scheduler = hooks.pytest_xdist_make_scheduler
"""
# Each test leaves a line: its worker, its file, and its server if it has one.
TESTS = """
import os, pathlib, pytest
def leave(server=""):
    assert os.environ["OMP_NUM_THREADS"] == "1"
    with open("lines.txt", "a") as lines: lines.write(f"{os.environ['PYTEST_XDIST_WORKER']} {pathlib.Path(__file__).stem} {server}\\n")
@pytest.mark.parametrize("number", range(3))
def test_free(number): leave()
@pytest.mark.parametrize("server", ["newest_server", "oldest_server"])
def test_server(server): leave({"newest_server": "pinned", "oldest_server": "oldest"}[server])
@pytest.mark.parametrize("page", ["newest-vue", "newest-classic", "pinned-vue"])
def test_page(page): leave(page.partition("-")[0])
def test_last(): assert not os.environ.get("BROKEN"), "broken here"
"""
RUN = (
    f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); import os; from pathlib import Path; from tools import workers\n"
    "command = [sys.argv[1], '-n', '2', *workers.workers()[2:]]\n"
    "sys.exit(workers.run_pytest(command, {**os.environ, **workers.ONE_THREAD}, Path(sys.argv[2])))"
)


def run(project: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The tests above in two files and two workers, in a process of their own."""
    (project / "pytest.ini").write_text("[pytest]\n")
    (project / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    for name in ("test_one.py", "test_two.py"):
        (project / name).write_text(TESTS, encoding="utf-8")
    hidden = ("OMP_NUM_THREADS", "PYTEST_XDIST_WORKER")
    environment = {**{name: value for name, value in os.environ.items() if name not in hidden}, **variables}
    command = [sys.executable, "-c", RUN, str(PYTEST), str(project)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow
def test_tests_of_a_server_or_of_a_file_stay_in_one_worker(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "18 passed" in done.stdout
    homes: dict[str, set[str]] = {}
    for line in (tmp_path / "lines.txt").read_text().splitlines():
        worker, file, *server = line.split()
        homes.setdefault(server[0] if server else file, set()).add(worker)
    assert homes.keys() == {"newest", "pinned", "oldest", "test_one", "test_two"}
    assert all(len(workers_of) == 1 for workers_of in homes.values())
    assert set.union(*homes.values()) == {"gw0", "gw1"}


@pytest.mark.slow
def test_a_failure_is_the_exit_code(tmp_path: Path) -> None:
    done = run(tmp_path, BROKEN="1")
    assert done.returncode == 1
    assert "broken here" in done.stdout
    assert "2 failed, 16 passed" in done.stdout


def test_there_is_a_worker_per_core_and_one_more_where_tests_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, waiting, count in ((1, True, 2), (2, True, 3), (2, False, 2), (64, True, workers.MOST_WORKERS)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: range(cores), raising=False)
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        assert workers.workers(waiting)[1] == str(count)
