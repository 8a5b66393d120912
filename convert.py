"""Convert a generator, adapter, VAE or text encoder: `python convert.py IN OUT.safetensors` (--help for more)."""

import sys
from pathlib import Path

# The Python of portable Windows looks neither in the current folder nor in the script's.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from flashmotion_core.cli.convert import main
from flashmotion_core.cli.endings import end_quickly

if __name__ == "__main__":
    end_quickly()
    sys.exit(main())
