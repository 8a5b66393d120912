"""Read text files that people and other programs wrote: the one place where bytes become text."""

from __future__ import annotations

import codecs
from pathlib import Path

BYTE_ORDER_MARK = "\ufeff"


def read_text(path: str | Path) -> str:
    """A text file's content without a byte-order mark; UTF-8, or UTF-16 where the file begins with its mark.

    Excel's "CSV UTF-8" and Windows Notepad write such marks. Line ends become a line feed, as Python reads texts.

    Raises:
        OSError: the file cannot be read.
        UnicodeError: it is not such a text; the message is one sentence.
    """
    path = Path(path)
    return decode_text(path.read_bytes(), path.name).replace("\r\n", "\n").replace("\r", "\n")


def decode_text(content: bytes, name: str) -> str:
    """The text of a file's bytes, line ends as they are; `name` is for the sentence. See `read_text`."""
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        wanted = "UTF-16" if is_wide else "UTF-8"
        raise UnicodeError(
            f"{name} is not {wanted} text (byte {error.start} is {content[error.start]:#04x}): save it as UTF-8 text."
        ) from None


def without_mark(text: str) -> str:
    """The text without the byte-order mark that some programs leave at its beginning."""
    return text.removeprefix(BYTE_ORDER_MARK)
