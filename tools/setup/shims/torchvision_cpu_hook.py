"""Makes a torchvision built for CUDA importable beside a torch built for the CPU.

Such a torchvision cannot load its compiled operators. `torchvision::nms` and `::qnms` are then undefined, and its import
fails while registering their shapes. Everything else degrades by itself: `torchvision.extension._has_ops()` is False,
roi_align falls back to Python, and nms raises when called. So this hook declares the two operators, without an
implementation, just before torchvision is first imported.

tools/setup/environment.py copies it into site-packages with a .pth file that imports it. It adds one meta-path finder
and costs nothing until something imports torchvision.
"""

from __future__ import annotations

import importlib.abc
import sys
from typing import Any


class _DeclareOperators(importlib.abc.MetaPathFinder):
    library: Any = None  # kept for the life of the process: operators disappear with their Library

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            if torch.version.cuda is None:
                library: Any = torch.library
                _DeclareOperators.library = fragment = library.Library("torchvision", "FRAGMENT")
                for operator in ("nms", "qnms"):
                    fragment.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        # returns None, so the real finders continue


sys.meta_path.insert(0, _DeclareOperators())
