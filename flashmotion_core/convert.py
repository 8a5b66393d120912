"""``python -m flashmotion_core.convert``: a generator's or adapter's checkpoint to safetensors."""

import sys

from .cli.convert import main

if __name__ == "__main__":
    sys.exit(main())
