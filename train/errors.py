"""The errors that users read."""

from __future__ import annotations


class TrainError(ValueError):
    """Something outside the code is wrong. One sentence names the thing, the value received and what to do."""


class TrainingStopped(TrainError):  # noqa: N818 (it says what happened)
    """Training can no longer succeed (a NaN, a winning discriminator, a frozen video). Names the setting to change."""
