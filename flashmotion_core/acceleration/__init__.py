"""What makes loaded models faster or smaller: attention backends, fp8, compilation. Errors name capabilities, never options."""
