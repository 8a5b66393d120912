"""What travels with a MODEL besides its weights: schedule, need for text, fingerprint. Clones, LoRA loaders and patches keep it."""

from __future__ import annotations

from typing import Any

from ..flashmotion_core.sampling.schedule import Schedule

KEY = "flashmotion"
"""What everything of ours is attached under."""


def attached_schedule(model: Any) -> Schedule | None:
    """The schedule that travels with a MODEL, if any."""
    schedule: Schedule | None = model.get_attachment(f"{KEY}.schedule")
    return schedule


def attach_schedule(model: Any, schedule: Schedule, assumed: bool = False) -> None:
    """Attach a schedule to a MODEL (clones keep it); ``assumed`` where no file named it."""
    model.set_attachments(f"{KEY}.schedule", schedule)
    model.set_attachments(f"{KEY}.schedule_assumed", assumed)


def schedule_is_open(model: Any) -> bool:
    """Whether no file has named the schedule that the MODEL was trained for."""
    return attached_schedule(model) is None or bool(model.get_attachment(f"{KEY}.schedule_assumed"))


def needs_text(model: Any) -> bool:
    """Whether the MODEL's generator was trained with text; assumed if its file does not say."""
    return model.get_attachment(f"{KEY}.text") is not False


def attach_needs_text(model: Any, text: bool) -> None:
    """Remember with a MODEL whether its generator was trained with text."""
    model.set_attachments(f"{KEY}.text", text)


def attached_fingerprint(model: Any) -> str | None:
    """Fingerprint of the MODEL's generator, where LoadFastGenerator loaded it."""
    found: str | None = model.get_attachment(f"{KEY}.fingerprint")
    return found


def attach_fingerprint(model: Any, fingerprint: str) -> None:
    """Remember with a MODEL which generator it is."""
    model.set_attachments(f"{KEY}.fingerprint", fingerprint)
