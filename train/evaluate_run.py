"""Evaluate what a run has made so far, even if the code has changed since: python -m train.evaluate_run RUN [key=value ...]"""

import sys

from flashmotion_core.cli.endings import end_quickly

from .evaluation.evaluate_run import main

if __name__ == "__main__":
    end_quickly()
    sys.exit(main())
