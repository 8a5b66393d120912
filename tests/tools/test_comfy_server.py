"""A server's life, with a stand-in for main.py that starts in no time; the real one is in test_real_server.py."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.comfy.port_claim import claimed_port
from tools.comfy.server import (
    HOST,
    Server,
    ServerError,
    answers,
    free_port,
    import_failures,
    is_free,
    log_tail,
    require_port,
)
from tools.setup.environment import REPOSITORY

from ..support.sentences import refuses

ANSWERING = """
import gc, http.server, sys, os
assert os.path.dirname(os.path.abspath(__file__)) == sys.path[0], sys.path
assert not any(path.endswith("tools") for path in sys.path), sys.path
print("arguments", sys.argv, "collects", gc.isenabled(), flush=True)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *a): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Answer)
try:
    server.serve_forever()
except KeyboardInterrupt:
    print("collects", gc.isenabled(), flush=True)
    print("Stopped server", flush=True)
"""


def comfyui(folder: Path, main: str) -> Path:
    folder.mkdir()
    (folder / "main.py").write_text(main, encoding="utf-8")
    return folder


def test_a_server_answers_and_ends(tmp_path: Path) -> None:
    with Server(
        sys.executable, comfyui(tmp_path / "c", ANSWERING), tmp_path / "base", extra_args=["--lowvram"]
    ) as server:
        assert answers(server.url)
        assert server.url == f"http://{HOST}:{server.port}"
        assert (tmp_path / "base" / "custom_nodes").is_dir()
        log = server.log.read_text(encoding="utf-8")
        assert "'--cpu'" in log
        assert "'--lowvram'" in log
        assert "collects False" in log
    assert "collects True" in server.log.read_text(encoding="utf-8")
    assert is_free(server.port)
    assert log_tail(server.log, 1) == "Stopped server"


def test_a_server_ends_when_the_block_raises(tmp_path: Path) -> None:
    server = Server(sys.executable, comfyui(tmp_path / "c", ANSWERING), tmp_path / "base")
    with pytest.raises(KeyboardInterrupt), server:
        raise KeyboardInterrupt
    assert is_free(server.port)


@pytest.mark.skipif(os.name != "posix", reason="kills its parent by a POSIX signal")
def test_a_server_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    port = free_port()
    start = (
        f"import sys, time; sys.path.insert(0, {str(REPOSITORY)!r}); from tools.comfy.server import Server\n"
        f"with Server(sys.executable, {str(comfyui(tmp_path / 'c', ANSWERING))!r}, {str(tmp_path / 'b')!r}, {port}):\n"
        "    print('up', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        assert answers(f"http://{HOST}:{port}")
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while not is_free(port) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert is_free(port)


def test_a_server_that_dies_at_start(tmp_path: Path) -> None:
    broken = comfyui(tmp_path / "c", "import nothing_of_this_name")
    log = tmp_path / "base" / "server.log"
    with refuses(ServerError, key="ended unexpectedly", value="exit code 1:", remedy=f"see {log}") as caught:
        Server(sys.executable, broken, tmp_path / "base").__enter__()
    assert isinstance(caught.value, ServerError)
    assert "No module named 'nothing_of_this_name'" in caught.value.details


def test_a_server_that_never_answers(tmp_path: Path) -> None:
    silent = comfyui(tmp_path / "c", "import time; print('busy', flush=True); time.sleep(60)")
    server = Server(sys.executable, silent, tmp_path / "base", timeout=1.0)
    with refuses(ServerError, key="did not answer", value="1 seconds", remedy=f"see {server.log}"):
        server.__enter__()
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


def test_no_comfyui(tmp_path: Path) -> None:
    with refuses(ServerError, key="main.py is missing", value=tmp_path, remedy="the folder of a ComfyUI"):
        Server(sys.executable, tmp_path, tmp_path / "base").__enter__()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with refuses(ServerError, key="in use by another program", value=port, remedy="for example --port ") as caught:
            Server(sys.executable, comfyui(tmp_path / "c", ANSWERING), tmp_path / "base", port).__enter__()
        assert re.search(r"--port \d+\.$", str(caught.value))
        assert f"--port {port}." not in str(caught.value)
        with claimed_port(port) as another:
            assert another != port
    with claimed_port(port) as same:
        assert same == port


def test_two_commands_at_once_have_a_port_each() -> None:
    wanted = free_port()
    claim = (
        f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); from tools.comfy.port_claim import claimed_port\n"
        f"with claimed_port({wanted}) as port:\n"
        "    print(port, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", claim], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as one:
        assert one.stdout is not None
        assert int(one.stdout.readline()) == wanted
        assert is_free(wanted)  # nobody listens yet, and yet it is taken
        with claimed_port(wanted) as mine, claimed_port(wanted) as other:
            assert len({wanted, mine, other}) == 3
        one.kill()
    with claimed_port(wanted) as mine:
        assert mine == wanted


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_does_not_exist(port: int) -> None:
    with refuses(ServerError, key="--port", value=port, remedy="a number from 1 to 65535"):
        require_port(port)


def test_the_log_says_which_pack_failed(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text(
        "loading\n\x1b[33m[WARNING]\x1b[0m Cannot import /b/custom_nodes/flashmotion module for custom nodes: "
        "No module named 'x'\n\n   0.0 seconds (IMPORT FAILED): /b/custom_nodes/flashmotion\n",
        encoding="utf-8",
    )
    assert import_failures(log) == {"/b/custom_nodes/flashmotion": "No module named 'x'"}
    assert log_tail(log, 1) == "   0.0 seconds (IMPORT FAILED): /b/custom_nodes/flashmotion"
    assert log_tail(tmp_path / "absent.log") == ""
