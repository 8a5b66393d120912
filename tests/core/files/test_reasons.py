"""What an error says, as a part of our own sentence."""

from __future__ import annotations

from flashmotion_core.files.reasons import first_line


def test_the_first_line_that_says_something_without_its_end() -> None:
    assert first_line(ValueError("\n  the file is cut off.\nmore about it")) == "the file is cut off"
    assert first_line(OSError("cannot be read:\n - because")) == "cannot be read"


def test_an_error_that_says_nothing_is_named_by_its_type() -> None:
    assert first_line(MemoryError()) == "MemoryError"
    assert (
        first_line(ValueError("\x1b]0;title\x07no tensors")) == "]0;titleno tensors"
    )  # a terminal obeys nothing of it
    assert first_line(RuntimeError("\n \n")) == "RuntimeError"
