"""Run the environment's pip quietly, log its output, and explain its failures in one sentence.

The user's own pip settings (pip.conf, PIP_INDEX_URL, proxies ...) stay in force; no option here changes them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ..setup_error import SetupError
from ..terminal import StatusLine, say

SHOWN_LINES = 8
_STEP = re.compile(r"^\s*(Collecting|Downloading|Installing|Building|Preparing)\b.*")
# Ordered: the first pattern found in pip's output explains the failure.
_CAUSES: tuple[tuple[str, str], ...] = (
    (
        r"No space left on device|Errno 28\b|not enough space on the disk",
        "the disk of {folder} is full: free some space and run the command again",
    ),
    (
        r"DO NOT MATCH THE HASHES",
        "a download does not have the expected sha256 and was not used: check which package index pip uses, then run "
        "the command again",
    ),
    (
        r"NewConnectionError|ConnectTimeoutError|NameResolutionError|ProxyError|SSLError|CERTIFICATE_VERIFY_FAILED"
        r"|Failed to establish a new connection|Max retries exceeded|Network is unreachable|Read timed out"
        r"|Temporary failure in name resolution|getaddrinfo failed",
        "pip cannot reach its package index: check the network, the proxy and pip's settings (`pip config list`), "
        "then run the command again",
    ),
    (
        # Without retries, pip does not mention the connection.
        r"that satisfies the requirement (?P<name>\S+) \(from versions: none\)",
        "pip cannot reach its package index, or that index does not have {name}: check the network, the proxy and "
        "pip's settings (`pip config list`), then run the command again",
    ),
    (
        r"No matching distribution found for (?P<name>\S+)",
        "pip finds no build of {name} for Python {python} on {system}: use another Python (3.10 or newer) or another "
        "package index",
    ),
    (r"Permission denied|Errno 13\b", "pip is not allowed to write to {folder}: change its permissions"),
)


def run_pip(python: Path, arguments: Sequence[str], *, what: str, size: str, home: Path) -> None:
    """`python -m pip ARGUMENTS`; prints `what` it does, the `size` of that and the time it took.

    Writes `home`/logs/pip.log and keeps pip's temporary files in `home`, the disk whose free space was checked.
    Raises SetupError in one sentence, with pip's last lines as details.
    """
    say(f"{what} ({size}) ...")
    started = time.monotonic()
    code, lines = _run([str(python), "-m", "pip", *arguments], home)
    if code != 0:
        raise SetupError(f"{what} failed: {explain(lines, home)}.", "\n".join(lines[-SHOWN_LINES:]))
    say(f"  done in {time.monotonic() - started:.0f} s")


def explain(lines: Sequence[str], folder: Path) -> str:
    """Why pip failed and what to do about it, judging by its output."""
    text = "\n".join(lines)
    for pattern, cause in _CAUSES:
        found = re.search(pattern, text)
        if found:
            python = f"{sys.version_info[0]}.{sys.version_info[1]}"
            return cause.format(folder=folder, python=python, system=sys.platform, **found.groupdict())
    return f"see pip's own words above and {folder / 'logs' / 'pip.log'}"


def _run(command: list[str], home: Path) -> tuple[int, list[str]]:
    log, temporary = home / "logs" / "pip.log", home / "temporary"
    for folder in (log.parent, temporary):
        folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))}
    environment.update(PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_PROGRESS_BAR="off")
    environment.pop("PYTHONPATH", None)
    lines: list[str] = []
    status = StatusLine()
    with (
        log.open("a", encoding="utf-8") as record,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=environment,
        ) as process,
    ):
        for line in process.stdout or ():
            record.write(line)
            lines.append(line.rstrip())
            if _STEP.match(line):
                status.show("  " + line.strip())
    status.clear()
    return process.returncode, lines
