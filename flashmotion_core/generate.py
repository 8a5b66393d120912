"""``python -m flashmotion_core.generate``: boxes in, video out, without ComfyUI."""

import sys

from .cli.generate import main

if __name__ == "__main__":
    sys.exit(main())
