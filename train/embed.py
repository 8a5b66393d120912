<<<<<<< HEAD
"""Embed a finished run of the synthetic world as the repository's default: python -m train.embed RUN --to assets/tiny --docs docs/tiny"""
=======
"""Make a finished run the tiny model that comes with the repository: python -m train.embed RUN --to assets/tiny --docs docs/tiny"""
>>>>>>> train1

import sys

from .publish.embed import main

if __name__ == "__main__":
    sys.exit(main())
