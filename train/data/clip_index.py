"""The index of a finished folder of encoded clips: ``index.jsonl``, a header line, then a line per clip in the source's order.

It is written whole when all clips are there, and can be made again from the clips' files at any time. Lines are read when they are needed,
so a hundred thousand clips take no memory.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, overload

from flashmotion_core.files.whole_file import write_whole

from ..errors import TrainError
from .clip_file import ClipRecord, record_from

FORMAT = 3
INDEX = "index.jsonl"


def write_index(folder: Path, fingerprint: str, clips: Iterable[tuple[int, ClipRecord]], count: int) -> None:
    """Write the index of `count` clips, each with its number in the source. Raises OSError."""

    def write(part: Path) -> None:
        with part.open("w", encoding="ascii", newline="\n") as file:
            file.write(json.dumps({"format": FORMAT, "fingerprint": fingerprint, "clips": count}) + "\n")
            for number, record in clips:
                file.write(json.dumps({"number": number, **asdict(record)}) + "\n")

    write_whole(folder / INDEX, write)


class ClipIndex(Sequence[ClipRecord]):
    """The records of an index, parsed one at a time.

    Attributes:
        fingerprint: see `encode.fingerprint`.
        numbers: the clips' numbers in their source.
        mark: a hash of the fingerprint and of which clips these are.
    """

    def __init__(self, folder: Path) -> None:
        """Check every line once.

        Raises:
            TrainError: there is no index, it is damaged, or its format is another one.
        """
        self.path = folder / INDEX
        self.numbers, self._starts = array("q"), array("q")
        mark = hashlib.sha256()
        line_number = 1
        try:
            with self.path.open("rb") as file:
                self.fingerprint, count = self._header(file.readline())
                mark.update(self.fingerprint.encode())
                while True:
                    start = file.tell()
                    line = file.readline()
                    if not line:
                        break
                    line_number += 1
                    number, record = _parsed(line)
                    self._starts.append(start)
                    self.numbers.append(number)
                    mark.update(f"\0{number}\0{record.file}".encode())
        except OSError as error:
            raise TrainError(f"{self.path} cannot be read ({error.strerror}); run the data phase.") from error
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, TrainError):
                raise
            raise TrainError(f"{self.path} is damaged in line {line_number} ({error}); {AGAIN}.") from error
        if len(self) != count or not count:
            raise TrainError(f"{self.path} lists {len(self)} of {count} clips; {AGAIN}.")
        self.mark = mark.hexdigest()[:16]

    def _header(self, line: bytes) -> tuple[str, int]:
        header = json.loads(line)
        if header["format"] != FORMAT:
            raise TrainError(
                f"{self.path} has format {header['format']!r}, but this version reads format {FORMAT}; run the data phase again, "
                "which encodes these clips again."
            )
        return str(header["fingerprint"]), int(header["clips"])

    def __len__(self) -> int:
        """How many clips."""
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> ClipRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[ClipRecord]: ...
    def __getitem__(self, index: int | slice) -> ClipRecord | list[ClipRecord]:
        """The record of a clip, or of several."""
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        with self.path.open("rb") as file:
            file.seek(self._starts[index])
            return _parsed(file.readline())[1]

    def __iter__(self) -> Iterator[ClipRecord]:
        """All records, read in one go."""
        with self.path.open("rb") as file:
            file.readline()
            for line in file:
                yield _parsed(line)[1]


def _parsed(line: bytes) -> tuple[int, ClipRecord]:
    values: dict[str, Any] = json.loads(line)
    return int(values.pop("number")), record_from(values)


AGAIN = "run the data phase again, which makes the index again from the clips"
