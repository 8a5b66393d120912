"""FlashMotion's nodes. This folder is the only Python that imports ComfyUI; node ids and the order of inputs never change."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io
from typing_extensions import override

from . import carried
from .apply_fast_adapter import ApplyFastAdapter
from .draw_trajectory import DrawTrajectory
from .few_step_sampler import FewStepSampler
from .load_fast_generator import LoadFastGenerator
from .motion_animatic import MotionAnimatic
from .trajectory_score import TrajectoryScore


class FlashMotionExtension(ComfyExtension):
    """What ComfyUI registers."""

    @override
    async def on_load(self) -> None:
        """Make the tiny example's models and picture known, before ComfyUI asks the nodes for their lists of files."""
        carried.register()

    @override
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """The nodes, in the order of use."""
        return [LoadFastGenerator, DrawTrajectory, ApplyFastAdapter, FewStepSampler, MotionAnimatic, TrajectoryScore]
