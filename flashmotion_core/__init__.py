"""FlashMotion's library: trajectories, adapters, sampling and generation in pure torch, without ComfyUI."""
