"""The parts of ``bench/stage3_checks.py``."""
