"""The parts of ``bench/on_gpu.py``: its steps, what runs them one by one, and the goals that their results are held against."""
