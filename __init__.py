"""FlashMotion for ComfyUI. ComfyUI reads two names here: ``comfy_entrypoint`` and ``WEB_DIRECTORY``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .nodes import FlashMotionExtension

WEB_DIRECTORY = "./web"

__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]


async def comfy_entrypoint() -> FlashMotionExtension:
    """Return the extension whose nodes ComfyUI registers. The import waits until then, so that this file imports anywhere."""
    from .nodes import FlashMotionExtension

    return FlashMotionExtension()
