"""The parts of ``bench/stage3.py``."""
