"""The parts of ``bench/speed.py``: models of the real shapes with random weights, what is timed, and the tables."""
