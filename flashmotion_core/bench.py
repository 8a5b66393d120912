"""``python -m flashmotion_core.bench``: measure clips of any model against their trajectories, without ComfyUI."""

import sys

from .cli.bench import main
from .cli.endings import end_quickly

if __name__ == "__main__":
    end_quickly()
    sys.exit(main())
