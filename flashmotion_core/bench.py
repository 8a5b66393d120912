"""``python -m flashmotion_core.bench``: measure clips of any model against their trajectories, without ComfyUI."""

import sys

from .cli.bench import main

if __name__ == "__main__":
    sys.exit(main())
