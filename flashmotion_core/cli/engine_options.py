"""Which options of ``generate`` belong to an adapter, and which to the guide."""

from __future__ import annotations

import argparse

ADAPTER_ONLY = {"strength": 1.0, "start": 0.0, "end": 1.0, "compute_every": 1}
"""Options of an adapter, and their defaults."""
GUIDE_ONLY = ("follow", "hold_object", "hold_background")


def check_engines(options: argparse.Namespace) -> None:
    """Check that something makes the objects move, and that no option is for what is not there."""
    if options.adapter is None and not options.guide:
        raise ValueError("nothing makes the objects follow their boxes; give --adapter FILE, --guide, or both.")
    if options.guide and options.image is None:
        raise ValueError("--guide moves the start image's own objects, but --image is missing; give one.")
    given = [] if options.guide else [(name, "--guide") for name in GUIDE_ONLY if getattr(options, name) is not None]
    if options.adapter is None:
        given += [(name, "--adapter") for name, usual in ADAPTER_ONLY.items() if getattr(options, name) != usual]
    for name, owner in given:
        option = f"--{name.replace('_', '-')}"
        raise ValueError(
            f"{option} is {getattr(options, name)}, but it is for {owner}; give {owner} too, or leave it out."
        )
