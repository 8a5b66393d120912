"""``python -m flashmotion_core.convert``: a generator's or adapter's checkpoint to safetensors."""

import sys

from .cli.convert import main
from .cli.endings import end_at_once

if __name__ == "__main__":
    end_at_once()
    sys.exit(main())
