"""Metrics of training: collected on the device, merged over ranks, written to CSV, TensorBoard and dashboards."""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flashmotion_core.files.whole_file import write_whole
from flashmotion_core.losses.regression import sums_by_sigma

from ..errors import TrainError
from ..parallel import World, sum_over_ranks
from .dashboards import open_dashboards

HEADER = ["step", "name", "value"]
Snapshot = tuple[dict[str, Tensor], set[str]]
Series = tuple[list[int], list[float]]
"""Steps and values of one metric."""


class Metrics:
    """Sums and counts per name, kept on the device, so that recording never makes the host wait.

    Every rank must record the same names between two calls of ``collect``.
    """

    def __init__(self, device: torch.device | str) -> None:
        self._device = torch.device(device)
        # In float64, so that the order of ranks and steps does not matter; Apple's devices lack it.
        self._dtype = torch.float32 if self._device.type == "mps" else torch.float64
        self._sums: dict[str, Tensor] = {}  # [2, values]: sums and counts
        self._binned: set[str] = set()

    def mean(self, name: str, value: Tensor | float) -> None:
        """Record a scalar, or one value per sample ``[B]``; ``collect`` averages all of them, over all ranks."""
        values = self._taken(value).reshape(-1)
        # full(), not tensor(), as a kernel fills it, where a copy from the host would wait.
        self._add(name, torch.stack([values.sum(), torch.full_like(values.sum(), values.numel())])[:, None])

    def last(self, name: str, value: Tensor | float) -> None:
        """Record a scalar of which only the latest counts, such as a learning rate; averaged over ranks."""
        latest = self._taken(value).reshape(1)
        assert name not in self._binned, f"{name} is kept by sigma"
        self._sums[name] = torch.stack([latest, torch.ones_like(latest)])

    def bins(self, name: str, loss_B: Tensor, sigma_B: Tensor) -> None:
        """Record a loss per sample ``[B]`` with its noise level ``[B]``, averaged in ten bins, ``name/sigma_0.0`` to ``name/sigma_0.9``."""
        self._binned.add(name)
        self._add(name, torch.stack(sums_by_sigma(self._taken(loss_B), sigma_B.detach().to(self._device))))

    def collect(self, world: World) -> dict[str, float]:
        """Averages of everything recorded on all ranks since the last call, empty bins left out; a collective call.

        This is the one place where the host waits for the device.
        """
        names = sorted(self._sums)
        if not names:
            return {}
        sums = torch.cat([self._sums[name] for name in names], dim=1)
        if world.size > 1:
            digest = torch.full((1,), zlib.crc32("\n".join(names).encode()), dtype=self._dtype, device=self._device)
            assert sum_over_ranks(world, digest.clone()).item() == world.size * digest.item(), (
                "ranks record different names"
            )
            sums = sum_over_ranks(world, sums)
        keys: list[str] = []
        for name in names:
            count = self._sums[name].shape[1]
            keys += [f"{name}/sigma_{i / count:.1f}" for i in range(count)] if name in self._binned else [name]
        self._sums, self._binned = {}, set()
        totals, counts = sums.tolist()
        return {key: total / count for key, total, count in zip(keys, totals, counts, strict=True) if count}

    def snapshot(self) -> Snapshot:
        """What was recorded so far, for ``restore``; nothing is copied."""
        return dict(self._sums), set(self._binned)

    def restore(self, snapshot: Snapshot) -> None:
        """Forget what was recorded after a snapshot, which must be of this log interval."""
        sums, binned = snapshot
        self._sums, self._binned = dict(sums), set(binned)

    def _taken(self, value: Tensor | float) -> Tensor:
        if isinstance(value, Tensor):
            return value.detach().to(self._device, self._dtype)
        return torch.full((), value, dtype=self._dtype, device=self._device)

    def _add(self, name: str, sums: Tensor) -> None:
        before = self._sums.get(name)
        assert before is None or before.shape == sums.shape, f"{name} is recorded both as a mean and by sigma"
        self._sums[name] = sums if before is None else before + sums


def _rows(path: Path) -> list[tuple[int, str, float]]:
    """A log's rows, without a last line that a killed run left unfinished."""
    text = path.read_text(encoding="utf-8")
    rows = list(csv.reader(text[: text.rfind("\n") + 1].splitlines()))
    if rows and rows[0] != HEADER:
        raise TrainError(
            f"{path} is not a log, as it begins with {rows[0]!r} instead of {HEADER!r}; move the file away."
        )
    found = []
    for number, row in enumerate(rows[1:], start=2):
        try:
            step, name, value = row
            found.append((int(step), name, float(value)))
        except ValueError:
            raise TrainError(
                f"line {number} of {path} is {','.join(row)!r} instead of step,name,value; repair or delete the line."
            ) from None
    return found


def read_log(path: Path) -> dict[str, Series]:
    """Steps and values of each metric in a ``log.csv``, in the order of the file.

    Raises:
        TrainError: the file is not a log.
    """
    found: dict[str, Series] = {}
    for step, name, value in _rows(path):
        steps, values = found.setdefault(name, ([], []))
        steps.append(step)
        values.append(value)
    return found


class Tracker:
    """Writes the metrics of one phase to ``log.csv`` and ``tensorboard/``, and to dashboards if asked for. Main rank only.

    Args:
        folder: the phase's folder.
        dashboards: where else to log to, see `dashboards`.
        resume_step: step of the checkpoint from which training resumes. Later rows, which a killed run left, are dropped; 0 drops all rows.

    Raises:
        TrainError: tensorboard (or a dashboard that is asked for) is not installed, or ``log.csv`` is not a log.
    """

    def __init__(self, folder: Path, *, dashboards: Sequence[str] = (), resume_step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise TrainError(
                f"tensorboard cannot be loaded ({error}), but every run logs to it; pip install tensorboard."
            ) from error
        self._dashboards = open_dashboards(folder, dashboards)

        path = folder / "log.csv"
        kept = [row for row in _rows(path) if row[0] <= resume_step] if path.exists() and resume_step else []
        rows = io.StringIO()
        csv.writer(rows, lineterminator="\n").writerows([HEADER, *kept])
        write_whole(path, rows.getvalue())
        self._file = path.open("a", encoding="utf-8", newline="")
        self._csv = csv.writer(self._file, lineterminator="\n")

        events = folder / "tensorboard"
        # TensorBoard hides earlier events from purge_step on.
        purge = (resume_step + 1 if resume_step else 0) if events.exists() else None
        self._board = SummaryWriter(str(events), purge_step=purge)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values of one step; they are on disk when this returns."""
        self._csv.writerows((step, name, float(value)) for name, value in values.items())
        self._file.flush()
        for name, value in values.items():
            self._board.add_scalar(name, value, step)
        self._board.flush()
        for dashboard in self._dashboards:
            dashboard.log(step, values)

    def image(self, step: int, name: str, array_HWC: NDArray[np.uint8]) -> None:
        """Write a picture ``[H, W, 3]``, such as a validation grid; not to the CSV."""
        assert array_HWC.dtype == np.uint8, array_HWC.dtype
        assert array_HWC.ndim == 3, array_HWC.shape
        self._board.add_image(name, array_HWC, step, dataformats="HWC")
        self._board.flush()
        for dashboard in self._dashboards:
            dashboard.image(step, name, array_HWC)

    def close(self) -> None:
        self._file.close()
        self._board.close()
        for dashboard in self._dashboards:
            dashboard.close()
