"""Headless generation: the same generator, text encoder and adapter files as in ComfyUI, without ComfyUI."""
