"""A ComfyUI server as a context manager that starts it on a free port, waits for it and always ends it."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from ..setup_error import SetupError

HOST = "127.0.0.1"
DEFAULT_PORT = 8188
BASE_FOLDERS = ("custom_nodes", "models", "input", "output", "temp", "user")
# The server fetches nothing: everything it needs is already installed.
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "DO_NOT_TRACK": "1"}
READABLE_LOG = {"NO_COLOR": "1", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
LIFELINE = Path(__file__).with_name("lifeline.py")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_IMPORT_FAILED = re.compile(r"Cannot import (?P<path>.+) module for custom nodes: (?P<reason>.*)")


class ServerError(SetupError):
    """The server did not start, or it has ended; `details` are the last lines of its log."""


class Server:
    """One ComfyUI server, for the length of a `with` block.

    `python` runs `comfyui`/main.py with `base` as its base directory, which is created if absent. A `port` of None picks
    a free one. `extra_args` follow our own arguments to main.py. Once entered, `url` (without a final slash), `port`,
    `pid` and `log` (the server's whole output) are set. Entering raises ServerError when `port` is taken, when the server
    dies, or when it does not answer within `timeout` seconds.
    """

    url: str
    port: int
    pid: int

    def __init__(
        self,
        python: str | os.PathLike[str],
        comfyui: str | os.PathLike[str],
        base: str | os.PathLike[str],
        port: int | None = None,
        extra_args: Sequence[str] = (),
        *,
        cpu: bool = True,
        timeout: float = 180.0,
    ) -> None:
        # Made absolute but not resolved: a venv's python is a link, and only the link leads to its venv.
        self.python = Path(os.path.abspath(python))
        self.comfyui = Path(comfyui).resolve()
        self.base = Path(base).resolve()
        self.log = self.base / "server.log"
        self.cpu = cpu
        self.timeout = timeout
        self.extra_args = tuple(extra_args)
        self._wanted_port = port
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """The command line of this server; `port` must be set."""
        return [
            str(self.python),
            str(LIFELINE),
            str(self.comfyui / "main.py"),
            *(["--cpu"] if self.cpu else []),
            *("--listen", HOST, "--port", str(self.port), "--base-directory", str(self.base)),
            *("--database-url", "sqlite:///:memory:", "--disable-auto-launch", "--disable-api-nodes"),
            *self.extra_args,
        ]

    def __enter__(self) -> Server:
        if not (self.comfyui / "main.py").is_file():
            raise ServerError(
                f"{self.comfyui} is not a ComfyUI folder (main.py is missing): give the folder of a ComfyUI."
            )
        for name in BASE_FOLDERS:
            (self.base / name).mkdir(parents=True, exist_ok=True)
        self.port = free_port() if self._wanted_port is None else require_port(self._wanted_port)
        self.url = f"http://{HOST}:{self.port}"
        self._process = self._start()
        self.pid = self._process.pid
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server, by force if it takes longer than 10 seconds. Does nothing if it has already ended."""
        process = self._process
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(OSError):  # the server may have ended already
            process.stdin.close()  # the lifeline: the server sees end-of-file and shuts down as on Ctrl+C
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._process = None

    def check_alive(self) -> None:
        """Raises ServerError if the server has ended unexpectedly."""
        code = None if self._process is None else self._process.poll()
        if code is not None:
            raise ServerError(
                f"The ComfyUI server ended unexpectedly with exit code {code}: see {self.log}.", log_tail(self.log)
            )

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads leave the cores to the browser
        environment.update(OFFLINE)
        environment.update(READABLE_LOG)
        flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        with self.log.open("wb") as log:
            return subprocess.Popen(
                self.command(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.comfyui,
                env=environment,
                # In a group of its own: Ctrl+C reaches only us, and we shut the server down.
                creationflags=flags,
                start_new_session=os.name == "posix",
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.timeout
        while time.monotonic() < deadline:
            self.check_alive()
            if answers(self.url):
                self.check_alive()  # the answer may have come from another server on the same port
                self._say_that_it_has_started()
                return
            time.sleep(0.2)
        sentence = f"The ComfyUI server did not answer within {self.timeout:.0f} seconds: see {self.log}."
        raise ServerError(sentence, log_tail(self.log))

    def _say_that_it_has_started(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # the server may have ended already
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()


def answers(url: str) -> bool:
    """Whether a ComfyUI server answers at `url`."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach the loopback address
    try:
        with opener.open(f"{url}/system_stats", timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def is_free(port: int) -> bool:
    """Whether `port` of the loopback address is free."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A free port chosen by the system."""
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


def require_port(port: int) -> int:
    """`port` itself; raises ServerError if it is out of range or taken."""
    if not 1 <= port <= 65535:
        raise ServerError(f"--port is {port}: give a number from 1 to 65535.")
    if not is_free(port):
        raise ServerError(
            f"Port {port} is in use by another program: end that program or choose another port, "
            f"for example --port {free_port()}."
        )
    return port


def log_tail(log: Path, lines: int = 25) -> str:
    """The last `lines` non-empty lines of a log; "" if there is no log."""
    if not log.is_file():
        return ""
    return "\n".join([line for line in _read(log).splitlines() if line.strip()][-lines:])


def import_failures(log: Path) -> dict[str, str]:
    """{path of a custom node pack: reason} for every pack that ComfyUI failed to import, read from its log."""
    return {match["path"]: match["reason"] for match in _IMPORT_FAILED.finditer(_read(log))}


def _read(log: Path) -> str:
    """The text of a log without colours; some versions ignore NO_COLOR."""
    return _COLOUR.sub("", log.read_text(encoding="utf-8", errors="replace"))
