"""What quickstart.py does after set-up: a scene, a run, the pictures that show it."""
