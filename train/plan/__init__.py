"""What a run will take, and what can be known to be wrong before it starts."""
