"""Tables of cells as programs write them: with commas, semicolons, tabs or spaces, decimal points or commas."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

from ...files.texts import without_mark
from ..field_checks import TrajectoryError

_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_DECIMAL_COMMA = re.compile(r"[+-]?([0-9]+,[0-9]*|,[0-9]+)([eE][+-]?[0-9]{1,3})?")
_EXCEL = re.compile(r"sep=([,;\t])\r?\n", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')
_SPACES = re.compile(r" +")
_AT_ENDS = re.compile(r"(^|[\r\n]) | (?=[\r\n]|$)")
_LINE_END = re.compile(r"[\r\n]")
_NOTHING = ("", "nan", "na", "n/a", "none", "null", "-")


@dataclass(frozen=True, slots=True)
class Cells:
    """A table's rows: `rows` are (line on which the row ends, cells), blank lines left out."""

    rows: tuple[tuple[int, tuple[str, ...]], ...]
    separator: str

    def number(self, cell: str) -> float | None:
        """The number in a cell, or None; a decimal comma counts where the separator is another character."""
        text = cell.strip()
        if len(text) >= 64:
            return None
        if _DECIMAL.fullmatch(text):
            return float(text)
        if self.separator != "," and _DECIMAL_COMMA.fullmatch(text):
            return float(text.replace(",", "."))
        return None


def is_nothing(cell: str) -> bool:
    """Whether a cell says that there is no value, as pandas and spreadsheets write it."""
    return cell.strip().lower() in _NOTHING


def split_cells(table: str) -> Cells:
    """The cells of a table; the separator is the first of tab, semicolon and comma that the first line has outside quotes, else spaces.

    A byte-order mark is dropped. Raises `TrajectoryError` naming the line of wrong quotes.
    """
    table = without_mark(table)
    said = _EXCEL.match(table)
    first = _LINE_END.split(_QUOTED.sub("", table[: 1 << 16].lstrip("\r\n")), maxsplit=1)[0]
    separator = said[1] if said else next((mark for mark in "\t;, " if mark in first), ",")
    if separator == " ":
        table = _AT_ENDS.sub(r"\1", _SPACES.sub(" ", table))
    reader = csv.reader(io.StringIO(table, newline=""), strict=True, delimiter=separator)
    rows = []
    try:
        for row in reader:
            if row and not (said and reader.line_num == 1):
                rows.append((reader.line_num, tuple(row)))
    except csv.Error as error:
        raise TrajectoryError(f"line {reader.line_num} is not CSV ({error}): repair its quotes.", "table") from None
    return Cells(tuple(rows), separator)
