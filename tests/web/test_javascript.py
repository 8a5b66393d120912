"""The editor's modules: node's own tests, tsc's types and eslint, as part of the tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("script", ["test", "types", "lint"])
def test_npm_run(script: str) -> None:
    npm = os.environ.get("FLASHMOTION_NPM")
    if not npm:
        pytest.skip("needs FLASHMOTION_NPM, an npm beside its node: run python run_tests.py")
    path = os.pathsep.join([str(Path(npm).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [npm, "run", "--silent", script],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    if script == "test":
        assert "fail 0" in done.stdout
