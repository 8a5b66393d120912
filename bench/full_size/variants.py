"""The adapters that are measured, by name: the two as they are, and cheaper ControlNets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """One way to run an adapter.

    Attributes:
        kind: ``resnet`` or ``controlnet``.
        nth_block: a clone block for every n-th block of the generator.
        compute_every: steps from one in which the adapter is computed to the next.
    """

    kind: str
    nth_block: int = 1
    compute_every: int = 1

    def inject_after(self, layers: int) -> tuple[int, ...]:
        """Blocks of a generator with so many layers."""
        return tuple(range(0, layers, self.nth_block))

    def computed_steps(self, steps: int) -> int:
        """In how many of so many steps the adapter is computed."""
        return -(-steps // self.compute_every)


VARIANTS = {
    "resnet": Variant("resnet"),
    "controlnet": Variant("controlnet"),
    "controlnet-2nd-block": Variant("controlnet", nth_block=2),
    "controlnet-3rd-block": Variant("controlnet", nth_block=3),
    "controlnet-2nd-step": Variant("controlnet", compute_every=2),
    "controlnet-1st-step": Variant("controlnet", compute_every=4),
}
"""``2nd-block``, ``3rd-block``: a shallower clone; ``2nd-step``, ``1st-step``: residuals used again."""
