"""Lets a torchvision that was built for CUDA be imported next to a torch that was built for the CPU.

Such a torchvision cannot load its compiled operators, so `torchvision::nms` and `::qnms` are never defined, and its
import fails on registering their shapes. Everything else degrades by itself (`torchvision.extension._has_ops()` is
False, roi_align falls back to Python, nms raises when it is called). So the two are declared, without an
implementation, just before torchvision is imported for the first time.

Copied into site-packages by tools/setup/environment.py together with a .pth file that imports it: one meta-path finder,
no cost until something imports torchvision.
"""

from __future__ import annotations

import importlib.abc
import sys
from typing import Any


class _DeclareOperators(importlib.abc.MetaPathFinder):
    library: Any = None  # kept for the life of the process: operators vanish with their Library

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            if torch.version.cuda is None:
                library: Any = torch.library
                _DeclareOperators.library = fragment = library.Library("torchvision", "FRAGMENT")
                for operator in ("nms", "qnms"):
                    fragment.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        # and returns None: the real finders go on


sys.meta_path.insert(0, _DeclareOperators())
