"""The parts of ``bench/claims.py``."""
