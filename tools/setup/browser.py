"""Find or fetch a Chromium for the browser tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ..setup_error import SetupError
from ..terminal import say

NAMES = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "microsoft-edge-stable", "msedge"),
)
MAC = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
WINDOWS = (
    r"Google\Chrome\Application\chrome.exe",
    r"Chromium\Application\chrome.exe",
    r"Microsoft\Edge\Application\msedge.exe",
)
WINDOWS_ROOTS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
_WHERE = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
FETCH_SECONDS = 600


def find(search_path: str | None = None) -> Path | None:
    """A Chromium, Chrome or Edge on `search_path` (None: $PATH) or in this system's usual places, or None."""
    for name in NAMES:
        found = shutil.which(name, path=search_path)
        if found:
            return Path(found)
    return next((path for path in _usual_places() if path.is_file()), None)


def ensure(python: Path, home: Path) -> Path:
    """A browser: $FLASHMOTION_BROWSER, an installed one, Playwright's own, or Debian's if we are root.

    `python` has Playwright. Raises SetupError if there is none and none can be fetched.
    """
    given = os.environ.get("FLASHMOTION_BROWSER")
    if given:
        if not Path(given).is_file():
            raise SetupError(f"FLASHMOTION_BROWSER names {given}, which does not exist: correct or unset it.")
        return Path(given)
    found = find() or _from_playwright(python, home) or _from_debian()
    if found is None:
        raise SetupError(
            "No browser was found and none could be fetched: install Chromium, Chrome or Edge, set FLASHMOTION_BROWSER to "
            "one, or skip the browser tests with --fast."
        )
    return found


def _usual_places() -> list[Path]:
    if sys.platform == "darwin":
        return [Path(path) for path in MAC]
    roots = [os.environ[name] for name in WINDOWS_ROOTS if name in os.environ] if os.name == "nt" else []
    return [Path(root, path) for root in roots for path in WINDOWS]


def _from_playwright(python: Path, home: Path) -> Path | None:
    environment = {**os.environ, "PLAYWRIGHT_BROWSERS_PATH": str(home / "browsers")}
    where = _output([str(python), "-I", "-c", _WHERE], environment)
    if where and Path(where).is_file():
        return Path(where)
    say("Fetching a Chromium through Playwright (about 0.2 GB) ...")
    fetched = _output([str(python), "-I", "-m", "playwright", "install", "chromium"], environment)
    return Path(where) if fetched is not None and where and Path(where).is_file() else None


def _from_debian() -> Path | None:
    if not shutil.which("apt-get") or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    say("Installing Debian's Chromium (about 0.4 GB) ...")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _output(["apt-get", "update", "-q"], environment)
    _output(["apt-get", "install", "-yq", "chromium"], environment)
    return find()


def _output(command: list[str], environment: dict[str, str]) -> str | None:
    """What `command` printed; None if it failed or took too long."""
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=FETCH_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
