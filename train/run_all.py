"""Train a trajectory adapter from scratch with one command: python train/run_all.py --config tiny_cpu

    check      the configuration, the machine, and what the run will take
    prepare    clips, objects and captions from your videos; `preview` stops here, with a page of them
    codec      a small codec, unless a VAE is given
    data       clips and control maps, encoded once
    base       a small SlowGenerator, unless one is given
    stage1     the SlowAdapter: flow matching on the frozen SlowGenerator
    stage2     the FastGenerator: distribution matching, unless one is given
    stage3     the FastAdapter: adversarial and diffusion loss on the frozen FastGenerator
    evaluate   boxes, motion and sharpness on held-out clips, and a report
    export     files for ComfyUI

Every phase leaves a done-file: run the command again to continue. `--help` lists the options.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # as a script, the repository is not on the path
    from flashmotion_core.cli.endings import end_quickly
    from train.command import main

    end_quickly()
    sys.exit(main())
