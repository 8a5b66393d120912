"""The adapters that are measured, by name: the two as they are, and a ControlNet in some steps only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """One way to run an adapter.

    Attributes:
        kind: ``resnet`` or ``controlnet``.
        compute_every: steps from one in which the adapter is computed to the next.
    """

    kind: str
    compute_every: int = 1

    def computed_steps(self, steps: int) -> int:
        """In how many of so many steps the adapter is computed."""
        return -(-steps // self.compute_every)


VARIANTS = {
    "resnet": Variant("resnet"),
    "controlnet": Variant("controlnet"),
    "controlnet-2nd-step": Variant("controlnet", compute_every=2),
    "controlnet-1st-step": Variant("controlnet", compute_every=4),
}
"""``2nd-step``, ``1st-step``: residuals used again."""
