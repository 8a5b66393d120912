"""Make a finished run the tiny model that comes with the repository: python -m train.embed RUN --to assets/tiny --docs docs/tiny"""

import sys

from .publish.embed import main

if __name__ == "__main__":
    sys.exit(main())
