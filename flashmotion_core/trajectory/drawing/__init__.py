"""What a trajectory looks like: the control map, and the animatic of cut-out objects."""
