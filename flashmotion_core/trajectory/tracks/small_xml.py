"""A small XML reader for untrusted files: elements, attributes and text, and nothing that could fetch or multiply anything.

It knows the five entities of XML and character numbers; a DOCTYPE, which could define others, is refused. The editor's
small_xml.js is the same, so that both read the same files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from ..field_checks import TrajectoryError, shorten

_MAX_DEPTH = 32
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")
_ATTRIBUTE = re.compile(r"[ \t\r\n]+([A-Za-z_][A-Za-z0-9_.:-]*)[ \t\r\n]*=[ \t\r\n]*(\"[^\"<]*\"|'[^'<]*')")
_END = re.compile(r"[ \t\r\n]*(/?)>")
_REFERENCE = re.compile(r"&([^;&]{0,12})(;?)")
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_NUMBER = re.compile(r"#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6})")


class XmlElement(NamedTuple):
    """The start of an element: its line, the names from the root to it, its attributes."""

    line: int
    path: tuple[str, ...]
    attributes: dict[str, str]


class XmlText(NamedTuple):
    """Text directly inside the element at `path`, without white space around it; never empty."""

    line: int
    path: tuple[str, ...]
    text: str


def read_xml(source: str) -> Iterator[XmlElement | XmlText]:
    """The elements and texts of a document, in order. Raises `TrajectoryError` naming the line."""
    path: tuple[str, ...] = ()
    at = line = 0
    line = 1
    roots = 0
    while at < len(source):
        opening = source.find("<", at)
        end = len(source) if opening < 0 else opening
        text = source[at:end].strip(" \t\r\n")
        if text and not path:
            _refuse(line, f"has the text {shorten(text)} outside its elements: remove it")
        if text:
            yield XmlText(line, path, _plain(text, line))
        line += source.count("\n", at, end)
        if opening < 0:
            break
        skipped = _skipped(source, opening, line)
        if skipped:
            line += source.count("\n", opening, skipped)
            at = skipped
            continue
        closing = source.startswith("</", opening)
        name = _NAME.match(source, opening + 1 + closing)
        if not name:
            _refuse(
                line, f"has no name after {shorten(source[opening : opening + 8])}: repair the file or export it again"
            )
        at = name.end()
        attributes: dict[str, str] = {}
        while not closing and (found := _ATTRIBUTE.match(source, at)):
            if found[1] in attributes:
                _refuse(line, f"has the attribute {shorten(found[1])} twice: keep one")
            attributes[found[1]] = _plain(found[2][1:-1], line)
            at = found.end()
        finish = _END.match(source, at)
        if not finish or (closing and finish[1]):
            _refuse(line, f"has a broken tag {shorten(name[0])}: repair the file or export it again")
        at = finish.end()
        if closing:
            if not path or path[-1] != name[0]:
                wanted = f"</{path[-1]}>" if path else "nothing"
                _refuse(
                    line, f"closes {shorten(name[0])} where {wanted} is expected: repair the file or export it again"
                )
            path = path[:-1]
        else:
            roots += not path
            if roots > 1:
                _refuse(line, f"has a second root {shorten(name[0])}: keep one")
            if len(path) >= _MAX_DEPTH:
                _refuse(line, f"is nested deeper than {_MAX_DEPTH} elements: export it again as CVAT for video")
            yield XmlElement(line, (*path, name[0]), attributes)
            if not finish[1]:
                path = (*path, name[0])
        line += source.count("\n", opening, at)
    if path:
        _refuse(line, f"ends inside {shorten(path[-1])}: the file is cut off, export it again")
    if not roots:
        _refuse(line, "has no element: export the file again")


def _refuse(line: int, what: str) -> NoReturn:
    raise TrajectoryError(f"line {line} {what}.", "table")


def _skipped(source: str, at: int, line: int) -> int:
    """Where a comment, declaration or CDATA section that begins here ends; 0 for anything else."""
    for start, stop in (("<!--", "-->"), ("<?", "?>")):
        if source.startswith(start, at):
            end = source.find(stop, at + len(start))
            if end < 0:
                _refuse(line, f"begins {shorten(start)} without an end: repair the file or export it again")
            return end + len(stop)
    if source.startswith("<!", at):
        _refuse(line, f"has {shorten(source[at : at + 9])}, which could define or hide content: remove that part")
    return 0


def _plain(text: str, line: int) -> str:
    """The text with its references resolved."""

    def resolved(found: re.Match[str]) -> str:
        number = _NUMBER.fullmatch(found[1])
        value = int(number[1] or number[2], 10 if number[1] else 16) if number else 0
        is_character = 0 < value <= 0x10FFFF and not 0xD800 <= value <= 0xDFFF
        if not found[2] or (found[1] not in _ENTITIES and not is_character):
            _refuse(line, f"has the unknown reference {shorten(found[0])}: write &amp; for a plain &")
        return chr(value) if number else _ENTITIES[found[1]]

    return _REFERENCE.sub(resolved, text) if "&" in text else text
