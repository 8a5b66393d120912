"""What is kept of a step: how it went, on which card, and the results that it left, as JSON and as Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flashmotion_core.files.whole_file import write_whole

FORMAT = 1


def write_result(stem: Path, found: object, page: str) -> None:
    """What a step leaves: ``stem.json`` with what it found, and ``stem.md`` with its tables."""
    write_whole(stem.with_suffix(".json"), json.dumps(found, indent=1) + "\n")
    write_whole(stem.with_suffix(".md"), page)


@dataclass
class StepRecord:
    """A step of a run.

    Attributes:
        step: its name.
        title: what it does.
        outcome: ``done``, ``failed``, ``ended at its limit``, ``to be continued``, ``left out``, ``to do`` or ``running``.
        note: why, or what was left out.
        seconds: how long it took.
        date: when it began, UTC.
        command: what was run.
        card: name, memory and versions; see ``card.describe``.
        result: what the step itself wrote; None if it wrote nothing.
    """

    step: str
    title: str
    outcome: str
    note: str = ""
    seconds: float = 0.0
    date: str = ""
    command: str = ""
    card: dict[str, Any] = field(default_factory=dict)
    result: Any = None

    @classmethod
    def read(cls, folder: Path, step: str) -> StepRecord | None:
        """An earlier record; None if there is none."""
        try:
            values = json.loads((folder / f"{step}.json").read_text(encoding="utf-8"))
            values.pop("format")
            return cls(**values)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, folder: Path, stem: Path, shorter: Mapping[str, str]) -> None:
        """Write ``folder/STEP.json`` and ``.md``, with what the step wrote into ``stem.json`` and ``stem.md`` so far.

        Args:
            folder: for results of this card.
            stem: of the step's own files.
            shorter: paths of this machine, which have no place in results, and what stands for them.
        """
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self.result = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
            tables = stem.with_suffix(".md").read_text(encoding="utf-8")
        except (OSError, ValueError):  # nothing yet
            tables = ""
        text, page = json.dumps({"format": FORMAT, **asdict(self)}, indent=1), self.markdown() + tables
        for path, name in shorter.items():
            text, page = text.replace(path, name), page.replace(path, name)
        write_whole(folder / f"{self.step}.json", text + "\n")
        write_whole(folder / f"{self.step}.md", page)

    def errors(self, group: str = "") -> list[str]:
        """Why rows of the result have no time; of one group, or of all."""
        rows = self.result.get("rows", []) if isinstance(self.result, dict) else []
        return [row["error"] for row in rows if row.get("error") and group in ("", row["group"])]

    def markdown(self) -> str:
        """The head of the step's page."""
        card = self.card
        versions = [f"{name} {card[name]}" for name in ("torch", "cuda", "driver", "python") if card.get(name)]
        memory = f" ({card['memory_bytes'] / 1e9:.0f} GB)" if "memory_bytes" in card else ""
        return (
            f"# {self.step}: {self.title}\n\n{card.get('name', 'CPU')}{memory}, {', '.join(versions)}; {self.date}, `{self.command}`.\n\n"
            f"{self.outcome[:1].upper()}{self.outcome[1:]} after {self.seconds:.0f} s{self.note and ': ' + self.note}.\n\n"
        )

    def row(self, folder: Path) -> list[str]:
        """A line of the closing table."""
        file = folder / f"{self.step}.md"
        where = str(file) if file.is_file() else "-"
        return [self.step, self.outcome, f"{self.seconds:.0f}" if self.seconds else "-", where, self.note]
