"""A run's results, as JSON and as Markdown tables with ratios."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from .rows import SpeedRow

FORMAT = 1
USUAL = "auto"
SETTINGS = dict.fromkeys(("dtype", "mode", "adapter", "host"), "") | {"attention": USUAL}
"""The settings that distinguish denoising rows, with the value of a setting that a row leaves out."""
PACKAGES = ("torch", "diffusers", "transformers", "numpy", "av")


def machine(device: torch.device) -> dict[str, Any]:
    """The device and the computer around it."""
    found: dict[str, Any] = {"device": device.type, "processor": platform.machine(), "threads": torch.get_num_threads()}
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found |= {"name": properties.name, "memory_bytes": properties.total_memory, "cuda": torch.version.cuda}
    return found


def versions() -> dict[str, str]:
    """Versions of Python and the packages that matter for speed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def document(
    rows: Sequence[SpeedRow],
    device: torch.device,
    shapes: str,
    counts: Mapping[str, int],
    rate: Mapping[str, Any],
    command: str,
) -> dict[str, Any]:
    """The whole report, JSON-ready."""
    return {
        "format": FORMAT,
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "command": command,
        "machine": machine(device),
        "versions": versions(),
        "shapes": shapes,
        "parameters": dict(counts),
        "matmul": dict(rate),
        "rows": [row.as_json() | {"share": share(row, rate["flops"])} | overhead(row, rows) for row in rows],
        "ratios": ratios(rows),
    }


def share(row: SpeedRow, rate: float) -> float | None:
    """What part of the device's own rate of matrix products a row reached; None where time or FLOPs are unknown."""
    return row.flops / row.seconds / rate if row.flops and row.seconds else None


def overhead(row: SpeedRow, rows: Sequence[SpeedRow]) -> dict[str, float | None]:
    """What an adapter adds to four steps without one, of the same size and settings, as a share of those.

    Returns:
        ``overhead`` in time and ``predicted``, the same in FLOPs; None if there is nothing to compare with.
    """
    plain = next(
        (
            other
            for other in rows
            if row.group == other.group == "denoise"
            and row is not other
            and row.size == other.size
            and {**row.settings, "adapter": "none"} == other.settings
        ),
        None,
    )
    if plain is None:
        return {"overhead": None, "predicted": None}
    return {
        "overhead": row.seconds / plain.seconds - 1 if row.seconds and plain.seconds else None,
        "predicted": row.flops / plain.flops - 1 if row.flops and plain.flops else None,
    }


def ratios(rows: Sequence[SpeedRow]) -> list[dict[str, Any]]:
    """Every comparison that the rows allow: ``what``, ``size``, ``time`` and, where known, ``memory``, each the first over the second."""
    found = []
    steps = {
        (row.size, *(row.settings.get(name, usual) for name, usual in SETTINGS.items())): row
        for row in rows
        if row.group == "denoise" and row.seconds
    }
    for (size, dtype, mode, adapter, host, attention), row in steps.items():
        others = {
            f"{adapter} adapter / none": (dtype, mode, "none", host),
            f"{adapter}: {dtype} / bf16": ("bf16", mode, adapter, host),
            f"{adapter}: {dtype} / float32": ("float32", mode, adapter, host),
            f"{adapter}: compiled / eager": (dtype, "eager", adapter, host),
            f"{adapter}: diffusers' transformer / core's": (dtype, mode, adapter, "core"),
        }
        if attention != USUAL:
            others = {f"{adapter}: {attention} / {USUAL}": (dtype, mode, adapter, host)}
        for what, key in others.items():
            other = steps.get((size, *key, USUAL))
            if other is not None and other is not row:
                found.append(_ratio(f"{what} ({dtype}, {mode}, {host})", row, other))
    return found + _same_work(rows, "parts", "decode, ", "decode") + _job_ratios(rows)


def _same_work(rows: Sequence[SpeedRow], group: str, start: str, usual: str) -> list[dict[str, Any]]:
    """Rows of one group whose name starts in one way over the row of the usual name, where size and settings are the same."""
    measured = [row for row in rows if row.group == group and row.seconds]
    plain = {(row.size, *row.settings.items()): row for row in measured if row.name == usual}
    pairs = ((row, plain.get((row.size, *row.settings.items()))) for row in measured if row.name.startswith(start))
    return [_ratio(f"{row.name} / {usual}", row, other) for row, other in pairs if other is not None]


def _job_ratios(rows: Sequence[SpeedRow]) -> list[dict[str, Any]]:
    """Peers' whole jobs over ours with a ResNet adapter, of the same size and with the same VAE: the fastest headless one, and in ComfyUI."""
    found = []
    for peer in (row for row in rows if row.group == "peers" and row.seconds):
        for group in ("job", "comfyui"):
            alike = [
                row
                for row in rows
                if row.group == group
                and row.seconds
                and (row.size, row.settings.get("vae")) == (peer.size, peer.settings.get("vae"))
                and row.settings.get("adapter") == "resnet"
            ]
            if alike:
                best = min(alike, key=lambda row: row.seconds or 0)
                found.append(_ratio(f"{peer.name} / ours ({', '.join(best.settings.values())})", peer, best))
    jobs = {(row.size, *row.settings.items()): row for row in rows if row.group == "job" and row.seconds}
    for row in jobs.values():
        full = jobs.get((row.size, *(row.settings | {"vae": "full"}).items()))
        if row.settings.get("vae") == "small decoder" and full is not None:
            found.append(_ratio("picture and boxes to mp4: small decoder / full VAE", row, full))
    return found + _sampler_ratios(rows)


def _sampler_ratios(rows: Sequence[SpeedRow]) -> list[dict[str, Any]]:
    samplers = {row.name: row for row in rows if row.group == "comfyui" and row.settings.get("adapter") == "none"}
    ours, stock = samplers.get("FewStepSampler, four steps"), samplers.get("KSampler, four steps")
    if ours is None or stock is None or not ours.seconds or not stock.seconds:
        return []
    return [_ratio("FewStepSampler / KSampler", ours, stock)]


def _ratio(what: str, first: SpeedRow, second: SpeedRow) -> dict[str, Any]:
    assert first.seconds
    assert second.seconds
    memory = first.peak_bytes / second.peak_bytes if first.peak_bytes and second.peak_bytes else None
    return {"what": what, "size": first.size, "time": first.seconds / second.seconds, "memory": memory}


def markdown(report: Mapping[str, Any]) -> str:
    """Tables of a report."""
    where, rate = report["machine"], report["matmul"]
    name = where.get("name", f"a {where['processor']} CPU, {where['threads']} thread(s)")
    lines = [
        f"# Speed on {name}",
        "",
        f"{report['date']}, `{report['command']}`; {', '.join(f'{k} {v}' for k, v in report['versions'].items())}.",
        "",
        f"Shapes: {report['shapes']}, random weights; {', '.join(f'{k} {v:,}' for k, v in report['parameters'].items())} parameters.",
        f"One {rate['size']} x {rate['size']} matrix product in {rate['dtype']} runs at {rate['flops'] / 1e12:.4g} TFLOP/s here; "
        f"shares are of that rate. Memory is the most that torch held on a GPU, models included.",
        "",
    ]
    if report["shapes"] == "tiny":
        lines += ["These are tiny shapes: they show that the benchmark runs, but say nothing about the real ones.", ""]
    titles = {
        "parts": "Parts",
        "denoise": "Denoising",
        "job": "Whole job",
        "peers": "Others",
        "comfyui": "Inside ComfyUI",
    }
    for group, title in titles.items():
        rows = [row for row in report["rows"] if row["group"] == group]
        if rows:
            table = (
                _table([*HEAD, *OVER_NONE], ([*_cells(row), *_over_none(row)] for row in rows))
                if group == "denoise"
                else _table(HEAD, map(_cells, rows))
            )
            lines += [f"## {title}", "", *table, ""]
    if report["ratios"]:
        cells = ([r["what"], r["size"], f"{r['time']:.2f}", _or_dash(r["memory"], "{:.2f}")] for r in report["ratios"])
        lines += ["## Ratios", "", *_table(["first / second", "size", "time", "memory"], cells), ""]
    return "\n".join(lines)


HEAD = ["what", "size", "settings", "seconds", "of it", "share", "GB"]
OVER_NONE = ["over none", "in FLOPs"]
"""What the adapter adds, measured in time and predicted from FLOPs."""


def _cells(row: Mapping[str, Any]) -> list[str]:
    settings = ", ".join(row["settings"].values())
    if row["seconds"] is None:
        return [row["name"], row["size"], settings, row["error"], "", "", ""]
    memory = None if row["peak_bytes"] is None else row["peak_bytes"] / 1e9
    parts = " ".join(f"{part:.3g}" for part in row["parts"])
    return [
        row["name"], row["size"], settings, f"{row['seconds']:.4g}", parts, _or_dash(row["share"], "{:.0%}"), _or_dash(memory, "{:.3g}")
    ]  # fmt: skip


def _over_none(row: Mapping[str, Any]) -> list[str]:
    return [_or_dash(row[name], "{:+.1%}") for name in ("overhead", "predicted")]


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
