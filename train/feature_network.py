"""Train the network whose features Frechet distances compare: python -m train.feature_network [--steps 600] [--to FILE]"""

import sys

from .evaluation.feature_network import main

if __name__ == "__main__":
    sys.exit(main())
