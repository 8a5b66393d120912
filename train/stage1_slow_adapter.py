"""Stage 1, the SlowAdapter: flow matching on the frozen SlowGenerator, masks first, then boxes.

    python train/stage1_slow_adapter.py --config tiny_cpu

does only this stage, with what the run folder already holds.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # as a script, the repository is not on the path
    from flashmotion_core.cli.endings import end_quickly
    from train.command import main

    end_quickly()
    sys.exit(main(only="stage1"))
