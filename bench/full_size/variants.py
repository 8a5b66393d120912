"""The measured adapters by name: both kinds at every step, and a ControlNet at some steps only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """One way to run an adapter.

    Attributes:
        kind: ``resnet`` or ``controlnet``.
        compute_every: compute the adapter at every Nth step.
    """

    kind: str
    compute_every: int = 1

    def computed_steps(self, steps: int) -> int:
        """How many of ``steps`` steps compute the adapter."""
        return -(-steps // self.compute_every)


VARIANTS = {
    "resnet": Variant("resnet"),
    "controlnet": Variant("controlnet"),
    "controlnet-2nd-step": Variant("controlnet", compute_every=2),
    "controlnet-1st-step": Variant("controlnet", compute_every=4),
}
"""``2nd-step`` (every 2nd step) and ``1st-step`` (the 1st of four) reuse residuals in the other steps."""
