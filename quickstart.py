"""Set up a real ComfyUI with FlashMotion and make a first video: `python quickstart.py` (--help for more)."""

import sys

from tools.setup.old_python import require_python

require_python()

from tools.quickstart.quickstart import main  # noqa: E402  (it needs a newer Python than the check)

if __name__ == "__main__":
    sys.exit(main())
