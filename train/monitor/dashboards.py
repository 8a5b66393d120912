"""Dashboards that a maker may have installed: Weights & Biases, and trackio, which has the same interface and stays on this machine."""

from __future__ import annotations

import importlib
import io
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import TrainError


class Dashboard(Protocol):
    """Where the metrics of a phase are shown."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Send the values of one step."""

    def image(self, step: int, name: str, array_HWC: NDArray[np.uint8]) -> None:
        """Send a picture ``[H, W, 3]``."""

    def close(self) -> None:
        """Finish; everything is sent."""


def open_dashboards(folder: Path, names: Sequence[str]) -> list[Dashboard]:
    """Those named ``wandb`` and ``trackio``. Each has one run per folder, however often it is resumed; names of projects, addresses and modes come
    from their own environment variables.

    Raises:
        TrainError: one is not installed, or cannot be started.
    """
    known: dict[str, Callable[[Path], Dashboard]] = {"wandb": _Wandb, "trackio": _Trackio}
    return [known[name](folder) for name in names]


def check_dashboards(names: Sequence[str]) -> None:
    """Raise TrainError for one that is not installed."""
    for name in names:
        _loaded(name)


class _Wandb:
    """Weights & Biases."""

    def __init__(self, folder: Path) -> None:
        self._wandb = _loaded("wandb")
        identity = folder / "wandb_id.txt"
        if not identity.exists():
            identity.write_text(uuid.uuid4().hex[:12], encoding="utf-8")
        self._run = self._wandb.init(
            project=os.environ.get("WANDB_PROJECT", "flashmotion"),
            id=identity.read_text(encoding="utf-8"),
            resume="allow",
            name=_name(folder),
            dir=str(folder),
        )
        # Our own step, as its counter refuses steps that are logged again after a resume.
        self._run.define_metric("*", step_metric="step")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log({**values, "step": step})

    def image(self, step: int, name: str, array_HWC: NDArray[np.uint8]) -> None:
        self._run.log({name: self._wandb.Image(array_HWC), "step": step})

    def close(self) -> None:
        self._run.finish()


class _Trackio:
    """trackio; `trackio show` opens it."""

    def __init__(self, folder: Path) -> None:
        self._trackio = _loaded("trackio")
        try:
            with redirect_stdout(io.StringIO()):  # it advertises itself
                self._run = self._trackio.init(
                    project=os.environ.get("TRACKIO_PROJECT", "flashmotion"),
                    name=_name(folder),
                    resume="allow",
                    embed=False,
                    auto_log_gpu=False,
                    auto_log_cpu=False,
                )
        except (OSError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split()).rstrip(".")
            raise TrainError(
                f"trackio cannot be started ({reason}); mend that, or set logging.trackio=false."
            ) from error

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def image(self, step: int, name: str, array_HWC: NDArray[np.uint8]) -> None:
        self._run.log({name: self._trackio.Image(array_HWC)}, step=step)

    def close(self) -> None:
        with redirect_stdout(io.StringIO()):
            self._trackio.finish()


def _loaded(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise TrainError(
            f"{name} cannot be loaded ({error}), but logging.{name} is true; pip install {name} or set logging.{name}=false."
        ) from error


def _name(folder: Path) -> str:
    return "/".join(folder.resolve().parts[-3:])
