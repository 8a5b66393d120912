"""Embed a finished run of the synthetic world as the repository's default: python -m train.embed RUN --to assets/tiny --docs docs/tiny"""

import sys

from .publish.embed import main

if __name__ == "__main__":
    sys.exit(main())
