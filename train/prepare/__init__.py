"""From plain videos to clips that can be trained on: shots, objects with boxes and masks, captions, and a verdict on each clip."""
