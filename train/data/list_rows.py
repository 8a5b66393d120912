"""Read lists of videos row by row: JSON lines, CSV, or Parquet where pyarrow is installed. A list may be larger than memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flashmotion_core.files.reasons import first_line
from flashmotion_core.sets.clip_lists import csv_rows, text_lines

from ..errors import TrainError

LISTS = (".jsonl", ".csv", ".parquet")
AT_ONCE = 256
"""Rows of a Parquet file that are in memory together, as each may hold a trajectory."""


def read_rows(path: Path, wanted: Mapping[str, Sequence[str]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The number of each row, as a maker counts it, with what stands under each key of `wanted`, and the names of its ``columns``.

    Args:
        path: a file with a suffix of `LISTS`.
        wanted: by key, what its column may be called; the first one that holds something counts, None if none does.

    Raises:
        TrainError: the file or a row cannot be read, or pyarrow is missing.
    """
    readers = {".csv": _csv, ".parquet": _parquet}
    try:
        for number, row in readers.get(path.suffix.lower(), _json_lines)(path, wanted):
            columns = [str(name) for name in row if name is not None]
            found = {key: next((row[name] for name in names if row.get(name)), None) for key, names in wanted.items()}
            yield number, {**found, "columns": columns}
    except TrainError:
        raise
    except ValueError as error:  # of the core's readers
        raise TrainError(str(error)) from error


def without_nothing(value: Any) -> Any:
    """Plain values without the empty fields that Parquet gives an entry of a list whose neighbours have them."""
    if isinstance(value, dict):
        return {key: without_nothing(one) for key, one in value.items() if one is not None}
    return [without_nothing(one) for one in value] if isinstance(value, list) else value


def _csv(path: Path, _: object) -> Iterator[tuple[int, dict[str, Any]]]:
    yield from csv_rows(path)


def _json_lines(path: Path, _: object) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text_lines(path), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise TrainError(f"{path}, row {number} is not JSON ({error}); correct or remove it.") from error
            yield number, row if isinstance(row, dict) else {}


def _parquet(path: Path, wanted: Mapping[str, Sequence[str]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Only the columns that may be wanted are read; the others count as names."""
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise TrainError(
            f"the list of videos {path} is a Parquet file, which needs pyarrow; run `pip install pyarrow`, or save the list as .jsonl."
        ) from error
    known = {name for names in wanted.values() for name in names}
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            columns = list(file.schema_arrow.names)
            chosen = [name for name in columns if name in known]
            empty = dict.fromkeys(columns)
            if not chosen:
                yield from ((row, empty) for row in range(1, file.metadata.num_rows + 1))
                return
            for batch in file.iter_batches(batch_size=AT_ONCE, columns=chosen):
                for row in batch.to_pylist():
                    number += 1
                    yield number, {**empty, **row}
    except (OSError, pyarrow.ArrowException) as error:
        reason = first_line(error)
        raise TrainError(
            f"the list of videos {path} cannot be read after row {number} ({reason}); write it again."
        ) from error
