"""What leaves a run: files for ComfyUI, and the default that comes with the repository."""
