"""What our safetensors files say about themselves: typed, bounded, and read and written by the same models."""

FORMAT = "1"
PREFIX = "flashmotion."
"""Of every entry of ours; other entries belong to other programs."""
