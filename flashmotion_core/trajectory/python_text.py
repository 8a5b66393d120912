"""JSON that went through Python's str(): `{'version': 1, 'color': None}`.

ComfyUI makes a text of every value of a STRING input, so a document that a client of its API sends as a JSON object arrives so. Only what
str() writes of JSON values is read: quotes and escapes are rewritten, words are translated, and everything else stays for the JSON parser
to judge. Nothing is evaluated.
"""

from __future__ import annotations

import json
import re

_BEGINS = re.compile(r"\s*(?:\[\s*)*\{\s*'")
_TOKEN = re.compile(r"""'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|\b(True|False|None|nan|inf)\b""")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)")
_WORDS = {"True": "true", "False": "false", "None": "null", "nan": "NaN", "inf": "Infinity"}
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}


def is_python_text(source: str) -> bool:
    """Whether a text begins with an object whose first name stands in single quotes, which no JSON does."""
    return _BEGINS.match(source) is not None


def json_of(source: str) -> str:
    """The JSON text of such a text. What is not one becomes a text that is not JSON either."""
    return _TOKEN.sub(_as_json, source)


def _as_json(token: re.Match[str]) -> str:
    single, double, word = token.groups()
    if word is not None:
        return _WORDS[word]
    return json.dumps(_ESCAPE.sub(_character, single if single is not None else double))


def _character(escape: re.Match[str]) -> str:
    code = escape[1]
    if len(code) == 1:
        return _CONTROLS.get(code, code)
    number = int(code[1:], 16)
    return chr(number) if number <= 0x10FFFF else "\ufffd"
