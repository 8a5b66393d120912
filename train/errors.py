"""The one kind of error that a maker is meant to read."""

from __future__ import annotations


class TrainError(ValueError):
    """Something outside the code is wrong: one sentence that names the thing, the value received and what to do."""


class TrainingStopped(TrainError):  # noqa: N818 (it says what happened)
    """Training went on but was of no use any more (a NaN, a dead discriminator, a frozen video); names the knob to turn."""
