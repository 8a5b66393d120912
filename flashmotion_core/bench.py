"""``python -m flashmotion_core.bench``: measure clips of any model against their trajectories, without ComfyUI."""

import sys

from .cli.bench import main
from .cli.endings import end_at_once

if __name__ == "__main__":
    end_at_once()
    sys.exit(main())
