"""Evaluate what a run has made so far, whatever of it the code has learnt since: python -m train.evaluate_run RUN [key=value ...]"""

import sys

from .evaluation.evaluate_run import main

if __name__ == "__main__":
    sys.exit(main())
