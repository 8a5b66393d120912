"""Names of the evaluation's rows and columns, and how to read them."""

from __future__ import annotations

from flashmotion_core.metrics import titles as figures

CONTROLS = (
    "real",
    "oracle",
    "static",
    "paste",
    "counterfactual_real",
    "counterfactual_static",
    "random_trajectory",
    "counterfactual",
)
"""Rows that show how to read the others."""
ALL = "all sets"
_SHOWN = ("box_iou", "mask_iou", "frechet", "centre_error", "lost", "psnr", "sharpness", "motion", "seconds")
COLUMNS = {name: figures.TITLES[name] for name in _SHOWN}
WITH_INTERVAL = ("box_iou", "frechet")
TITLES = {
    "real": "real clip",
    "oracle": "real clip through the codec",
    "static": "frame 0, standing still",
    "paste": "copy and paste of frame 0's objects",
    "counterfactual_real": "real clip, against a counterfactual motion",
    "counterfactual_static": "frame 0, against a counterfactual motion",
    "slow_adapter": "SlowAdapter, SlowGenerator",
    "slow_adapter_few": "SlowAdapter, SlowGenerator, few steps",
    "slow_adapter_on_fast": "SlowAdapter, FastGenerator",
    "flashmotion": "FastAdapter, FastGenerator",
    "random_trajectory": "FastAdapter, FastGenerator, another clip's boxes",
    "counterfactual": "FastAdapter, FastGenerator, a counterfactual motion",
}
EVERY = "_every_"
"""Joins a row's name and n where the adapter is computed every n-th step."""


def title_of(name: str, adapter: str | None) -> str:
    """A row's name for people; a row that has no title here is called by its name."""
    base, _, every = name.partition(EVERY)
    computed = f", adapter computed every {_ordinal(int(every))} step" if every else ""
    return TITLES.get(base, base.replace("_", " ")) + computed + ("" if adapter is None else f" ({adapter})")


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


READING = """Box IoU compares the objects' boxes in a clip with the boxes that were asked for. It is 1 where they are equal and 0 where they \
do not overlap; its 95 % interval is a bootstrap over clips. Mask IoU does the same with visible pixels. Centre error is the distance between \
the boxes' centres as a share of the frame's diagonal, on frames where the object is found. Lost is the share of frames where it is not \
found. Frame 0 is given and does not count. Nor do frames on which the real clip hides the object, or objects that frame 0 does not show.

Read box IoU between two bounds. Hardly any generator does better than the real clip through the codec, and frame 0 standing still is what \
comes out when boxes are ignored. The row with another clip's boxes is measured against the clip's own boxes. It should be as low as the \
static row or lower; a value near the FastAdapter's means that the boxes are not followed.

The counterfactual rows have the same first frame and other boxes: each object's path turned about its beginning. They are measured against \
those boxes. A model that memorised its clips does well with their own boxes and no better here than the real clip does against the other \
ones. Copy and paste moves frame 0's objects without a generator; where it wins, the clips are too easy to show that one is needed. The best \
row has the highest box IoU times sharpness (up to 1).

Frechet distance compares the features of a row's clips, as a set, with those of the real clips; 0 means equal. The features come from our \
own small network, trained on the synthetic world. It recognises shapes, colours and motion, as well as blur, noise, ghosts and frozen or \
shuffled time. Compare these distances with one another, never with published figures. The interval is a bootstrap over pairs of a clip and \
its real clip.

PSNR (dB), sharpness and motion compare the pictures with the real clip; sharpness and motion are 1 where they are equal. Well below 1, the \
video blurs or freezes even if the objects stay in their boxes. Seconds are the median time to sample one clip by itself, over a few clips. \
Slow rows are sampled with Euler steps (with the guidance in evaluate.guidance_scale), fast rows with fresh noise at every step. The noise \
is the same in all rows."""
NO_SPRITES = """The held-out clips are videos. Their objects are followed from frame 0 by a tracker that makes mistakes: the row of the real \
clip says what it loses. There is no mask IoU and no Frechet distance, as the feature network knows only the synthetic world."""
ALONE = "There is only one held-out clip, so there is no row with another clip's boxes."
