"""How the evaluation's rows and columns are called, and how to read them."""

from __future__ import annotations

CONTROLS = ("real", "oracle", "static", "random_trajectory")
"""Rows that say how to read the others."""
ALL = "all sets"
COLUMNS = {
    "box_iou": "box IoU",
    "mask_iou": "mask IoU",
    "frechet": "Frechet",
    "centre_error": "centre error",
    "lost": "lost",
    "psnr": "PSNR",
    "sharpness": "sharpness",
    "motion": "motion",
    "seconds": "s per clip",
}
WITH_INTERVAL = ("box_iou", "frechet")
TITLES = {
    "real": "real clip",
    "oracle": "real clip through the codec",
    "static": "frame 0, standing still",
    "slow_adapter": "SlowAdapter, SlowGenerator",
    "slow_adapter_few": "SlowAdapter, SlowGenerator, few steps",
    "slow_adapter_on_fast": "SlowAdapter, FastGenerator",
    "flashmotion": "FastAdapter, FastGenerator",
    "random_trajectory": "FastAdapter, FastGenerator, another clip's boxes",
}
EVERY = "_every_"
"""Stands in a row's name between whose it is and in every how manyth step the adapter is computed."""


def title_of(name: str, adapter: str | None) -> str:
    """How a row is called."""
    base, _, every = name.partition(EVERY)
    computed = f", adapter computed in every {every}. step" if every else ""
    return TITLES[base] + computed + ("" if adapter is None else f" ({adapter})")


READING = """The objects' boxes in a clip are compared with those that were asked for: box IoU is 1 where they are equal and 0 where they \
are apart; its 95 % interval is a bootstrap over clips. Mask IoU does the same with visible pixels. Centre error is the distance of \
the boxes' centres as a share of the frame's diagonal, where an object is found; lost is the share of frames on which it is not. Frame 0 is \
given, and does not count; nor does an object on frames on which the real clip hides it, or one that frame 0 does not show.

Read box IoU between two bounds: hardly a generator does better than the real clip through the codec, and frame 0 standing still is what comes out \
when boxes are ignored. The row with another clip's boxes is judged by the clip's own ones: as low as the static row or lower is right, as high \
as the FastAdapter means that the boxes are not followed.

Frechet distance compares the features of the clips, as a set, with those of the real ones: 0 is equal. The features are those of a small \
network of our own, trained on the synthetic world, which tells shapes, colours and motion, and blur, noise, ghosts and frozen or shuffled \
time; such distances compare with one another, and with no published figure. Its interval is a bootstrap over pairs of a clip and its real one.

PSNR (dB), sharpness and motion compare the pictures with the real clip; sharpness and motion are 1 where they are equal. Well below 1, objects \
may stay in their boxes while the video blurs or freezes. Seconds are those of sampling a clip by itself, the median over a few. Slow rows \
are sampled by Euler steps (with the guidance that `evaluate.guidance_scale` names), fast \
ones with fresh noise at every step; noise is the same in all rows."""
NO_SPRITES = "The held-out clips are videos whose objects cannot be followed exactly, so only PSNR, sharpness and motion are measured."
ALONE = "There is one held-out clip, so there is no row with another clip's boxes."
