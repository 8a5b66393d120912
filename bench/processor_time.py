"""The processor time of the page's main thread."""

from __future__ import annotations

from typing import Any


class Processor:
    """The processor time of a page's main thread."""

    def __init__(self, page: Any) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self.before = self.now()

    def now(self) -> float:
        """Milliseconds since the page was made."""
        return 1000 * self.metric("TaskDuration")

    def metric(self, name: str) -> float:
        """One of Chromium's metrics of the page."""
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        (value,) = (metric["value"] for metric in metrics if metric["name"] == name)
        return float(value)

    def lap(self) -> float:
        """Milliseconds since the last call."""
        before, self.before = self.before, self.now()
        return self.before - before
