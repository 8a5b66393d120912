"""A real ComfyUI server and its page, driven from outside."""
