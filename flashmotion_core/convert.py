"""``python -m flashmotion_core.convert``: a generator's or adapter's checkpoint to safetensors."""

import sys

from .cli.convert import main
from .cli.endings import end_quickly

if __name__ == "__main__":
    end_quickly()
    sys.exit(main())
