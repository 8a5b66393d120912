"""Queue a graph on a ComfyUI server and follow it until it ends (HTTP and websocket). Runs inside the environment: aiohttp.

The graph is in API form: {node id: {"class_type": ..., "inputs": {...}}}.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

Json = dict[str, Any]
Graph = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class RunProgress:
    """How far a run is: `done` of `nodes` nodes have finished, and node `node_id` is at `value` of `maximum`."""

    done: int
    nodes: int
    node_id: str
    class_type: str
    value: float
    maximum: float


@dataclass(frozen=True)
class Failure:
    """Why a run failed; `str()` gives the message alone.

    `kind`: "validation" (refused before it ran), "execution" (a node raised) or "interrupted".
    `details`: the server's own answer.
    """

    kind: str
    message: str
    node_id: str = ""
    node_type: str = ""
    details: Json = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class RunResult:
    """One run. `outputs`: {node id: its ui output}; `events`: every websocket message {"type", "data"} in order."""

    outputs: dict[str, Json]
    history: Json
    events: list[Json]
    error: Failure | None

    def files(self, base: str | Path) -> list[Path]:
        """The files that the run wrote below the server's base directory `base`, in the order of the outputs."""
        found: list[Path] = []
        for output in self.outputs.values():
            for entries in output.values():
                for entry in entries if isinstance(entries, list) else []:
                    if isinstance(entry, dict) and "filename" in entry:
                        folder = Path(base) / entry.get("type", "output") / entry.get("subfolder", "")
                        found.append(folder / entry["filename"])
        return found


def run(
    url: str, api_graph: Graph, on_progress: Callable[[RunProgress], None] | None = None, timeout: float = 600.0
) -> RunResult:
    """Queue `api_graph` on the server at `url` and wait until it ends.

    A graph that is refused or fails gives a RunResult with `error` set. Raises TimeoutError after `timeout` seconds and
    ConnectionError when the connection is lost. Inside a running event loop, await `run_async` instead.
    """
    return asyncio.run(run_async(url, api_graph, on_progress, timeout))


async def run_async(
    url: str, api_graph: Graph, on_progress: Callable[[RunProgress], None] | None = None, timeout: float = 600.0
) -> RunResult:
    """`run` for callers that have an event loop."""
    try:
        return await asyncio.wait_for(_run(url, api_graph, on_progress), timeout)
    except asyncio.TimeoutError:
        raise TimeoutError(f"The graph on {url} did not finish within {timeout:.0f} seconds.") from None
    except aiohttp.ClientError as error:
        raise ConnectionError(f"The connection to the ComfyUI server at {url} was lost ({error}).") from error


async def get_json(url: str) -> Any:
    """The JSON document at `url`; raises aiohttp.ClientError."""
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        reply.raise_for_status()
        return await reply.json()


def object_info(url: str) -> dict[str, Json]:
    """The server's description of every node type: {node type: {"input": ..., "output": ...}}."""
    info: dict[str, Json] = asyncio.run(get_json(f"{url}/object_info"))
    return info


async def _run(url: str, graph: Graph, on_progress: Callable[[RunProgress], None] | None) -> RunResult:
    client_id = uuid.uuid4().hex
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url.replace('http', 'ws', 1)}/ws?clientId={client_id}", max_msg_size=0) as socket,
    ):
        async with session.post(f"{url}/prompt", json={"prompt": graph, "client_id": client_id}) as reply:
            answer = await reply.json()
        refused = _refusal(answer) if reply.status != 200 or answer.get("node_errors") else None
        if reply.status != 200:
            return RunResult({}, {}, [], refused)
        prompt_id = answer["prompt_id"]
        events = await _follow(socket, prompt_id, graph, on_progress)
        async with session.get(f"{url}/history/{prompt_id}") as reply:
            history = (await reply.json()).get(prompt_id, {})
    # The server runs the valid part of a graph; to us a graph with an invalid part has failed.
    return RunResult(history.get("outputs", {}), history, events, refused or _failure(events))


async def _follow(
    socket: aiohttp.ClientWebSocketResponse[Any],
    prompt_id: str,
    graph: Graph,
    on_progress: Callable[[RunProgress], None] | None,
) -> list[Json]:
    """Every event of the run, up to the one that the server sends once the history is written."""
    events: list[Json] = []
    finished: set[str] = set()
    while True:
        message = await socket.receive()
        if message.type is aiohttp.WSMsgType.BINARY:
            continue  # a preview image
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise aiohttp.ClientConnectionError("the server closed it before the graph had finished")
        event = json.loads(message.data)
        if event["data"].get("prompt_id") != prompt_id:
            continue
        events.append(event)
        progress = _progress(event, graph, finished)
        if progress is not None and on_progress is not None:
            on_progress(progress)
        # execution_success is sent before the history is written, this event after it.
        if event["type"] == "executing" and event["data"]["node"] is None:
            return events


def _progress(event: Json, graph: Graph, finished: set[str]) -> RunProgress | None:
    """The progress that `event` reports; `finished` collects the nodes that are done."""
    data = event["data"]
    if event["type"] == "execution_cached":
        finished.update(set(data["nodes"]) & set(graph))
        return None
    if event["type"] != "progress_state":
        return None
    states = {
        key: state for key, state in data["nodes"].items() if key in graph
    }  # without the nodes of expanded graphs
    finished.update(key for key, state in states.items() if state["state"] == "finished")
    running = [key for key, state in states.items() if state["state"] == "running"]
    if not running and not states:
        return None
    node = running[-1] if running else list(states)[-1]
    state = states[node]
    class_type = str(graph[node]["class_type"])
    return RunProgress(len(finished), len(graph), node, class_type, float(state["value"]), float(state["max"]))


def _failure(events: list[Json]) -> Failure | None:
    for event in events:
        data = event["data"]
        if event["type"] == "execution_error":
            message = str(data["exception_message"]).strip()
            return Failure("execution", message, str(data["node_id"]), str(data["node_type"]), data)
        if event["type"] == "execution_interrupted":
            node, kind = str(data.get("node_id", "")), str(data.get("node_type", ""))
            return Failure("interrupted", "The run was interrupted.", node, kind, data)
    return None


def _refusal(answer: Json) -> Failure:
    """The server's refusal as one message: each reason once, with its node and input."""
    reasons: list[str] = []
    node_errors = answer.get("node_errors") or {}
    for node_id, node in node_errors.items():
        for error in node["errors"]:
            place = f"{node['class_type']} (node {node_id})"
            reasons.append(f"{place}: {error['message']}: {error['details']}")
    error = answer.get("error") or {}
    if not reasons:
        text = error if isinstance(error, str) else f"{error.get('message', '')} {error.get('details', '')}"
        reasons.append(text.strip())
    node_id = next(iter(node_errors), "")
    node_type = node_errors[node_id]["class_type"] if node_id else ""
    return Failure("validation", "; ".join(dict.fromkeys(reasons)), str(node_id), str(node_type), answer)
