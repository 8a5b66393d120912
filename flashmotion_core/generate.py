"""``python -m flashmotion_core.generate``: boxes in, video out, without ComfyUI."""

import sys

from .cli.endings import end_quickly
from .cli.generate import main

if __name__ == "__main__":
    end_quickly()
    sys.exit(main())
